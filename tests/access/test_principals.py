"""The principals file: what it may contain, and how it is read and replaced."""

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from scheduler.access import file
from scheduler.access.permissions import Permission, Role
from scheduler.access.principals import LARGEST_FILE, Principals, PrincipalsError, Rule, User, read, rendered
from scheduler.model.json import Json

DIGEST = 64 * "a"


def text(users: Json | None = None, *rules: Json) -> bytes:
    """The contents of a file."""
    return json.dumps({"users": users or {}, "rules": list(rules)}).encode()


def test_what_is_written_is_what_is_read() -> None:
    found = read(
        text(
            {"ada": {"groups": ["devs"], "tokens": [{"name": "ci", "sha256": DIGEST, "expires": "2027-01-01T00:00Z"}]}},
            {"subjects": ["ada", "group:devs"], "paths": ["/team-a/**"], "role": "view", "with": ["exec"]},
            {"subjects": ["oidc:x y@z"], "paths": ["/web"], "role": "operate", "without": ["exec", "copy", "files"]},
            {"subjects": ["dcos:bot"], "paths": ["/web"], "with": ["logs"]},
        )
    )
    assert read(rendered(found)) == found
    assert [each.allowed for each in found.rules] == [
        {Permission.VIEW, Permission.LOGS, Permission.USAGE, Permission.EXEC},
        {Permission.VIEW, Permission.LOGS, Permission.USAGE, Permission.OPERATE},
        {Permission.LOGS},
    ]
    assert found.users["ada"].tokens[0].expires_at == 1_798_761_600
    assert read(b"{}") == Principals()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "truncated"),
        (b"[]", "object"),
        (b'{"user": {}}', "unknown field"),
        (b" " * (LARGEST_FILE + 1), "larger"),
        (text({"a:b": {}}), "name of user 'a:b'"),
        (text({"": {}}), "name of user"),
        (text({"ada\n": {}}), "name of user"),
        (text({"ada": {"groups": ["a b"]}}), "name of group 'a b'"),
        (text({"ada": {"pasword": "x"}}), "unknown field"),
        (text({"ada": {"password": "hush"}}), "password of user 'ada'"),
        (text({"ada": {"tokens": [{"name": "ci", "sha256": "abc"}]}}), "hexadecimal"),
        (text({"ada": {"tokens": [{"name": "ci", "sha256": DIGEST, "expires": "tomorrow"}]}}), "expires"),
        (text({"ada": {"tokens": [{"name": "ci", "sha256": DIGEST, "expires": "2027-01-01"}]}}), "offset"),
        (text({"ada": {"tokens": [{"name": n, "sha256": DIGEST} for n in "ab"]}}), "listed twice"),
        (text({"ada": {"tokens": [{"name": "a", "sha256": n * 64} for n in "ab"]}}), "same name"),
        (text({}, {"subjects": ["ada"], "paths": ["/**"], "role": "admin"}), "no user 'ada'"),
        (text({}, {"subjects": ["user:ada"], "paths": ["/**"], "role": "admin"}), "'user:ada'"),
        (text({}, {"subjects": ["group:\x1b[2J"], "paths": ["/**"], "role": "admin"}), "subject"),
        (text({}, {"subjects": ["group:a"], "paths": ["/a/*"], "role": "admin"}), "'/a/\\*'"),
        (text({}, {"subjects": ["group:a"], "paths": ["/**"], "role": "root"}), "root"),
        (text({}, {"subjects": ["group:a"], "paths": ["/**"]}), "grants nothing"),
        (text({}, {"subjects": ["group:a"], "paths": ["/**"], "role": "view", "with": ["cp"]}), "cp"),
        (
            text({}, {"subjects": ["group:a"], "paths": ["/**"], "with": ["logs"], "without": ["logs"]}),
            "grants nothing",
        ),
    ],
)
def test_a_file_with_a_mistake_is_refused_and_the_reason_says_where(content: bytes, reason: str) -> None:
    with pytest.raises(PrincipalsError, match=reason):
        read(content)


@pytest.fixture
def principals(tmp_path: Path) -> Path:
    """A file that its owner may read and write."""
    path = tmp_path / "principals.json"
    path.touch(0o600)
    path.write_bytes(text({"ada": {}}))
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o602, 0o604, 0o601])
def test_a_file_that_others_may_use_is_refused(principals: Path, mode: int) -> None:
    principals.chmod(mode)
    with pytest.raises(PrincipalsError, match="chmod 600"):
        file.load(principals)
    principals.chmod(0o400)
    assert list(file.load(principals)[0].users) == ["ada"]


def test_a_fifo_in_the_files_place_does_not_hold_the_scheduler(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(PrincipalsError, match="regular"):
        file.load(tmp_path / "fifo")


def test_a_replaced_file_is_private_whatever_the_umask_and_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "principals.json"
    before = os.umask(0)
    try:
        file.replace(path, Principals({"ada": User()}))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        owner = path.stat()
        file.replace(path, Principals({"bob": User()}))
    finally:
        os.umask(before)
    assert (path.stat().st_uid, path.stat().st_gid) == (owner.st_uid, owner.st_gid)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(file.load(path)[0].users) == ["bob"]
    assert [each.name for each in tmp_path.iterdir()] == ["principals.json"]


def test_a_change_that_would_make_the_file_unusable_changes_nothing(principals: Path) -> None:
    before = principals.read_bytes()
    with pytest.raises(PrincipalsError):
        file.replace(principals, Principals({}, (Rule(("nobody",), ("/**",), Role.ADMIN),)))
    assert principals.read_bytes() == before
    assert [each.name for each in principals.parent.iterdir()] == ["principals.json"]


def test_changes_at_the_same_time_lose_nothing_also_through_a_link(principals: Path) -> None:
    link = principals.with_name("link")
    link.symlink_to(principals)

    def add(name: str) -> None:
        with file.locked(link) as real:
            found = file.load(real)[0]
            file.replace(real, Principals(found.users | {name: User()}, found.rules))

    threads = [threading.Thread(target=add, args=(f"user-{number}",)) for number in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(file.load(principals)[0].users) == 21
    assert link.is_symlink()
