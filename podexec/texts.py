"""Makes untrusted text fit for messages: one line of bounded length, without control characters."""

from __future__ import annotations

import base64
import json
from typing import Final

from podexec.recordio import FramingError, RecordDecoder

LONGEST: Final = 300
_KEPT_BYTES: Final = 1000
_LEFT_OUT: Final = "..."


def one_line(text: str) -> str:
    """The text in one line; if it is too long, its beginning and its end."""
    text = " ".join(text.split())
    if len(text) > LONGEST:
        each = (LONGEST - len(_LEFT_OUT)) // 2
        text = f"{text[:each]}{_LEFT_OUT}{text[-each:]}"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


class Output:
    """Collects the end of a session's output from the stream of its records."""

    def __init__(self) -> None:
        self._decoder = RecordDecoder()
        self._end = b""

    def feed(self, piece: bytes) -> None:
        """Add the next bytes of the stream. Records that are not output are skipped."""
        try:
            for record in self._decoder.feed(piece):
                data = json.loads(record).get("data") or {}
                self._end = (self._end + base64.b64decode(data.get("data", "")))[-_KEPT_BYTES:]
        except (FramingError, AttributeError, RecursionError, TypeError, ValueError):
            return

    def __str__(self) -> str:
        """The end of the output in one line; empty if there is none. Bytes that are not UTF-8 are marked."""
        text = self._end.decode(errors="replace")
        line = " ".join(text.split())
        return one_line(line if len(line) <= LONGEST // 2 else _LEFT_OUT + line[-LONGEST // 2 :])
