"""Users that the executor admits to its sandbox and volumes; root can test as any user."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podexec.sharing import Sharing

Json = dict[str, Any]
OTHERS = ("nobody", "daemon")


@pytest.fixture
def sandbox() -> Iterator[Path]:
    """A sandbox as Mesos makes it; not in pytest's folder, which other users may not enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        made = Path(folder, "sandbox")
        made.mkdir()
        made.chmod(0o750)
        (made / "stderr").touch(0o640)
        yield made


def launch(user: str | None, *paths: str) -> Json:
    """A LAUNCH_CONTAINER call of this user that mounts these volumes."""
    volumes = [{"source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": each}}} for each in paths]
    return {"command": {"user": user} if user else {}, "container": {"volumes": volumes}}


def can(user: str, shell: str) -> bool:
    """Whether a user can run the command."""
    return subprocess.run(["sh", "-c", shell], user=user, group="nogroup", extra_groups=(), check=False).returncode == 0


def test_users_of_the_pod_share_and_nobody_else(sandbox: Path) -> None:
    Sharing(sandbox).open_for([launch(user, "volumes/v") for user in (None, *OTHERS)])

    volume = sandbox / "volumes/v"
    for user in OTHERS:
        assert can(
            user, f"mkdir {volume}/{user} && echo {user} > {volume}/{user}/file && echo {user} > {volume}/{user}.txt"
        )
    for user, other in (OTHERS, reversed(OTHERS)):
        assert can(user, f"echo {user} >> {volume}/{other}/file && echo {user} >> {volume}/{other}.txt && ls {volume}")
        assert not can(user, f"ls {sandbox}")
        assert not can(user, f"cat {sandbox}/stderr")
    assert not can("games", f"ls {volume}")
    assert (volume / "nobody/file").read_text() == "nobody\ndaemon\n"


def test_a_volume_is_open_to_who_mounts_it(sandbox: Path) -> None:
    Sharing(sandbox).open_for([launch("nobody", "volumes/a"), launch("daemon", "volumes/b")])

    assert can("nobody", f"touch {sandbox}/volumes/a/f")
    assert not can("nobody", f"touch {sandbox}/volumes/b/f")


def test_a_later_group_adds_to_the_users_and_gives_the_group_nothing(sandbox: Path) -> None:
    sharing = Sharing(sandbox)
    sharing.open_for([launch("nobody", "v")])
    sharing.open_for([launch("daemon", "v")])

    assert all(can(user, f"touch {sandbox}/v/{user}") for user in OTHERS)
    os.chown(sandbox, -1, 65534)
    os.chown(sandbox / "v", -1, 65534)
    assert not can("games", f"touch {sandbox}/v/games"), "though the volume's group is its own"


def test_a_pod_of_one_user_is_left_as_it_is(sandbox: Path) -> None:
    Sharing(sandbox).open_for([launch(None, "volumes/v"), launch("root", "volumes/v"), launch("no-such-user", "w")])

    assert not list(sandbox.glob("[vw]*"))
    assert not os.listxattr(sandbox)


@pytest.mark.parametrize("path", ["v/link", "../beside", "v/../../beside"])
def test_nothing_outside_of_the_sandbox_is_opened(sandbox: Path, path: str) -> None:
    """A container of an earlier group may have left a link on a volume."""
    beside = sandbox.with_name("beside")
    beside.mkdir()
    (sandbox / "v").mkdir()
    (sandbox / "v/link").symlink_to(beside)

    Sharing(sandbox).open_for([launch("nobody", path)])

    assert not os.listxattr(beside)
    assert not can("nobody", f"touch {beside}/f")


def test_where_there_are_no_lists_the_mode_lets_everybody_in(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "getxattr", unsupported)
    monkeypatch.setattr(os, "setxattr", unsupported)

    Sharing(sandbox).open_for([launch("nobody", "volumes/v")])

    assert can("nobody", f"touch {sandbox}/volumes/v/f")
    assert not can("nobody", f"ls {sandbox}")


def test_what_cannot_be_opened_is_logged_and_ends_nothing(sandbox: Path) -> None:
    (sandbox / "v").write_text("a file")

    Sharing(sandbox).open_for([launch("nobody", "v", "w")])

    assert can("nobody", f"touch {sandbox}/w/f")
