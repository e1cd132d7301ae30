"""Tar streams of hostile containers, as ``podexec pod cp`` unpacks them."""

import contextlib
import io
import os
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from scheduler.cli.errors import CommandError
from scheduler.cli.inside.copying import copy
from tests.fuzz.mutation import mutated_bytes
from tests.fuzz.target import FaultError, Target

# What is copied, to where, and what alone may be there afterwards that was not, or was otherwise.
_COPIES = (
    ("/web:/srv/data", "out/new", "out/new"),
    ("/web:/srv/data", "out", "out/data"),
    ("/web:/srv/data", "out/keep", "out/keep"),
    ("/web:/srv/.", "out", "out"),
    ("/web:/srv/data", "out/inner", "out/inner"),
)
_BLOCK = 512
_TYPES = (
    *(
        tarfile.REGTYPE,
        tarfile.REGTYPE,
        tarfile.DIRTYPE,
        tarfile.DIRTYPE,
        tarfile.SYMTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
    ),
    *(tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"Z"),
)
_NAMES = (
    *(
        "data",
        "data",
        "data/",
        "data/a",
        "data/a/b",
        "data/link",
        "data/link/x",
        "data/./a",
        "./data/a",
        "data//a",
        "x",
    ),
    *(
        "../home/.bashrc",
        "/etc/podexec-fuzz",
        "data/../../home/x",
        "data/..",
        "..",
        ".",
        "/",
        "",
        "data/\x1b[2J",
        "data/" + "n" * 300,
    ),
    *(
        "data/" + "d/" * 1500,
        "data/é",
        "data/\udcff",
        ".data",
        "data/a\nb",
        "a",
        "link",
        "link/x",
        "keep",
        "data/.. ",
        "DATA",
    ),
)
_TARGETS = (
    *(
        "a",
        "data",
        "../home",
        "../../home",
        "/",
        "/etc/passwd",
        "..",
        ".",
        "link",
        "data/a",
        "data/link",
        "../x",
        "",
        "x" * 5000,
    ),
    *("../keep", "data/../../home/.bashrc", "a/../../..", "loop"),
)
_FIELDS = ((0, 100), (100, 8), (108, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155))
_NUMBERS = (
    b"77777777777\0",
    b"\xff" * 12,
    b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7,
    b"-0000000001\0",
    b"99999999999\0",
    b"            ",
)
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


class Fuzzed(Target):
    """A case is a tar stream behind a byte that says what is copied."""

    def make_case(self, random: Random) -> bytes:
        """Any members, and sometimes headers that no program would write."""
        data, headers = _archive(random)
        content = bytearray(data)
        for start in random.sample(headers, min(len(headers), random.choice((0, 0, 1, 2)))):
            _change_header(random, content, start)
        data = mutated_bytes(random, bytes(content)) if random.random() < 0.2 else bytes(content)
        return bytes([random.randrange(len(_COPIES))]) + data

    def run(self, case: bytes) -> None:
        """Nothing but what was asked for is written, and nothing at all of a stream that is refused."""
        source, target, place = _COPIES[case[0] % len(_COPIES)] if case else _COPIES[0]
        with _folder() as folder:
            before = _contents(folder)
            try:
                copy(_Container(case[1:]), source, str(folder / target), {})
            except CommandError as error:
                if _contents(folder) != before:
                    raise FaultError("state", f"refused, and yet changed: {_difference(folder, before)}") from error
                return
            others = {name for name in _differing(_contents(folder), before) if not _is_in(name, place)}
            if others:
                raise FaultError("outside", f"copied to {place}, and changed {sorted(others)[:5]}")
            _check_kinds(folder)


class _Container:
    """In the place of the client of the API."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def packed(self, *_: Any) -> Iterator[bytes]:
        """The stream, in pieces."""
        for start in range(0, len(self._data), 10_000):
            yield self._data[start : start + 10_000]


def _archive(random: Random) -> tuple[bytes, list[int]]:
    """An archive, and where its headers are."""
    file = io.BytesIO()
    headers = []
    kinds = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT)
    with tarfile.open(fileobj=file, mode="w", format=random.choice(kinds), errors="surrogateescape") as archive:
        for number in range(random.choice((0, 1, 2, 3, 8, 30))):
            member = _member(random)
            if number == 0 and random.random() < 0.5:
                member.name, member.type, member.size = "data", tarfile.DIRTYPE, 0
            headers.append(file.tell())
            with contextlib.suppress(ValueError, UnicodeEncodeError):  # that format cannot carry it
                archive.addfile(member, io.BytesIO(b"#" * member.size))
    return file.getvalue(), headers


def _member(random: Random) -> tarfile.TarInfo:
    member = tarfile.TarInfo(random.choice(_NAMES))
    member.type = random.choice(_TYPES)
    member.linkname = random.choice(_TARGETS) if member.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    member.mode = random.choice((0o644, 0o755, 0o4755, 0o7777, 0, 0o1777))
    member.size = random.choice((0, 1, 511, 512, 513, 70_000)) if member.isreg() else 0
    member.mtime = random.choice((0, 1_700_000_000, -1, 2**33, 2**62, 1.5))
    if random.random() < 0.2:
        key = random.choice(
            ("path", "linkpath", "size", "GNU.sparse.map", "GNU.sparse.realsize", "mtime", "uid", "x", "SCHILY.xattr.a")
        )
        member.pax_headers = {
            key: random.choice(("../home/x", "-1", "9" * 4000, "0,1,0", "nan", "1e400", "\n", "x" * 100_000, "٣"))
        }
    return member


def _change_header(random: Random, content: bytearray, start: int) -> None:
    """Another value in a field, under a checksum that fits."""
    at, size = random.choice(_FIELDS)
    new = random.choice((random.choice(_NUMBERS), random.randbytes(size), b"../home/.bashrc"))[:size].ljust(size, b"\0")
    header = content[start : start + _BLOCK]
    header[at : at + size] = new
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    content[start : start + _BLOCK] = header


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A home of an operator, and a folder to copy to."""
    folder = Path(tempfile.mkdtemp(prefix="podexec-fuzz-"))
    try:
        for name in ("home/.bashrc", "home/.ssh/known_hosts", "out/keep", "out/inner/keep"):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        (folder / "out" / "link").symlink_to("../home")
        yield folder
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)  # which removes folders of any depth


def _contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The mode and content of everything below, but not the time. Folders may be deeper than Python can recurse."""
    found = {}
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                each = Path(entry.path)
                mode = entry.stat(follow_symlinks=False).st_mode
                content = b""
                if stat.S_ISDIR(mode):
                    waiting.append(each)
                elif stat.S_ISLNK(mode):
                    content = os.fsencode(each.readlink())
                elif stat.S_ISREG(mode):
                    content = each.read_bytes()
                found[os.path.relpath(each, folder)] = (mode, content)
    return found


def _differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def _difference(folder: Path, before: dict[str, Any]) -> list[str]:
    return sorted(_differing(_contents(folder), before))[:5]


def _is_in(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}/")


def _check_kinds(folder: Path) -> None:
    for name, (mode, _) in _contents(folder).items():
        is_plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
        if not is_plain or (mode & _SPECIAL and not stat.S_ISLNK(mode)):
            raise FaultError("kind", f"{stat.filemode(mode)} {name[:100]!r} was made")
