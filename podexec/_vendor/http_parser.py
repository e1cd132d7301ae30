"""``HttpParser``: an incremental parser whose state can be queried between pieces of input.

It stands in for the parser of the distribution ``http-parser``, which pymesos imports, and contains no code of it: it
translates between that query interface and the callbacks of httptools. It does no I/O, and imports httptools only when
there is something to parse. podexec's drivers never parse with it; pymesos' own do, the baseline of measurements
(``bench/bare.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httptools

HTTP_REQUEST = 0
HTTP_RESPONSE = 1
HTTP_BOTH = 2
# pymesos imports it for parsers that have an attribute ``errno``, which this one does not have.
INVALID_CHUNK = 2

_RESPONSE_START = b"HTTP/"
_PARSE_ERROR = 1


class HttpParser:
    """An incremental parser of successive HTTP messages.

    ``kind`` is the kind of message to expect; with ``HTTP_BOTH`` the first bytes decide. Queries are about the message
    that began last.
    """

    def __init__(self, kind: int = HTTP_BOTH, decompress: bool = False) -> None:
        if decompress:
            raise NotImplementedError("this http_parser does not decompress bodies; pass decompress=False")
        self._kind = kind
        self._undecided = b""
        self._parser: httptools.HttpRequestParser | httptools.HttpResponseParser | None = None
        self._errno = 0
        self._begin()

    # -- feeding -----------------------------------------------------------------------------------------------

    def execute(self, data: bytes, length: int) -> int:
        """Parse ``data[:length]``. Returns the number of accepted bytes; fewer than ``length`` mean an error or an
        upgrade.

        A ``length`` of 0 ends the stream.
        """
        if length == 0:
            self._end_of_stream()
            return 0
        piece = self._undecided + data[:length] if self._undecided else data[:length]
        if self._parser is None and not self._choose(piece):
            self._undecided = piece
            return length
        self._undecided = b""
        return length if self._feed(piece) else 0

    def _choose(self, start: bytes) -> bool:
        """Create the parser as soon as ``start`` shows whether this is a request or a response."""
        start = start.lstrip(b"\r\n")
        kind = self._kind
        if kind == HTTP_BOTH:
            if len(start) < len(_RESPONSE_START) and _RESPONSE_START.startswith(start):
                return False
            kind = HTTP_RESPONSE if start.startswith(_RESPONSE_START) else HTTP_REQUEST
        import httptools  # noqa: PLC0415 - an importer of pymesos that never parses must not need it

        self._parser = (
            httptools.HttpResponseParser(self) if kind == HTTP_RESPONSE else httptools.HttpRequestParser(self)
        )
        return True

    def _feed(self, piece: bytes) -> bool:
        from httptools import HttpParserError, HttpParserUpgrade  # noqa: PLC0415 - see _choose

        assert self._parser is not None
        try:
            self._parser.feed_data(piece)
        except HttpParserUpgrade:
            self._upgrade = True
            return False
        except HttpParserError:
            self._errno = _PARSE_ERROR
            return False
        return True

    def _end_of_stream(self) -> None:
        """Complete a response without length and chunks, which the end of the stream delimits."""
        delimited = self.is_chunked() or "CONTENT-LENGTH" in {name.upper() for name in self._headers}
        if self._headers_complete and not delimited:
            self._message_complete = True

    # -- callbacks of httptools --------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._url = b""
        self._body: list[bytes] = []
        self._headers_complete = False
        self._message_complete = False
        self._upgrade = False
        self._keep_alive = False

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._headers_complete = True
        assert self._parser is not None
        # Read it now: at the end of the message httptools no longer has it.
        self._keep_alive = bool(self._parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._message_complete = True

    # -- queries -----------------------------------------------------------------------------------------------

    def get_errno(self) -> int:
        """0 unless parsing failed."""
        return self._errno

    def get_version(self) -> tuple[int, int]:
        """(major, minor); (0, 0) before the first line is complete."""
        if self._parser is None:
            return (0, 0)
        major, minor = self._parser.get_http_version().split(".")
        return (int(major), int(minor))

    def get_method(self) -> str:
        """The method of a request; empty for a response."""
        method = getattr(self._parser, "get_method", None)
        return method().decode("ascii") if method else ""

    def get_status_code(self) -> int:
        """The status of a response; 0 for a request and before the first line is complete."""
        status = getattr(self._parser, "get_status_code", None)
        return int(status()) if status else 0

    def get_url(self) -> str:
        return self._url.decode("latin-1")

    def get_path(self) -> str:
        return self.get_url().partition("?")[0].partition("#")[0]

    def get_query_string(self) -> str:
        return self.get_url().partition("?")[2].partition("#")[0]

    def get_headers(self) -> dict[str, str]:
        """Names as they were on the wire; values of a repeated name are joined by a comma."""
        return dict(self._headers)

    def is_headers_complete(self) -> bool:
        return self._headers_complete

    def is_message_complete(self) -> bool:
        return self._message_complete

    def is_chunked(self) -> bool:
        return any(
            name.upper() == "TRANSFER-ENCODING" and value.lower().rpartition(",")[2].strip() == "chunked"
            for name, value in self._headers.items()
        )

    def is_upgrade(self) -> bool:
        return self._upgrade

    def should_keep_alive(self) -> bool:
        return self._keep_alive

    def is_partial_body(self) -> bool:
        """Whether :meth:`recv_body` would return anything."""
        return bool(self._body)

    def recv_body(self) -> bytes:
        """The body received since the last call."""
        body = b"".join(self._body)
        self._body.clear()
        return body
