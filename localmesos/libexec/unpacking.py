"""Unpacks archives that nobody vouches for: whatever they hold, nothing is written outside of one folder.

Safe by what is done here, not by the filters of ``tarfile``, which came with CPython 3.11.4. Every name is walked from
the folder's own descriptor, component by component, and no step leaves the folder, through a link neither; a file that
is there already is replaced, never written through. Files get the modes of the archive without set-user-ID,
set-group-ID and sticky bits, as the umask allows, and belong to the user who unpacks. Devices, pipes and names with
``..`` are refused.

Memory is bounded whatever an archive says; what is written is bounded by the disk alone.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

LONGEST_NAME = 4095  # bytes: what the kernel takes
LONGEST_SHOWN = 200  # characters of a name in a message
LONGEST_HEADER = 64 * 1024  # bytes of names and attributes before a member of a tar archive
MOST_LINKS = 40  # on the way to one file; more are a circle
CHUNK = 256 * 1024

ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
GZIP_BEGINNING, BZIP2_BEGINNING, LZMA_BEGINNINGS = b"\x1f\x8b", b"BZh", (b"\xfd7zXZ\0", b"\x5d\0\0")
WINDOWS = (0, 10, 11)  # systems of who made a zip archive: MS-DOS, NTFS
EXTENDED_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class UnpackError(Exception):
    """An archive that is damaged or holds something that is not unpacked; the message names it."""


class Folder:
    """A folder to unpack into, and all that may happen in it; a context manager.

    Names are relative to it; a slash in front counts for nothing, as with other programs that unpack. Methods raise
    UnpackError, and OSError for what the machine refuses.
    """

    def __init__(self, path: Path, *, links_stay: bool = False) -> None:
        """Open it. With ``links_stay`` symbolic links that lead out of the folder, or may do so later, are refused."""
        self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._links_stay = links_stay
        self._directories: dict[str, tuple[int, float]] = {}  # mode and time, set when all is in them

    def __enter__(self) -> Folder:
        """The folder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the directories their modes and times, and close the folder."""
        try:
            if error is None:
                self._finish_directories()
        finally:
            os.close(self._root)

    def directory(self, name: str, mode: int, changed: float) -> None:
        """Make a directory; one that is there is taken. The folder itself stays as it is."""
        parts = components(name)
        if parts:
            with self._opened(parts, shown(name)):
                self._directories["/".join(parts)] = (mode, changed)

    @contextmanager
    def file(self, name: str, mode: int = 0o666, changed: float | None = None) -> Iterator[IO[bytes]]:
        """A new file to write into, in place of a file or a link of that name."""
        with self._place(name) as (parent, last):
            descriptor = os.open(last, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o777, dir_fd=parent)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if changed is not None:
                set_time(file.fileno(), changed)

    def symlink(self, name: str, target: str) -> None:
        """Make a symbolic link, in place of a file or a link of that name."""
        if self._links_stay:
            with self._opened(components(name)[:-1], shown(name)) as (_, parts):
                if not stays_inside(target, len(parts)):
                    raise UnpackError(f"the link {shown(name)} leads out of the folder, to {shown(target)}")
        with self._place(name) as (parent, last):
            os.symlink(target, last, dir_fd=parent)

    def hardlink(self, name: str, target: str) -> None:
        """Make one more name of a file in the folder; a symbolic link at the end of ``target`` is not followed."""
        source = components(target)
        if not source or source == components(name):
            raise UnpackError(f"the link {shown(name)} leads to {shown(target)}, which is no other file")
        try:
            with self._opened(source[:-1], shown(target), make=False) as (folder, _), self._place(name) as (here, last):
                os.link(source[-1], last, src_dir_fd=folder, dst_dir_fd=here, follow_symlinks=False)
        except FileNotFoundError:
            raise UnpackError(f"the link {shown(name)} leads to {shown(target)}, which is not there") from None

    @contextmanager
    def _place(self, name: str) -> Iterator[tuple[int, str]]:
        """The directory of a new file and the last component of its name, of which nothing is there any more."""
        parts = components(name)
        if not parts:
            raise UnpackError(f"{shown(name)} names no file")
        with self._opened(parts[:-1], shown(name)) as (parent, _):
            try:
                os.unlink(parts[-1], dir_fd=parent)
            except FileNotFoundError:
                pass
            except IsADirectoryError:
                raise UnpackError(f"{shown(name)} is a directory already, and a file in the archive") from None
            yield parent, parts[-1]

    @contextmanager
    def _opened(self, parts: list[str], what: str, *, make: bool = True) -> Iterator[tuple[int, list[str]]]:
        """A descriptor of a directory, and its real path within the folder; what is missing on the way is made.

        A link's target takes the link's place in what is still to be walked; ``..`` in it begins again at the top.
        """
        todo, done, links = list(parts), [], 0  # type: list[str], list[str], int
        here = os.dup(self._root)
        try:
            while todo:
                part = todo.pop(0)
                if part == "..":
                    if not done:
                        raise UnpackError(f"{what} leads out of the folder through a link")
                    todo[:0], done = done[:-1], []
                    here = replaced(here, os.dup(self._root))
                elif (target := link_target(here, part)) is None:
                    here = replaced(here, enter(here, part, what, make=make))
                    done.append(part)
                else:
                    links += 1
                    if links > MOST_LINKS or target.startswith("/"):
                        raise UnpackError(f"{what} leads out of the folder, or in a circle, through a link")
                    todo[:0] = [each for each in target.split("/") if each not in ("", ".")]
            yield here, done
        finally:
            os.close(here)

    def _finish_directories(self) -> None:
        """The deepest first: one that may be read only is closed after what is in it."""
        for name in sorted(self._directories, key=lambda each: each.count("/"), reverse=True):
            mode, changed = self._directories[name]
            with self._opened(name.split("/"), shown(name)) as (here, _), suppress(PermissionError):
                was = stat.S_IMODE(os.fstat(here).st_mode)
                os.fchmod(here, was & (mode | ~0o777))  # the umask has taken its part when it was made
                set_time(here, changed)


def unpack(archive: Path, folder: Folder) -> None:
    """Unpack a zip or tar archive, compressed or not, as it is known by how it begins."""
    with archive.open("rb") as file:
        beginning = file.read(8)
    if beginning.startswith(ZIP_BEGINNINGS):
        unpack_zip(archive, folder)
        return
    with _damage_told(), decompressed(archive, beginning) as stream:
        unpack_tar(stream, folder)
        while stream.read(CHUNK):  # what shows damage behind the last member
            pass


def unpack_tar(stream: IO[bytes], folder: Folder, renamed: Callable[[str], str] = str) -> None:
    """Unpack a tar archive that is read but once, from its beginning to its end; ``renamed`` gives members' names."""
    with _damage_told(), tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header, bufsize=CHUNK) as archive:
        while True:
            member = archive.next()
            if member is None:
                return
            archive.members.clear()  # type: ignore[attr-defined]  # it would remember all of them
            _unpack_member(archive, member, folder, renamed)


