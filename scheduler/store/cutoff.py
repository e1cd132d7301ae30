"""Counts the commits behind the end of a write-ahead log: one that a crash cut short, or several lost by damage.

SQLite reads a log up to the first frame with a wrong checksum, and treats that as its end. Each commit is on the disk
before the next one starts, and opening a store starts a new log, so a crash leaves at most one commit behind the end.
"""

import struct
from pathlib import Path

_HEADER, _FRAME_HEADER = 32, 24  # bytes
_AT_SALTS = 16  # in the header


def commits_cut_off(log: Path, page_size: int, read: int) -> int:
    """How many commits are behind the frames that SQLite read, in addition to one that a crash may have cut short."""
    frames = (log.stat().st_size - _HEADER) // (_FRAME_HEADER + page_size)
    if frames <= read:
        return 0
    with log.open("rb") as file:
        current = struct.unpack_from(">II", file.read(_HEADER), _AT_SALTS)
        salts, found = {current}, 0
        for number in range(read, frames):
            file.seek(_HEADER + number * (_FRAME_HEADER + page_size))
            _, committed, *of_frame = struct.unpack(">IIII", file.read(16))
            if number == 0 and not _is_older(of_frame[0], current[0]):
                salts.add((of_frame[0], of_frame[1]))  # the header itself may be damaged
            found += committed > 0 and tuple(of_frame) in salts
    return max(0, found - 1)


def _is_older(salt: int, current: int) -> bool:
    """Whether a frame is from the previous round: SQLite starts again at the start of the log, with the next salt."""
    return (salt + 1) % 2**32 == current
