"""The last lines of an executor's output, as plain text."""

import re

from scheduler.loop.inside import Inside, InsideError, Run, Why

_FILES = ("stderr", "stdout")  # the second only if there is nothing in the first
_LENGTH = 16 * 1024  # bytes from a file's end
_MOST_LINES = 20
_LONGEST_LINE = 1000
# Lines that every executor writes, or one that works: they explain no failure.
_NOISE = re.compile(r"^Marked '.*' as rslave$|(^| )level=(debug|info)( |$)")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


async def last_lines(inside: Inside, run: Run) -> tuple[str, ...]:
    """The last lines of an executor's run; none if it wrote nothing. Raises InsideError."""
    refusal: InsideError | None = None
    for file in _FILES:
        try:
            lines = plain_lines(await _end(inside, run, file))
        except InsideError as error:
            if error.why is not Why.UNABLE:
                raise
            refusal = refusal or error  # a container may have put something else in the place of one of them
        else:
            if lines:
                return lines
    if refusal is not None:
        raise refusal
    return ()


def plain_lines(data: bytes) -> tuple[str, ...]:
    """The last useful lines, without control characters and without credentials in URIs."""
    plain = (_plain(line) for line in data.decode(errors="replace").splitlines())
    return tuple(line for line in plain if line and not _NOISE.search(line))[-_MOST_LINES:]


def _plain(line: str) -> str:
    shown = "".join(each if each.isprintable() else " " for each in _ESCAPE.sub("", line))
    return _CREDENTIALS.sub("…", shown.strip())[:_LONGEST_LINE]


async def _end(inside: Inside, run: Run, file: str) -> bytes:
    try:
        piece = await inside.read_file(run, file, 0, _LENGTH)
        if piece.size > len(piece.data):
            piece = await inside.read_file(run, file, max(0, piece.size - _LENGTH), _LENGTH)
    except InsideError as error:
        if error.why is Why.ABSENT:
            return b""
        raise
    data = piece.data[-_LENGTH:]
    # The first line may be cut in the middle of a password, which could not be recognised.
    return data if piece.size <= len(data) else data.partition(b"\n")[2] or data
