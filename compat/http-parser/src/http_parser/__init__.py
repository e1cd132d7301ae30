"""Replacement for the distribution ``http-parser``, for pymesos; see :mod:`http_parser.http`."""
