"""Mesos' programs in a folder of the user's choice."""

import subprocess
from pathlib import Path

import pytest

from localmesos import ClusterError
from localmesos.installing import install


def _version(folder: Path) -> str:
    return subprocess.run(
        [folder / "bin" / "mesos-master", "--version"], capture_output=True, text=True, check=True
    ).stdout


def test_an_installation_works_where_it_is_and_is_left_alone_later(tmp_path: Path) -> None:
    target = tmp_path / "a new folder" / "mesos"
    said: list[str] = []
    install(target, said.append)
    assert _version(target) == "mesos 1.11.0\n"
    assert (target.stat().st_mode & 0o777, target.parent.stat().st_mode & 0o777) == (0o755, 0o755)
    before = target.stat().st_ino
    install(target, said.append)
    assert target.stat().st_ino == before
    assert said[-2:] == [f"Mesos 1.11.0 is installed in {target}", f"Mesos 1.11.0 is installed in {target} already"]
    assert list(target.parent.iterdir()) == [target]


def test_an_empty_folder_is_filled_and_an_older_installation_replaced(tmp_path: Path) -> None:
    target = tmp_path / "mesos"
    target.mkdir()
    install(target)
    (target / "installed-by-podexec").write_text("build-000000000000\n")
    (target / "bin" / "mesos-master").unlink()
    install(target)
    assert _version(target) == "mesos 1.11.0\n"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("is_file", [True, False])
def test_what_is_not_an_installation_is_not_touched(tmp_path: Path, is_file: bool) -> None:
    target = tmp_path / "mine"
    if is_file:
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "notes").write_text("mine")
    with pytest.raises(
        ClusterError, match="exists and is not an installation of Mesos by podexec; choose an empty or a new"
    ):
        install(target)
    assert (target if is_file else target / "notes").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterError, match=f"cannot install Mesos into {tmp_path / 'file' / 'mesos'}"):
        install(tmp_path / "file" / "mesos")
