"""Untrusted archives: nothing outside the folder changes, and each failure is one clear line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import stat
import subprocess
import tarfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localmesos.libexec import unpacking
from localmesos.libexec.unpacking import Folder, UnpackError, stays_inside, unpack, unpack_tar

LINK, HARD, DIRECTORY = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
Member = tuple[str, bytes, str]  # name, type, data of a file or target of a link


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder; the test fails if anything around it has changed."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("untouched")
    folder = tmp_path / "place"
    folder.mkdir()
    before = around(tmp_path)
    yield folder
    assert around(tmp_path) == before


def around(parent: Path) -> list[tuple[str, int, int, int, str]]:
    """Everything outside the folder: name, mode, number of links, owner, content."""
    found = [parent, *(each for top in (parent / "outside",) for each in (top, *top.rglob("*")))]
    return [
        (
            str(each),
            (was := each.lstat()).st_mode,
            was.st_nlink if each.is_file() else 0,
            was.st_uid,
            each.read_text() if each.is_file() else "",
        )
        for each in found
    ] + [(str(each), 0, 0, 0, "") for each in sorted(parent.iterdir())]


def tar(*members: Member | tarfile.TarInfo, **headers: str) -> bytes:
    """A tar archive with exactly these members, valid or not."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", pax_headers=headers) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member, io.BytesIO(b"x" * member.size))
                continue
            name, kind, rest = member
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, 0o755 if kind == DIRECTORY else 0o644
            if kind in (LINK, HARD):
                info.linkname = rest
                archive.addfile(info)
            else:
                info.size = len(rest)
                archive.addfile(info, io.BytesIO(rest.encode()))
    return buffer.getvalue()


def file(name: str, data: str = "data") -> Member:
    return (name, tarfile.REGTYPE, data)


def zipped(*members: tuple[str, int, str], system: int = 3) -> bytes:
    """A zip archive of (name, mode, data)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice
        for name, mode, data in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.create_system = mode << 16, system
            archive.writestr(info, data)
    return buffer.getvalue()


def put(place: Path, data: bytes, *, links_stay: bool = False) -> None:
    archive = place.parent.parent / f"{place.parent.name}.archive"
    archive.write_bytes(data)
    try:
        with Folder(place, links_stay=links_stay) as folder:
            unpack(archive, folder)
    finally:
        archive.unlink()


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.devmajor, info.devminor = kind, 1, 3
    return info


def sized(size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header that announces more data than there is."""
    info = tarfile.TarInfo("x")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


OUT = "../outside"


def _name(value: object) -> str | None:
    """An archive holds the time at which it was made, which is no name for a test."""
    return "archive" if isinstance(value, bytes) else None


@pytest.mark.parametrize(
    "archive",
    [
        tar(file("../outside/file")),
        tar(file("a/../../outside/file")),
        tar(("..", DIRECTORY, "")),
        tar(("../new", LINK, "x")),
        tar(("lnk", LINK, OUT), file("lnk/new")),
        tar(("lnk", LINK, OUT), ("lnk/new", DIRECTORY, "")),
        tar(("lnk", LINK, OUT), ("lnk/new", LINK, "x")),
        tar(("lnk", LINK, OUT), ("hard", HARD, "lnk/file")),
        tar(("lnk", LINK, OUT), file("x"), ("lnk/file", HARD, "x")),
        tar(("lnk", LINK, "/"), file("lnk/tmp/new-of-podexec")),
        tar(("one", LINK, ".."), ("two", LINK, "one/outside"), file("two/new")),
        tar(("d/e", DIRECTORY, ""), ("d/e/up", LINK, "../.."), ("x", LINK, "d/e/up/../outside"), file("x/new")),
        tar(("circle", LINK, "circle"), file("circle/new")),
        tar(("a", LINK, "b"), ("b", LINK, "a"), file("a/new")),
        tar(file("x"), file("x/below")),
        tar(("x", DIRECTORY, ""), file("x")),
        tar(("hard", HARD, "../outside/file")),
        tar(("hard", HARD, "nowhere")),
        tar(("hard", HARD, "hard")),
        tar(special("null", tarfile.CHRTYPE)),
        tar(special("disk", tarfile.BLKTYPE)),
        tar(special("pipe", tarfile.FIFOTYPE)),
        tar(special("odd", b"Z")),
        tar(file("/".join(["deep"] * 2000))),
        tar(file("x" * 300)),
        tar(file("."), file("x")),
        tar(file("first"), special("x", tarfile.REGTYPE), mtime="nan", size="-1536"),
        sized(1 << 40),
        sized(-(1 << 40)),
        sized(1 << 40, tarfile.XHDTYPE),
        sized(1 << 40, tarfile.GNUTYPE_LONGNAME),
        tar(file("one"))[:1024] + b"\x01" * 512 + tar(file("two")),
        tar(file("one"), file("two"))[:1300],
        gzip.compress(tar(file("one")))[:-12],
        bz2.compress(tar(file("one", "x" * 5000)))[:-8],
        lzma.compress(tar(file("one", "x" * 5000)))[:-8],
        b"\x1f\x8b" + b"nonsense" * 9,
        b"nonsense" * 99,
        b"",
        zipped(("../outside/file", 0o644, "x")),
        zipped(("a/../../outside/file", 0o644, "x")),
        zipped(("..\\outside\\file", 0o644, "x"), system=0),
        zipped(("lnk", stat.S_IFLNK | 0o777, OUT), ("lnk/new", 0o644, "x")),
        zipped(("pipe", stat.S_IFIFO | 0o644, "")),
        zipped(("disk", stat.S_IFBLK | 0o644, "")),
        zipped(("lnk", stat.S_IFLNK | 0o777, "x" * 5000)),
        zipped(("lnk", stat.S_IFLNK | 0o777, "a\0b")),
        zipped(("one", 0o644, "x" * 999))[:-30],
        zipped(("one", 0o644, "a checksum")).replace(b"checksum", b"mistake!"),
    ],
    ids=_name,
)
def test_what_would_leave_the_folder_or_is_damaged_is_refused(place: Path, archive: bytes) -> None:
    with pytest.raises((UnpackError, OSError)) as failure:
        put(place, archive)
    assert str(failure.value)
    assert str(failure.value).isprintable()
    assert len(str(failure.value)) < 600


