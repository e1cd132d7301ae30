"""Reads a growing file, from its beginning or near its end, and splits it into lines."""

from collections.abc import AsyncIterator

from scheduler.loop.inside import Inside, InsideError, Piece, Run, Why

PIECE = 64 * 1024  # bytes that agents return at a time
LONGEST_LINE = PIECE
_FURTHEST_BACK = 16 * 1024 * 1024  # bytes searched for the beginning of the last lines


class Tail:
    """Reads a file, and later what was added to it, also across rotations."""

    def __init__(self, inside: Inside, run: Run, path: str, lines: int | None) -> None:
        """``lines``: start this many lines before the current end; None: at the beginning."""
        self._inside = inside
        self._run = run
        self._path = path
        self._lines = lines
        self._offset = 0

    async def new(self) -> AsyncIterator[bytes]:
        """Everything not returned yet, to the end that the file has when it is reached, and over one rotation: more is
        returned the next time. A file that does not exist is empty. Raises InsideError.
        """
        if self._lines is not None:
            self._offset, self._lines = await self._beginning_of_last(self._lines), None
        piece = await self._read(self._path, self._offset)
        if piece.size < self._offset:
            # Mesos' logger renames a file that it rotates.
            rotated = f"{self._path}.1"
            async for data in self._from(rotated, await self._read(rotated, self._offset)):
                yield data
            self._offset = 0
            piece = await self._read(self._path, 0)
        async for data in self._from(self._path, piece):
            yield data

    async def _from(self, path: str, piece: Piece) -> AsyncIterator[bytes]:
        """This piece of a file and all that follow."""
        while piece.data:
            self._offset += len(piece.data)
            yield piece.data
            if self._offset >= piece.size:
                return
            piece = await self._read(path, self._offset)

    async def _beginning_of_last(self, lines: int) -> int:
        """The offset of the last ``lines`` lines; an incomplete line counts too."""
        end = (await self._read(self._path, 0, 1)).size
        newlines = 0
        start = end
        while start > max(0, end - _FURTHEST_BACK) and lines:
            size = min(PIECE, start)
            data = (await self._read(self._path, start - size, size)).data
            for at in range(len(data) - 1, -1, -1):
                is_last_byte = start - size + at == end - 1
                if data[at] == _NEWLINE and not is_last_byte:
                    newlines += 1
                    if newlines == lines:
                        return start - size + at + 1
            start -= size
        return start

    async def _read(self, path: str, offset: int, length: int = PIECE) -> Piece:
        try:
            return await self._inside.read_file(self._run, path, offset, length)
        except InsideError as error:
            if error.why is Why.ABSENT:
                return Piece(b"", 0)
            raise


_NEWLINE = ord("\n")


class Lines:
    """Splits bytes into lines of text."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> list[str]:
        """The lines that these bytes complete. A line that is too long is split."""
        *complete, rest = (self._rest + data).split(b"\n")
        if len(rest) >= LONGEST_LINE:
            complete.append(rest)
            rest = b""
        self._rest = rest
        return [line.decode(errors="replace") for line in complete]

    def rest(self) -> list[str]:
        """The incomplete line, if there is one."""
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []
