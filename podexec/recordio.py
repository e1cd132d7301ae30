"""Decoder of RecordIO, the framing of Mesos' streams: a decimal length, a newline, and that many bytes.

The bytes may arrive in pieces of any size. Linear in the bytes received: nothing is copied twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

# An event carries at most the TaskInfos of a pod. 64 MB is far more, and limits the damage of a malformed stream.
MAX_RECORD: Final = 64 * 1024 * 1024
_MAX_DIGITS: Final = 20


class FramingError(ValueError):
    """The stream is not RecordIO; nothing that follows can be trusted."""


class RecordDecoder:
    """Accepts bytes and yields the records that they complete."""

    def __init__(self, max_record: int = MAX_RECORD) -> None:
        self._max_record = max_record
        self._buffer = bytearray()
        self._length: int | None = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        self._buffer += piece
        start = 0
        try:
            while True:
                if self._length is None:
                    newline = self._buffer.find(b"\n", start, start + _MAX_DIGITS + 1)
                    if newline < 0:
                        if len(self._buffer) - start > _MAX_DIGITS:
                            raise FramingError("a record does not begin with its length")
                        return
                    self._length = self._parse_length(bytes(self._buffer[start:newline]))
                    start = newline + 1
                if len(self._buffer) - start < self._length:
                    return
                end = start + self._length
                record = bytes(self._buffer[start:end])
                start, self._length = end, None
                yield record
        finally:
            del self._buffer[:start]

    def _parse_length(self, digits: bytes) -> int:
        if not digits.isdigit():
            raise FramingError(f"{digits!r} is not the length of a record")
        length = int(digits)
        if length > self._max_record:
            raise FramingError(f"a record has {length} bytes; at most {self._max_record} are accepted")
        return length