def unpack_zip(path: Path, folder: Folder) -> None:
    """Unpack a zip archive, with modes and symbolic links where it has them."""
    with _damage_told(), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            _unzip_member(archive, info, folder)


def unpack_gzip(path: Path, folder: Folder, name: str) -> None:
    """Unpack one compressed file."""
    with _damage_told(), gzip.open(path) as source, folder.file(name) as file:
        shutil.copyfileobj(source, file, CHUNK)


def components(name: str) -> list[str]:
    """The components of a member's name."""
    if "\0" in name or len(os.fsencode(name)) > LONGEST_NAME:
        raise UnpackError(f"{shown(name)} is no name of a file")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnpackError(f"{shown(name)} has '..' in its name")
    return parts


def stays_inside(target: str, depth: int) -> bool:
    """Whether a link that many directories deep leads into the folder, now and whatever else becomes a link.

    It may go up first and down then. Down and up again could go further up where a directory on the way is a link.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return not target.startswith("/") and up <= depth and ".." not in parts[up:]


def shown(name: str) -> str:
    """A name for people: in quotes, without control characters, and not endless."""
    return repr(name if len(name) <= LONGEST_SHOWN else name[:LONGEST_SHOWN] + "...")


def replaced(descriptor: int, new: int) -> int:
    """The new descriptor; the other is closed."""
    os.close(descriptor)
    return new


def link_target(folder: int, name: str) -> str | None:
    """Where a symbolic link leads to; None where there is none of that name."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def enter(folder: int, name: str, what: str, *, make: bool) -> int:
    """A descriptor of a directory in a folder, which is made where nothing is there."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except NotADirectoryError:
        raise UnpackError(f"{what} goes through {shown(name)}, which is no directory") from None


def set_time(descriptor: int, changed: float) -> None:
    """Set when something was changed, unless it is no time at all."""
    with suppress(OSError, OverflowError, ValueError):
        os.utime(descriptor, (changed, changed))


def decompressed(path: Path, beginning: bytes) -> IO[bytes]:
    """What is compressed in a file, or the file itself."""
    if beginning.startswith(GZIP_BEGINNING):
        return gzip.open(path)  # type: ignore[return-value]  # a file in all that is asked of one
    if beginning.startswith(BZIP2_BEGINNING):
        return bz2.open(path)
    if beginning.startswith(LZMA_BEGINNINGS):
        return lzma.open(path)
    return path.open("rb")


def zip_name(info: zipfile.ZipInfo) -> str:
    """The name of a member; programs of Windows write other slashes."""
    if info.create_system in WINDOWS and "/" not in info.filename:
        return info.filename.replace("\\", "/")
    return info.filename


def zip_time(info: zipfile.ZipInfo) -> float:
    """When a member was changed; 0 where that is no time."""
    try:
        return time.mktime((*info.date_time, 0, 0, -1))
    except (OverflowError, ValueError):
        return 0.0


def _unpack_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Folder, renamed: Callable[[str], str]
) -> None:
    name = renamed(member.name)
    with _refusal_told(name):
        if member.isdir():
            folder.directory(name, member.mode, member.mtime)
        elif member.issym():
            folder.symlink(name, member.linkname)
        elif member.islnk():
            folder.hardlink(name, renamed(member.linkname))
        elif member.isreg():
            _write_member(archive, member, folder, name)
        else:
            raise UnpackError(f"{shown(name)} is neither file, directory nor link")


def _unzip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Folder) -> None:
    name, mode, changed = zip_name(info), info.external_attr >> 16, zip_time(info)
    with _refusal_told(name):
        if name.endswith("/"):
            folder.directory(name, mode or 0o777, changed)
        elif stat.S_ISLNK(mode):
            with archive.open(info) as source:
                folder.symlink(name, os.fsdecode(source.read(LONGEST_NAME + 1)))
        elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
            with archive.open(info) as source, folder.file(name, mode or 0o666, changed) as file:
                shutil.copyfileobj(source, file, CHUNK)
        else:
            raise UnpackError(f"{shown(name)} is neither file, directory nor link")


def _write_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Folder, name: str) -> None:
    """Write a file, whose data is what comes next in the archive; the holes of a sparse one stay holes."""
    pieces = getattr(member, "sparse", None) or [(0, member.size)]
    with folder.file(name, member.mode, member.mtime) as file:
        for offset, size in pieces:
            file.seek(offset)
            left = size
            while left > 0:
                chunk = archive.fileobj.read(min(left, CHUNK))
                if not chunk:
                    raise UnpackError(f"the archive ends within {shown(name)}")
                file.write(chunk)
                left -= len(chunk)
        file.truncate(member.size)


class _Header(tarfile.TarInfo):
    """A header, of which no more is read than fits in memory, and that is no silent end of the archive if damaged."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """The header in a block."""
        return cls._checked(buf, lambda: super(_Header, cls).frombuf(buf, encoding, errors))

    @classmethod
    def _frombuf(cls, buf: bytes, encoding: str, errors: str, **more: bool) -> _Header:
        """What tarfile calls in place of `frombuf` since a mend of early 2026, also in what Debian 12 has since."""
        frombuf = super()._frombuf  # type: ignore[misc]
        return cls._checked(buf, lambda: frombuf(buf, encoding, errors, **more))

    @classmethod
    def _checked(cls, buf: bytes | bytearray, read: Callable[[], _Header]) -> _Header:
        try:
            header = read()
        except tarfile.HeaderError as error:
            if not buf.strip(b"\0") and len(buf) in (0, tarfile.BLOCKSIZE):
                raise  # the end
            # Behind the first member tarfile itself takes a damaged header for the end.
            raise tarfile.ReadError(f"a header is damaged: {error}") from None
        if header.size < 0 or (header.type in EXTENDED_HEADERS and header.size > LONGEST_HEADER):
            raise tarfile.ReadError(f"a header says that {header.size} bytes follow")
        return header


@contextmanager
def _refusal_told(name: str) -> Iterator[None]:
    """What the machine refuses of a member, as UnpackError that names it."""
    try:
        yield
    except OSError as error:
        raise UnpackError(f"{shown(name)} cannot be written: {error.strerror or error}") from error


@contextmanager
def _damage_told() -> Iterator[None]:
    """What readers of archives raise at damaged ones, as UnpackError."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise UnpackError(f"the archive is damaged: {error}") from error
    except (ArithmeticError, LookupError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnpackError(f"the archive is not understood: {error}") from error
