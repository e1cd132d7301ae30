"""Secrets in files: found, confined to their directory, and refused if others could read them."""

import os
from pathlib import Path

import pytest

from scheduler.loop.ports import SecretError, Secrets
from scheduler.secrets import open_source
from scheduler.secrets.base import LARGEST


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A private directory with one secret: db/password."""
    root = tmp_path / "secrets"
    (root / "db").mkdir(parents=True)
    root.chmod(0o700)
    (root / "db").chmod(0o700)
    write(root / "db" / "password", b"hush\n\xff\0")
    return root


def write(file: Path, content: bytes, mode: int = 0o600) -> None:
    file.write_bytes(content)
    file.chmod(mode)


def opened(folder: Path) -> Secrets:
    source = open_source(f"directory:{folder}")
    assert source is not None
    return source


def refusal(source: Secrets, name: str) -> str:
    with pytest.raises(SecretError) as refused:
        source.value(name)
    assert "hush" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("name", ["/db/password", "db/password", "/db/password/"])
def test_a_source_is_a_path_below_the_directory_and_its_value_every_byte_of_the_file(folder: Path, name: str) -> None:
    assert opened(folder).value(name) == b"hush\n\xff\0"


def test_a_changed_file_is_a_changed_secret(folder: Path) -> None:
    source = opened(folder)
    source.value("/db/password")
    write(folder / "db" / "password", b"new")
    assert source.value("/db/password") == b"new"


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    assert refusal(opened(folder), "/db/user") == f"there is no file {folder}/db/user"
    assert refusal(opened(folder), "/db/password/x") == f"there is no file {folder}/db/password/x"


@pytest.mark.parametrize(
    "name", ["/../outside", "/db/../../outside", "..", ".", "", "/", "/db//password", "/db/./x", "a\0"]
)
def test_no_path_leads_out(folder: Path, name: str) -> None:
    write(folder.parent / "outside", b"hush")
    assert "not a path of a file" in refusal(opened(folder), name)


def test_a_link_inside_is_followed_and_one_that_leads_out_is_refused(folder: Path) -> None:
    write(folder.parent / "outside", b"hush")
    (folder / "inside").symlink_to("db/password")
    (folder / "out").symlink_to("../outside")
    (folder / "up").symlink_to("..")
    source = opened(folder)
    assert source.value("/inside") == b"hush\n\xff\0"
    assert refusal(source, "/out") == f"{folder}/out leads out of {folder}"
    assert refusal(source, "/up/outside") == f"{folder}/up/outside leads out of {folder}"


def test_a_loop_of_links_is_refused(folder: Path) -> None:
    (folder / "loop").symlink_to("loop")
    assert "cannot find the file" in refusal(opened(folder), "/loop")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_touch_is_refused_at_the_start_and_at_the_read(folder: Path, mode: int) -> None:
    source = opened(folder)
    file = folder / "db" / "password"
    file.chmod(mode)
    expected = f"{file} has mode {mode:04o}, so others can access it; run chmod go= {file}"
    assert refusal(source, "/db/password") == expected
    with pytest.raises(SecretError) as refused:
        opened(folder)
    assert str(refused.value) == expected


@pytest.mark.parametrize("name", ["", "db"])
def test_a_directory_that_others_can_touch_is_refused_at_the_start_and_at_the_read(folder: Path, name: str) -> None:
    source = opened(folder)
    (folder / name).chmod(0o750)
    assert f"chmod go= {folder / name}" in refusal(source, "/db/password")
    with pytest.raises(SecretError, match=f"chmod go= {folder / name}"):
        opened(folder)


def test_what_is_no_file_is_refused_without_waiting_for_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe", 0o600)
    source = opened(folder)
    assert refusal(source, "/pipe") == f"{folder}/pipe is not a file"
    assert refusal(source, "/db") == f"cannot read {folder}/db: Is a directory"


def test_a_file_that_is_too_large_is_refused(folder: Path) -> None:
    write(folder / "most", b"x" * LARGEST)
    write(folder / "more", b"x" * (LARGEST + 1))
    source = opened(folder)
    assert len(source.value("/most")) == LARGEST
    assert f"larger than {LARGEST} bytes" in refusal(source, "/more")


def test_a_directory_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    write(tmp_path / "file", b"")
    with pytest.raises(SecretError, match=r"cannot open the directory .*none: No such file"):
        opened(tmp_path / "none")
    with pytest.raises(SecretError, match="file is not a directory"):
        opened(tmp_path / "file")