@pytest.mark.parametrize(
    ("archive", "name", "expected"),
    [
        (tar(file("/etc/x")), "etc/x", "data"),
        (tar(file("//./a//b")), "a/b", "data"),
        (tar(("./", DIRECTORY, ""), file("./x")), "x", "data"),
        (tar(("real", DIRECTORY, ""), ("lnk", LINK, "./real"), file("lnk/x")), "real/x", "data"),
        (tar(("a/b", DIRECTORY, ""), ("a/b/up", LINK, ".."), file("a/b/up/x")), "a/x", "data"),
        (tar(("later", LINK, "there"), file("later/x")), "there/x", "data"),
        (tar(file("x", "one"), file("x", "two")), "x", "two"),
        (tar(("x", LINK, OUT + "/file"), file("x")), "x", "data"),
        (tar(file("x"), ("y", HARD, "x"), file("x", "new")), "y", "data"),
        (tar(file("x"), ("d", DIRECTORY, ""), ("d/y", HARD, "./x")), "d/y", "data"),
        (tar(file("x"), mtime="1e400"), "x", "data"),
        (tar(file("x"), mtime="nan"), "x", "data"),
        (gzip.compress(tar(file("x"))), "x", "data"),
        (bz2.compress(tar(file("x"))), "x", "data"),
        (lzma.compress(tar(file("x"))), "x", "data"),
        (lzma.compress(tar(file("x")), lzma.FORMAT_ALONE), "x", "data"),
        (tar(file("x" * 200 + "/" + "y" * 200)), "x" * 200 + "/" + "y" * 200, "data"),
        (tar(file("\udcff\x1b[31m")), "\udcff\x1b[31m", "data"),
        (tar(file("C:\\x")), "C:\\x", "data"),
        (zipped(("/etc/x", 0o644, "data")), "etc/x", "data"),
        (zipped(("a\\b", 0, "data"), system=0), "a/b", "data"),
        (zipped(("..\\x", 0o644, "data")), "..\\x", "data"),
        (zipped(("x", 0o644, "data"), ("lnk", stat.S_IFLNK | 0o777, "x")), "lnk", "data"),
        (zipped(("lnk", stat.S_IFLNK | 0o777, OUT + "/file"), ("lnk", 0o644, "data")), "lnk", "data"),
    ],
    ids=_name,
)
def test_what_is_odd_and_harmless_is_unpacked(place: Path, archive: bytes, name: str, expected: str) -> None:
    put(place, archive)
    assert (place / name).read_text() == expected
    assert (place / name).resolve().is_relative_to(place.resolve())


def test_a_file_that_is_there_is_replaced_and_not_written_through(place: Path) -> None:
    """Neither through a link nor through another name of the file."""
    outside = place.parent / "outside"
    (place / "link").symlink_to(outside / "file")
    os.link(outside / "file", place / "hard")
    linked = around(place.parent)
    put(place, tar(file("link"), file("hard")))
    assert (place / "link").read_text() == (place / "hard").read_text() == "data"
    assert around(place.parent) != linked, "the hard link is gone"
    assert (outside / "file").read_text() == "untouched"


