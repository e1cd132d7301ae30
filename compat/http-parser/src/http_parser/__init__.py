"""The distribution ``http-parser`` as pymesos needs it; see :mod:`http_parser.http`."""
