"""Unpacks untrusted archives: whatever they contain, nothing is written outside one folder.

This does not rely on the filters of ``tarfile``, which came with CPython 3.11.4. Every name is resolved from the
folder's own descriptor, component by component, and no step leaves the folder, not even through a link. An existing
file is replaced, never written through. Files get the modes of the archive without set-user-ID, set-group-ID and sticky
bits, subject to the umask, and belong to the user who unpacks. Devices, pipes and names with ``..`` are refused.

Memory is bounded whatever an archive contains; only the disk limits how much is written.
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

LONGEST_NAME = 4095  # bytes: the kernel's limit
LONGEST_SHOWN = 200  # characters of a name in a message
LONGEST_HEADER = 64 * 1024  # bytes of names and attributes in one header of a tar archive, and in its global headers
MOST_HEADERS = 1024 * 1024  # bytes of all headers and of the map of a sparse file before its content
MOST_DIRECTORIES = 64 * 1024 * 1024  # characters of the names of all directories, which are remembered to the end
DEEPEST = 256  # directories below each other: whoever walks through them may hold a descriptor of each
MOST_LINKS = 40  # on the way to one file; more are a cycle
CHUNK = 256 * 1024

ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
GZIP_BEGINNING, BZIP2_BEGINNING, LZMA_BEGINNINGS = b"\x1f\x8b", b"BZh", (b"\xfd7zXZ\0", b"\x5d\0\0")
WINDOWS = (0, 10, 11)  # systems that a zip archive was made on: MS-DOS, NTFS
EXTENDED_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class UnpackError(Exception):
    """An archive is damaged or contains something that is not unpacked; the message names it."""


class Folder:
    """A folder to unpack into, with all operations allowed in it; a context manager.

    Names are relative to it; a leading slash is ignored, as by other programs that unpack. Methods raise UnpackError,
    and OSError if the system refuses an operation.
    """

    def __init__(
        self, path: Path | str, *, links_stay: bool = False, within: int = 0, beside: int | None = None
    ) -> None:
        """Open it.

        With ``links_stay``, symbolic links that lead out of the folder, now or later, are refused; with ``within``,
        also those that lead out of the directory that this many components of their own name lead to.
        ``beside``: the descriptor of the directory that ``path`` is relative to.
        """
        self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW * (beside is not None), dir_fd=beside)
        self._links_stay = links_stay
        self._within = within
        self._directories: dict[str, tuple[int, float]] = {}  # modes and times, set at the end
        self._remembered = 0  # characters

    def __enter__(self) -> Folder:
        """The folder itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Set the modes and times of directories, and close the folder."""
        try:
            if error is None:
                self._finish_directories()
        finally:
            os.close(self._root)

    def directory(self, name: str, mode: int, changed: float) -> None:
        """Make a directory, or use an existing one. The folder itself is not changed."""
        parts = components(name)
        if parts:
            with self._opened(parts, shown(name)):
                self._remember("/".join(parts), mode, changed)

    @contextmanager
    def file(self, name: str, mode: int = 0o666, changed: float | None = None) -> Iterator[IO[bytes]]:
        """Open a new file for writing; it replaces a file or link of that name."""
        with self._place(name) as (parent, last):
            descriptor = os.open(last, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode & 0o777, dir_fd=parent)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if changed is not None:
                set_time(file.fileno(), changed)

    def symlink(self, name: str, target: str) -> None:
        """Make a symbolic link; it replaces a file or link of that name."""
        if self._links_stay:
            with self._opened(components(name)[:-1], shown(name)) as (_, parts):
                if not stays_inside(target, len(parts) - self._within):
                    raise UnpackError(f"the link {shown(name)} leads out of the folder, to {shown(target)}")
        with self._place(name) as (parent, last):
            os.symlink(target, last, dir_fd=parent)

    def hardlink(self, name: str, target: str) -> None:
        """Make another name for a file in the folder; ``target`` itself is not followed if it is a symbolic link."""
        source = components(target)
        if not source or source == components(name):
            raise UnpackError(f"the link {shown(name)} leads to {shown(target)}, which is not another file")
        try:
            with self._opened(source[:-1], shown(target), make=False) as (folder, _), self._place(name) as (here, last):
                os.link(source[-1], last, src_dir_fd=folder, dst_dir_fd=here, follow_symlinks=False)
        except FileNotFoundError:
            raise UnpackError(f"the link {shown(name)} leads to {shown(target)}, which does not exist") from None

    def _remember(self, name: str, mode: int, changed: float) -> None:
        if name not in self._directories:
            self._remembered += len(name)
            if self._remembered > MOST_DIRECTORIES:
                raise UnpackError(f"there are too many directories, up to {shown(name)}")
        self._directories[name] = (mode, changed)

    @contextmanager
    def _place(self, name: str) -> Iterator[tuple[int, str]]:
        """The directory of a new file and the last component of its name, after removing what has that name."""
        parts = components(name)
        if not parts:
            raise UnpackError(f"{shown(name)} is not the name of a file")
        with self._opened(parts[:-1], shown(name)) as (parent, _):
            try:
                os.unlink(parts[-1], dir_fd=parent)
            except FileNotFoundError:
                pass
            except IsADirectoryError:
                raise UnpackError(f"{shown(name)} is already a directory, but a file in the archive") from None
            yield parent, parts[-1]

    @contextmanager
    def _opened(self, parts: list[str], what: str, *, make: bool = True) -> Iterator[tuple[int, list[str]]]:
        """A descriptor of a directory, and its real path within the folder; missing parents are made.

        A link's target replaces the link in the rest of the path; ``..`` in it restarts the walk at the top.
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
                    if len(done) == DEEPEST:
                        raise UnpackError(f"{what} is in more than {DEEPEST} directories")
                    here = replaced(here, enter(here, part, what, make=make))
                    done.append(part)
                else:
                    links += 1
                    if links > MOST_LINKS or target.startswith("/"):
                        raise UnpackError(f"{what} leads out of the folder, or in a cycle, through a link")
                    todo[:0] = [each for each in target.split("/") if each not in ("", ".")]
            yield here, done
        finally:
            os.close(here)

    def _finish_directories(self) -> None:
        """Set modes and times, deepest first: a directory becomes read-only after its contents are done."""
        for name in sorted(self._directories, key=lambda each: each.count("/"), reverse=True):
            mode, changed = self._directories[name]
            with self._opened(name.split("/"), shown(name)) as (here, _), suppress(PermissionError):
                was = stat.S_IMODE(os.fstat(here).st_mode)
                os.fchmod(here, was & (mode | ~0o777))  # the umask was applied when it was made
                set_time(here, changed)