def test_links_out_are_made_or_refused_as_the_folder_is_opened(place: Path) -> None:
    """A sandbox may contain a link to /usr; a folder of copied files may not."""
    for target in ("/usr/bin/env", OUT, "a/../../outside"):
        put(place, tar(("lnk", LINK, target)))
        assert (place / "lnk").readlink() == Path(target)
        (place / "lnk").unlink()
        with pytest.raises(UnpackError, match="leads out of the folder"):
            put(place, tar(("lnk", LINK, target)), links_stay=True)
    put(place, tar(file("x"), ("a/b/lnk", LINK, "../../x")), links_stay=True)
    assert (place / "a" / "b" / "lnk").read_text() == "data"
    with pytest.raises(UnpackError, match="leads out of the folder"):  # deep by its name, not in truth
        put(place, tar(("top", LINK, "."), ("top/top/top/lnk", LINK, "../x")), links_stay=True)


@pytest.mark.parametrize(
    ("target", "depth", "stays"),
    [
        ("x", 0, True),
        ("..", 0, False),
        ("../x", 1, True),
        ("../../x", 1, False),
        ("a/../x", 3, False),
        ("/x", 3, False),
    ],
)
def test_where_links_lead(target: str, depth: int, stays: bool) -> None:
    assert stays_inside(target, depth) is stays


def test_modes_are_kept_but_for_what_gives_rights_and_owners_are_not(place: Path) -> None:
    info = tarfile.TarInfo("tool")
    info.mode, info.uid, info.gid, info.uname, info.mtime = 0o6755, 12345, 12345, "daemon", 1_000_000_000
    closed = tarfile.TarInfo("closed")
    closed.type, closed.mode, closed.mtime = DIRECTORY, 0o1555, 1_000_000_000
    put(place, tar(info, closed, file("closed/x")))
    tool, directory = (place / "tool").stat(), (place / "closed").stat()
    assert (stat.S_IMODE(tool.st_mode), tool.st_uid, tool.st_mtime) == (0o755, os.geteuid(), 1_000_000_000)
    assert (stat.S_IMODE(directory.st_mode), directory.st_mtime) == (0o555, 1_000_000_000)
    assert (place / "closed" / "x").exists()
    put(place, zipped(("zipped", stat.S_IFREG | 0o4750, "x")))
    assert stat.S_IMODE((place / "zipped").stat().st_mode) == 0o750
    (place / "closed").chmod(0o755)


