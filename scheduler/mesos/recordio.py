"""RecordIO, the framing of Mesos' event streams: a decimal length, a newline, and this many bytes. Pure."""

MAX_RECORD = 256 * 1024 * 1024
_MAX_LENGTH_DIGITS = 10

Record = bytes | bytearray


class FramingError(Exception):
    """The bytes are not RecordIO."""


class RecordReader:
    """Assembles records from pieces of any size, copying each byte a bounded number of times."""

    def __init__(self, max_record: int = MAX_RECORD) -> None:
        self._max_record = max_record
        self._buffer = bytearray()
        self._needed = 0  # length of the buffer below which no record can be complete

    def feed(self, data: Record, records: list[Record]) -> None:
        """Add bytes, and append the records that are complete now. Raises FramingError."""
        if not self._buffer:
            rest = self._take(data, records)
            if rest < len(data):
                self._buffer += data[rest:]
            return
        self._buffer += data
        if len(self._buffer) >= self._needed:
            data, self._buffer = self._buffer, bytearray()
            self._buffer += data[self._take(data, records) :]

    def _take(self, data: Record, records: list[Record]) -> int:
        """Append the complete records; returns where the first incomplete one starts."""
        start = 0
        while True:
            newline = data.find(b"\n", start, start + _MAX_LENGTH_DIGITS + 1)
            if newline < 0:
                self._check_unfinished(data[start : start + _MAX_LENGTH_DIGITS + 1])
                self._needed = 0
                return start
            end = newline + 1 + self._length(data[start:newline])
            if end > len(data):
                self._needed = end - start
                return start
            records.append(data[newline + 1 : end])
            start = end

    def _check_unfinished(self, rest: Record) -> None:
        if len(rest) > _MAX_LENGTH_DIGITS or (rest and not rest.isdigit()):
            raise FramingError(f"a record's length was expected, not {bytes(rest)!r}")

    def _length(self, digits: Record) -> int:
        if not digits.isdigit():
            raise FramingError(f"a record's length was expected, not {bytes(digits)!r}")
        length = int(digits)
        if length > self._max_record:
            raise FramingError(f"a record has {length} bytes; {self._max_record} is the limit")
        return length