def unpack(archive: Path, folder: Folder) -> None:
    """Unpack a zip or tar archive, compressed or not, recognised by its first bytes."""
    with archive.open("rb") as file:
        beginning = file.read(8)
    if beginning.startswith(ZIP_BEGINNINGS):
        unpack_zip(archive, folder)
        return
    with _damage_told(), decompressed(archive, beginning) as stream:
        unpack_tar(stream, folder)
        while stream.read(CHUNK):  # reveals damage after the last member
            pass


def unpack_tar(stream: IO[bytes], folder: Folder, renamed: Callable[[str], str] = str) -> None:
    """Unpack a tar archive in a single pass; ``renamed`` maps the names of members."""
    with _damage_told(), _tar(stream) as members_of:
        for archive, member in members_of:
            _unpack_member(archive, member, folder, renamed)


def members(stream: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """The members of a tar archive, in a single pass over the whole of it."""
    with _damage_told(), _tar(stream) as members_of:
        for _, member in members_of:
            yield member


@contextmanager
def _tar(stream: IO[bytes]) -> Iterator[Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]]:
    """The archive and its members, one after the other."""
    headers = _Headers(stream)
    with tarfile.open(fileobj=headers, mode="r|", tarinfo=_Header, bufsize=CHUNK) as archive:  # type: ignore[call-overload]
        yield ((archive, member) for member in _members(archive, headers))


def _members(archive: tarfile.TarFile, headers: _Headers) -> Iterator[tarfile.TarInfo]:
    while True:
        with headers.metered():
            member = archive.next()
        if member is None:
            return
        archive.members.clear()  # type: ignore[attr-defined]  # or it would keep all of them
        if sum(len(name) + len(value) for name, value in archive.pax_headers.items()) > LONGEST_HEADER:
            raise tarfile.ReadError("its global headers are too large")
        yield member
        _skip_content(archive)


def _skip_content(archive: tarfile.TarFile) -> None:
    """Read what is left of a member's content. tarfile's own ``seek`` goes on after the end of a stream, for years if a
    header says so.
    """
    while (left := archive.offset - 1 - archive.fileobj.tell()) > 0:
        if not archive.fileobj.read(min(left, CHUNK)):
            raise tarfile.ReadError("unexpected end of data")


def unpack_zip(path: Path, folder: Folder) -> None:
    """Unpack a zip archive, with modes and symbolic links if it has them."""
    with _damage_told(), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            _unzip_member(archive, info, folder)


def unpack_gzip(path: Path, folder: Folder, name: str) -> None:
    """Unpack one compressed file."""
    with _damage_told(), gzip.open(path) as source, folder.file(name) as file:
        shutil.copyfileobj(source, file, CHUNK)


