"""`podexec pod cp`: what a hostile container, or a hostile local folder, may not do, and what is copied."""

import io
import os
import signal
import socket
import stat
import subprocess
import sys
import tarfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler.cli.errors import CommandError
from scheduler.cli.inside.copying import Remote, place
from scheduler.cli.inside.packing import packed
from tests.cli.conftest import Run, Stage
from tests.cluster.support import wait_for
from tests.fakes.inside import FakeSession


def real_tar(folder: Path) -> Any:
    """The container's tar: this machine's, in a folder."""

    async def tar(session: FakeSession) -> None:
        given = bytearray()
        while (data := await session.input.get()) is not None:
            given += data
        done = subprocess.run(session.command, cwd=folder, input=bytes(given), capture_output=True, check=False)
        for start in range(0, len(done.stdout), 10_000):
            session.writes(done.stdout[start : start + 10_000])
        session.writes(done.stderr, is_error=True)
        session.ends(done.returncode)

    return tar


def test_directories_and_files_are_copied_both_ways(stage: Stage, run: Run, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    (outer / "tree" / "deep").mkdir(parents=True)
    (outer / "tree" / "deep" / "file").write_bytes(os.urandom(100_000))
    (outer / "tree" / "link").symlink_to("deep/file")
    (inner / "there").mkdir(parents=True)
    stage.inside.program = real_tar(inner)
    assert run("pod", "cp", "-c", "one", str(outer / "tree"), "web:there/").code == 0
    assert run("pod", "cp", "-c", "one", str(outer / "tree" / "deep" / "file"), "/web:renamed").code == 0
    content = (outer / "tree" / "deep" / "file").read_bytes()
    assert (inner / "there" / "tree" / "deep" / "file").read_bytes() == content
    assert (inner / "renamed").read_bytes() == content
    (inner / "there" / "tree" / "deep" / "hard").hardlink_to(inner / "there" / "tree" / "deep" / "file")

    assert run("pod", "cp", "-c", "one", "web:there/tree", str(outer / "back")).code == 0
    assert (outer / "back" / "deep" / "hard").read_bytes() == content
    assert (outer / "back" / "link").readlink() == Path("deep/file")
    assert run("pod", "cp", "-c", "one", f"web:{inner}/renamed", str(outer)).code == 0
    assert (outer / "renamed").read_bytes() == content


def test_what_cannot_be_copied_is_told(stage: Stage, run: Run, tmp_path: Path) -> None:
    stage.inside.program = real_tar(tmp_path)
    for words, error in (
        (("web:none", str(tmp_path)), "tar in the container failed"),
        ((str(tmp_path / "none"), "web:x"), "does not exist"),
        (("web:x", "web:y"), "one of SRC and DST must be ID:PATH"),
        (("x", "y"), "one of SRC and DST must be ID:PATH"),
        (("web:", str(tmp_path)), "has no path"),
    ):
        outcome = run("pod", "cp", "-c", "one", *words)
        assert outcome.code in (1, 2)
        assert error in outcome.err


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """An empty member of an archive."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, target, mode
    return made


def sends(*members: tarfile.TarInfo, cut: int | None = None) -> Callable[[FakeSession], Awaitable[None]]:
    """A container whose tar writes arbitrary output."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))

    async def program(session: FakeSession) -> None:
        session.writes(buffer.getvalue()[:cut])
        session.ends()

    return program


LINK, HARD, DIRECTORY, PIPE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A user's folder and what is around it; the test fails if any of it has changed, or if a copy left anything."""
    (tmp_path / "evidence").write_text("untouched")
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    (home / ".bashrc").write_text("untouched")
    (home / "place").mkdir()
    (home / "place" / "evidence").write_text("untouched")
    (home / "place" / "x").mkdir(mode=0o750)
    (home / "place" / "x" / "file").write_text("untouched")
    (home / "place" / "x" / "ssh").symlink_to("../../.ssh")
    before = everything(tmp_path)
    yield home
    assert everything(tmp_path) == before


def everything(folder: Path) -> list[tuple[str, int, int, str]]:
    """Name, mode, number of names and content of all that is in a folder."""
    return [
        (
            str(each),
            (was := each.lstat()).st_mode,
            was.st_nlink,
            str(each.readlink()) if each.is_symlink() else each.read_text() if each.is_file() else "",
        )
        for each in sorted(folder.rglob("*"))
    ]


@pytest.mark.parametrize(
    "members",
    [
        (entry("x", LINK, "."), entry("x/.bashrc")),
        (entry("x", LINK, ".ssh"), entry("x/authorized_keys")),
        (entry("x", LINK, ".bashrc"),),
        (entry("x", LINK, "x"), entry("x/y")),
        (entry("x/lnk", LINK, "../.ssh"), entry("x/lnk/authorized_keys")),
        (entry("x/../../escaped"),),
        (entry("/etc/escaped"),),
        (entry("xescaped"),),
        (entry("escaped"),),
        (entry("x/y"), entry(".bashrc")),
        (entry("x/lnk", LINK, "../.."), entry("x/lnk/escaped")),
        (entry("x", LINK, ".."), entry("x/escaped")),
        (entry("x/lnk", LINK, "../../escaped"),),
        (entry("x/lnk", LINK, "../x/y"),),
        (entry("x/lnk", LINK, "/etc/passwd"),),
        (entry("x/hard", HARD, "evidence"),),
        (entry("x/hard", HARD, "x/../../evidence"),),
        (entry("x/hard", HARD, "/etc/passwd"),),
        (entry("x/y"), entry("x/pipe", PIPE)),
        (entry("x/y"), entry("x/null", tarfile.CHRTYPE)),
        (entry("x/y"), entry("x/y/below")),
        (entry("x/y"), entry("x/y/", DIRECTORY), entry("x/y")),
        (entry("x", PIPE),),
        (entry("x/" + "y" * 256),),
        (entry("x/" + "y/" * 2100),),
        (entry("x/" + "y/" * 300),),
        (entry("x/" + "d/" * 250, DIRECTORY), entry("x/deep", LINK, "d/" * 250), entry("x/deep/" + "e/" * 250)),
        (),
    ],
    ids=lambda members: "+".join(member.name[:20] for member in members) or "nothing",
)
def test_a_hostile_container_changes_nothing(
    stage: Stage, run: Run, home: Path, members: tuple[tarfile.TarInfo, ...]
) -> None:
    """Neither in the place nor elsewhere, whether the place is a folder, one with such a copy in it, or a new name."""
    stage.inside.program = sends(*members)
    for target in (home, home / "place", home / "new"):
        outcome = run("pod", "cp", "-c", "one", "web:x", str(target))
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith(f"podexec: cannot write {target}: ")
        assert outcome.err.count("\n") == 1
        assert len(outcome.err) < 1000


@pytest.mark.parametrize(
    ("source", "members", "error"),
    [
        ("x", (entry("x/file", DIRECTORY),), "'x/file' is a directory in the container, but not here"),
        ("x", (entry("x/new"), entry("x/file/y")), "'x/file' is a directory in the container, but not here"),
        (
            "x",
            (entry("x/new"), entry("x/ssh/authorized_keys")),
            "'x/ssh' is a directory in the container, but not here",
        ),
        ("x", (entry("x"),), "'x' is a directory here, but not in the container"),
        (".", (entry("./x"),), "'x' is a directory here, but not in the container"),
        (
            ".",
            (entry("./new"), entry("./x/ssh/authorized_keys")),
            "'x/ssh' is a directory in the container, but not here",
        ),
        (".", (entry("."),), "the container sent a file instead of a directory"),
        (".", (), "the container sent nothing"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 3 else None,
)
def test_what_does_not_fit_to_what_is_there_moves_nothing(
    stage: Stage, run: Run, home: Path, source: str, members: tuple[tarfile.TarInfo, ...], error: str
) -> None:
    """A link in the place is no directory, even if it leads to one, as for `cp -r`."""
    stage.inside.program = sends(*members)
    outcome = run("pod", "cp", "-c", "one", f"web:{source}", str(home / "place"))
    assert (outcome.code, error in outcome.err) == (1, True), outcome.err


def test_directories_are_joined_and_files_replaced(stage: Stage, run: Run, tmp_path: Path) -> None:
    """Directories that exist keep their modes; links are replaced, never followed."""
    (tmp_path / "outside").write_text("untouched")
    there = tmp_path / "place" / "x"
    (there / "deep").mkdir(parents=True, mode=0o700)
    (there / "deep" / "kept").write_text("kept")
    (there / "deep" / "link").symlink_to("../../../outside")
    os.link(tmp_path / "outside", there / "hard")
    stage.inside.program = sends(
        entry("x", DIRECTORY, mode=0o777),
        entry("x/deep", DIRECTORY, mode=0o777),
        entry("x/deep/link", mode=0o600),
        entry("x/hard"),
        entry("x/new/", DIRECTORY, mode=0o555),
        entry("x/new/file", mode=0o6755),
    )
    umask = os.umask(0o022)
    try:
        assert run("pod", "cp", "-c", "one", "web:x", str(tmp_path / "place")).code == 0
    finally:
        os.umask(umask)
    assert {str(each.relative_to(there)): stat.filemode(each.lstat().st_mode) for each in there.rglob("*")} == {
        "deep": "drwx------",
        "deep/kept": "-rw-------" if umask == 0o077 else stat.filemode((there / "deep" / "kept").stat().st_mode),
        "deep/link": "-rw-------",
        "hard": "-rw-r--r--",
        "new": "dr-xr-xr-x",
        "new/file": "-rwxr-xr-x",
    }
    assert (tmp_path / "outside").read_text() == "untouched"
    assert (there / "hard").read_text() == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["outside", "place"]
    assert [each.name for each in (tmp_path / "place").iterdir()] == ["x"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_copy_leaves_nothing_behind(stage: Stage, home: Path, number: signal.Signals) -> None:
    """What is unpacked before the end of the archive is in a directory that only its owner may enter."""
    sent = io.BytesIO()
    with tarfile.open(fileobj=sent, mode="w") as archive:
        archive.addfile(entry("x/closed", DIRECTORY, mode=0))
        large = entry("x/closed/.bashrc")
        large.size = 1 << 20
        archive.addfile(large, io.BytesIO(bytes(large.size)))

    async def program(session: FakeSession) -> None:
        session.writes(sent.getvalue()[:-20_000])  # the rest never comes

    stage.inside.program = program
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "scheduler.cli.main", "pod", "cp", "-c", "one", "web:x", str(home)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for("a file", lambda: any(home.glob(".podexec-cp-*/x/closed/.bashrc")) or process.poll())
        (apart,) = home.glob(".podexec-cp-*")
        assert stat.S_IMODE(apart.stat().st_mode) == 0o700
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (130, 128 + number)
    assert b"Traceback" not in said


def test_an_archive_without_end_is_an_error(stage: Stage, run: Run, home: Path) -> None:
    """Zeros after the end of the archive are not read forever."""

    async def program(session: FakeSession) -> None:
        session.writes(entry("x").tobuf() + bytes(1024))
        for _ in range(64):
            session.writes(bytes(64 * 1024))
        # it does not end

    stage.inside.program = program
    outcome = run("pod", "cp", "-c", "one", "web:x", str(home))
    assert (outcome.code, "kept sending" in outcome.err) == (1, True), outcome.err


def bind(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)


@pytest.mark.parametrize("make", [os.mkfifo, bind])
def test_no_pipe_and_no_socket_is_read_from_here(
    stage: Stage, run: Run, tmp_path: Path, make: Callable[[str], None]
) -> None:
    (tmp_path / "tree").mkdir()
    make(str(tmp_path / "tree" / "odd"))
    stage.inside.program = real_tar(tmp_path)
    outcome = run("pod", "cp", "-c", "one", str(tmp_path / "tree"), "web:copied")
    assert (outcome.code, "'odd' is not a file, directory or link" in outcome.err) == (1, True), outcome.err


def test_what_gives_rights_stays_here_and_links_are_packed_as_links(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "tool").write_text("tool")
    (tree / "tool").chmod(0o6755)
    os.chown(tree / "tool", os.geteuid(), os.getegid())
    (tree / "tool").chmod(0o6755)
    (tree / "also").hardlink_to(tree / "tool")
    (tree / "secret").symlink_to("/etc/shadow")
    with tarfile.open(fileobj=io.BytesIO(b"".join(packed(tree, "new")))) as archive:
        found = {member.name: member for member in archive}
    assert list(found) == ["new", "new/also", "new/secret", "new/tool"]
    assert (found["new/secret"].linkname, found["new/tool"].linkname) == ("/etc/shadow", "new/also")
    assert found["new/also"].mode == 0o755
    assert {(member.uid, member.gid, member.uname, member.gname) for member in found.values()} == {(0, 0, "", "")}


def test_a_copy_that_breaks_off_has_failed(stage: Stage, run: Run, tmp_path: Path) -> None:
    """Half a file or half a header, even if tar exits with 0."""
    half = entry("x")
    half.size = 3000
    for member, cut in ((half, 1024), (entry("x"), 300)):
        stage.inside.program = sends(member, cut=cut)
        outcome = run("pod", "cp", "-c", "one", "web:x", str(tmp_path / "x"))
        assert (outcome.code, "cannot write" in outcome.err) == (1, True)


def test_a_whole_container_is_copied_into_a_folder_of_its_own(stage: Stage, run: Run, tmp_path: Path) -> None:
    """Into a new or existing folder, never outside it. A folder that is to be read-only is filled first."""
    members = entry("./", tarfile.DIRTYPE, mode=0o555), entry("./etc", tarfile.DIRTYPE, mode=0o555), entry("./etc/x")
    stage.inside.program = sends(*members)
    new = tmp_path / "new"
    for mode in (0o555, 0o755):  # an existing directory keeps its mode
        assert run("pod", "cp", "-c", "one", "web:/", str(new)).code == 0
        assert sorted(tmp_path.rglob("*")) == [new, new / "etc", new / "etc" / "x"]
        for folder in (new, new / "etc"):
            assert folder.stat().st_mode & 0o777 == mode
            folder.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web:/etc/x", Remote("web", "/etc/x")),
        ("/group/web:x:y", Remote("/group/web", "x:y")),
        ("./web:x", Path("web:x")),
        ("plain", Path("plain")),
        ("Not An Id:x", Path("Not An Id:x")),
        ("/:x", Path("/:x")),
    ],
)
def test_places(text: str, expected: Remote | Path) -> None:
    assert place(text) == expected


def test_a_place_without_a_path_is_none() -> None:
    with pytest.raises(CommandError, match="has no path"):
        place("web:")