def test_a_sparse_file_stays_one(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In each format that GNU tar writes."""
    source = tmp_path_factory.mktemp("sparse")
    with (source / "holes").open("wb") as holes:
        holes.write(b"begin")
        holes.seek(1 << 30)
        holes.write(b"end")
    for form in (("--format=gnu",), *(("--format=pax", f"--sparse-version={v}") for v in ("0.0", "0.1", "1.0"))):
        made = subprocess.run(
            ["tar", "-c", "-S", *form, "-f", "-", "-C", source, "holes"], capture_output=True, check=True
        )
        put(place, made.stdout)
        was = (place / "holes").stat()
        assert was.st_size == (1 << 30) + 3
        assert was.st_blocks * 512 < 1 << 20
        with (place / "holes").open("rb") as written:
            assert written.read(6) == b"begin\0"
            written.seek(1 << 30)
            assert written.read() == b"end"


def test_content_that_a_header_only_claims_is_not_waited_for(place: Path) -> None:
    """Of a sparse file, whose content is not read as it has no parts: four exabytes, and the stream has ended."""
    sparse = tarfile.TarInfo("sparse")
    sparse.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\x80" + (2**62).to_bytes(11)
    header[483:495] = b"%011o\0" % 0
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with Folder(place) as folder, pytest.raises(UnpackError, match="unexpected end of data"):
        unpack_tar(io.BytesIO(bytes(header) + bytes(1024)), folder)


def test_many_members_and_much_data_take_little_memory(place: Path) -> None:
    """Archives with content of a thousand times their size, and with thousands of members."""
    info = tarfile.TarInfo("zeros")
    info.size = 8 << 20
    headers = b"".join(tarfile.TarInfo(f"{number % 100}/{number}").tobuf() for number in range(4_000))
    archive = gzip.compress(info.tobuf() + bytes(info.size) + headers + bytes(1024), 1)
    tracemalloc.start()
    try:
        put(place, archive)
        peak = tracemalloc.get_traced_memory()[1] - len(archive)
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20
    assert len(list(place.rglob("*"))) == 4_101


def restore_checksums(archive: bytearray) -> None:
    """Correct the checksums, so that changed headers are not all refused for them."""
    for start in range(0, len(archive) - 511, 512):
        block = archive[start : start + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            archive[start + 148 : start + 156] = b"%06o\0 " % sum(block)


class Endless(io.RawIOBase):
    """A stream of a beginning, and of something again and again. Fails if it is read for more than is bounded."""

    def __init__(self, beginning: bytes, again: Callable[[int], bytes]) -> None:
        self._rest = beginning
        self._again = again
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview[int]) -> int:  # type: ignore[override]
        while not self._rest:
            assert self._count < 20_000, "it is read on and on"
            self._rest = self._again(self._count)
            self._count += 1
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def sparse_header(*, is_extended: bool) -> bytes:
    """A header of GNU's old form of sparse files, which more of its map follows."""
    header = bytearray(tarfile.TarInfo("holes").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[482:483] = b"\1" if is_extended else b"\0"
    restore_checksums(header)
    return bytes(header)


def pax_header(kind: bytes, **records: str) -> bytes:
    """A header of names and values alone."""
    made: bytes = tarfile.TarInfo._create_pax_generic_header(records, kind, "utf-8")  # type: ignore[attr-defined]
    return made


def empty_directory(name: str) -> bytes:
    header = tarfile.TarInfo(name)
    header.type = DIRECTORY
    return header.tobuf()


MAP = b"00000000001\0" * 42 + b"\1" + bytes(7)  # 21 pieces of a sparse file, and that more follow
NEW_SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "9"}


@pytest.mark.parametrize(
    "endless",
    [
        Endless(sparse_header(is_extended=True), lambda _: MAP),
        Endless(
            pax_header(tarfile.XHDTYPE, **NEW_SPARSE)
            + tarfile.TarInfo("x").tobuf()
            + b"99999999\n1"
            + b"\n1" * 251
            + b"\n",
            lambda _: b"1\n" * 256,
        ),
        Endless(
            b"",
            lambda n: pax_header(tarfile.XGLTYPE, **{f"key{n}": "x" * 60_000}) + tarfile.TarInfo("x").tobuf(),
        ),
        Endless(b"", lambda n: pax_header(tarfile.XGLTYPE, **{f"key{n}": "x" * 60_000})),
        Endless(b"", lambda _: pax_header(tarfile.XHDTYPE, path="x")),
        Endless(b"", lambda n: empty_directory("x" * 40 + f"/{n}")),
    ],
    ids=["old map", "new map", "global headers between files", "global headers", "headers", "directories"],
)
def test_headers_without_end_are_refused_before_they_fill_the_memory(
    place: Path, endless: Endless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MOST_DIRECTORIES", 100_000)
    monkeypatch.setattr(unpacking, "MOST_HEADERS", 100_000)
    tracemalloc.start()
    try:
        with pytest.raises(UnpackError), Folder(place) as folder:
            unpack_tar(io.BufferedReader(endless), folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


def test_directories_are_not_deeper_than_who_walks_through_them_can_go(place: Path) -> None:
    """Not even through links, with which each name is short."""
    deep = "d/" * 200
    with pytest.raises(UnpackError, match="in more than 256 directories"):
        put(place, tar((deep, DIRECTORY, ""), ("lnk", LINK, deep), file("lnk/" + "e/" * 200 + "x")))


def test_noise_in_an_archive_is_unpacked_or_refused_and_nothing_else(place: Path) -> None:
    """Random bytes of valid archives are changed."""
    noise = random.Random(7)
    good: list[bytes] = [
        tar(("d", DIRECTORY, ""), file("d/x"), ("l", LINK, "d/x"), ("h", HARD, "d/x"), file("ü" * 90), comment="x"),
        zipped(("d/", 0o755, ""), ("d/x", 0o644, "data"), ("l", stat.S_IFLNK | 0o777, "d/x")),
    ]
    for number in range(400):
        changed = bytearray(good[number % 2].rstrip(b"\0") + bytes(1024))
        for _ in range(noise.randrange(1, 5)):
            changed[noise.randrange(len(changed))] = noise.randrange(256)
        if number % 4 < 2:
            restore_checksums(changed)
        try:
            put(place, bytes(changed))
        except (UnpackError, OSError):
            continue


def test_a_tar_stream_is_read_once_and_its_names_may_be_changed(place: Path) -> None:
    rename: Callable[[str], str] = lambda name: f"new/{name}"  # noqa: E731
    with Folder(place) as folder:
        unpack_tar(io.BytesIO(tar(file("x"), ("y", HARD, "x"))), folder, rename)
    assert (place / "new" / "x").samefile(place / "new" / "y")
