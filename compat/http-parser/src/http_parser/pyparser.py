"""The names that pymesos imports from the original's pure-Python parser.

pymesos imports them only if its parser has an attribute ``errno``, which :class:`http_parser.http.HttpParser` does not
have.
"""

from http_parser.http import HttpParser

BAD_FIRST_LINE = 0
INVALID_HEADER = 1
INVALID_CHUNK = 2

__all__ = ["BAD_FIRST_LINE", "INVALID_CHUNK", "INVALID_HEADER", "HttpParser"]
