"""The names pymesos asks of the original's pure-Python parser.

pymesos looks here only when its parser has an attribute ``errno``, which :class:`http_parser.http.HttpParser`
has not.
"""

from http_parser.http import HttpParser

BAD_FIRST_LINE = 0
INVALID_HEADER = 1
INVALID_CHUNK = 2

__all__ = ["BAD_FIRST_LINE", "INVALID_CHUNK", "INVALID_HEADER", "HttpParser"]
