"""RecordIO, the framing of Mesos' event streams: a length in decimal, a newline, that many bytes. Pure."""

from collections.abc import Iterator

MAX_RECORD = 256 * 1024 * 1024
_MAX_LENGTH_DIGITS = 10


class FramingError(Exception):
    """The bytes are not RecordIO."""


class RecordReader:
    """Puts records together from whatever pieces arrive, copying each byte a bounded number of times."""

    def __init__(self, max_record: int = MAX_RECORD) -> None:
        self._max_record = max_record
        self._buffer = bytearray()
        self._length: int | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes in, and give the records that are complete now. Raises FramingError."""
        self._buffer += data
        start = 0
        try:
            while True:
                if self._length is None:
                    newline = self._buffer.find(b"\n", start, start + _MAX_LENGTH_DIGITS + 1)
                    if newline < 0:
                        self._check_unfinished(start)
                        return
                    self._length = self._parse_length(bytes(self._buffer[start:newline]))
                    start = newline + 1
                end = start + self._length
                if len(self._buffer) < end:
                    return
                record = bytes(memoryview(self._buffer)[start:end])
                self._length = None
                start = end
                yield record
        finally:
            del self._buffer[:start]

    def _check_unfinished(self, start: int) -> None:
        rest = len(self._buffer) - start
        if rest > _MAX_LENGTH_DIGITS or (rest and not self._buffer[start:].isdigit()):
            raise FramingError(f"a record's length was expected, not {bytes(self._buffer[start : start + 20])!r}")

    def _parse_length(self, digits: bytes) -> int:
        if not digits.isdigit():
            raise FramingError(f"a record's length was expected, not {digits[:20]!r}")
        length = int(digits)
        if length > self._max_record:
            raise FramingError(f"a record of {length} bytes is longer than the {self._max_record} this reader takes")
        return length