def components(name: str) -> list[str]:
    """Components of a member's name. Raises UnpackError for names that are not allowed."""
    if "\0" in name or len(os.fsencode(name)) > LONGEST_NAME:
        raise UnpackError(f"{shown(name)} is not a valid file name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnpackError(f"{shown(name)} has '..' in its name")
    return parts


def stays_inside(target: str, depth: int) -> bool:
    """Whether a link at this depth leads into the folder, even if other directories become links later.

    Its target may go up first and then down. Going up again could go too far if a directory on the way is a link.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return not target.startswith("/") and up <= depth and ".." not in parts[up:]


def shown(name: str) -> str:
    """A name for messages: in quotes, without control characters, of limited length."""
    return repr(name if len(name) <= LONGEST_SHOWN else name[:LONGEST_SHOWN] + "...")


def replaced(descriptor: int, new: int) -> int:
    """Close the descriptor, and return the new one."""
    os.close(descriptor)
    return new


def link_target(folder: int, name: str) -> str | None:
    """Target of a symbolic link; None if there is no link of that name."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def enter(folder: int, name: str, what: str, *, make: bool) -> int:
    """A descriptor of a directory in a folder; with ``make``, a missing one is made."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except NotADirectoryError:
        raise UnpackError(f"{what} goes through {shown(name)}, which is not a directory") from None


def set_time(descriptor: int, changed: float) -> None:
    """Set the time of a change, if it is a valid time."""
    with suppress(OSError, OverflowError, ValueError):
        os.utime(descriptor, (changed, changed))


def decompressed(path: Path, beginning: bytes) -> IO[bytes]:
    """The decompressed content of a file, or the file itself."""
    if beginning.startswith(GZIP_BEGINNING):
        return gzip.open(path)  # type: ignore[return-value]  # it has all methods that are used
    if beginning.startswith(BZIP2_BEGINNING):
        return bz2.open(path)
    if beginning.startswith(LZMA_BEGINNINGS):
        return lzma.open(path)
    return path.open("rb")


def zip_name(info: zipfile.ZipInfo) -> str:
    """Name of a member; programs on Windows write backslashes."""
    if info.create_system in WINDOWS and "/" not in info.filename:
        return info.filename.replace("\\", "/")
    return info.filename


def zip_time(info: zipfile.ZipInfo) -> float:
    """Time of a member; 0 if it is not valid."""
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
    """Write a file from the next data in the archive; holes of a sparse file stay holes."""
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


class _Headers:
    """A tar stream that ends with an error if the headers of one member are too large for the memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left: int | None = MOST_HEADERS + CHUNK  # bytes; None: content, which goes to the disk

    @contextmanager
    def metered(self) -> Iterator[None]:
        """Headers are read in this context; what was read ahead counts too."""
        self._left = MOST_HEADERS + CHUNK
        yield
        self._left = None

    def read(self, size: int) -> bytes:
        """Called by tarfile."""
        data = self._stream.read(size)
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise tarfile.ReadError(f"the headers of a file take more than {MOST_HEADERS} bytes")
        return data


class _Header(tarfile.TarInfo):
    """A tar header of bounded size; a damaged one is an error, not a silent end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """The header in a block."""
        return cls._checked(buf, lambda: super(_Header, cls).frombuf(buf, encoding, errors))

    @classmethod
    def _frombuf(cls, buf: bytes, encoding: str, errors: str, **more: bool) -> _Header:
        """Called by tarfile instead of `frombuf` since a fix of early 2026, which Debian 12 has too."""
        frombuf = super()._frombuf  # type: ignore[misc]
        return cls._checked(buf, lambda: frombuf(buf, encoding, errors, **more))

    @classmethod
    def _checked(cls, buf: bytes | bytearray, read: Callable[[], _Header]) -> _Header:
        try:
            header = read()
        except tarfile.HeaderError as error:
            if not buf.strip(b"\0") and len(buf) in (0, tarfile.BLOCKSIZE):
                raise  # the end
            # After the first member, tarfile treats a damaged header as the end.
            raise tarfile.ReadError(f"a header is damaged: {error}") from None
        if header.size < 0 or (header.type in EXTENDED_HEADERS and header.size > LONGEST_HEADER):
            raise tarfile.ReadError(f"a header announces {header.size} bytes")
        return header


@contextmanager
def _refusal_told(name: str) -> Iterator[None]:
    """Turn an OSError into an UnpackError that names the member."""
    try:
        yield
    except OSError as error:
        raise UnpackError(f"{shown(name)} cannot be written: {error.strerror or error}") from error


@contextmanager
def _damage_told() -> Iterator[None]:
    """Turn the errors of archive readers into UnpackError."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise UnpackError(f"the archive is damaged: {error}") from error
    except (ArithmeticError, LookupError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnpackError(f"the archive cannot be read: {error}") from error
