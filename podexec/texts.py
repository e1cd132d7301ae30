"""What others wrote, as it is told of a check: one line, of bounded length, that no terminal would obey."""

from __future__ import annotations

import base64
import json
from typing import Final

from podexec.recordio import FramingError, RecordDecoder

LONGEST: Final = 300
_KEPT_BYTES: Final = 1000
_LEFT_OUT: Final = "..."


def one_line(text: str) -> str:
    """Its beginning and its end, if it is too long."""
    text = " ".join(text.split())
    if len(text) > LONGEST:
        each = (LONGEST - len(_LEFT_OUT)) // 2
        text = f"{text[:each]}{_LEFT_OUT}{text[-each:]}"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


class Output:
    """The end of what a session wrote, out of the stream of its records."""

    def __init__(self) -> None:
        self._decoder = RecordDecoder()
        self._end = b""

    def feed(self, piece: bytes) -> None:
        """The next bytes of the stream. What is no record of output is passed over."""
        try:
            for record in self._decoder.feed(piece):
                data = json.loads(record).get("data") or {}
                self._end = (self._end + base64.b64decode(data.get("data", "")))[-_KEPT_BYTES:]
        except (FramingError, AttributeError, TypeError, ValueError):
            return

    def __str__(self) -> str:
        """Its end in one line; empty if there is none. Bytes that are not UTF-8 are marked."""
        text = self._end.decode(errors="replace")
        line = " ".join(text.split())
        return one_line(line if len(line) <= LONGEST // 2 else _LEFT_OUT + line[-LONGEST // 2 :])
