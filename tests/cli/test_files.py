"""The limit of open files, and the API's share of it."""

import resource
from collections.abc import Iterator

import pytest

from scheduler.cli.errors import CommandError
from scheduler.cli.files import Room, raise_limit, room


@pytest.fixture(autouse=True)
def _limits_as_before() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    allowed = raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert 512 < allowed <= 1 << 20


def test_what_the_system_does_not_allow_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    with monkeypatch.context() as patched:
        patched.setattr(resource, "setrlimit", refuse)
        assert raise_limit() == 512


@pytest.mark.parametrize(
    ("files", "asked", "expected"),
    [
        (1024, None, Room(512, 128)),
        (1 << 20, None, Room(10_000, 2048)),
        (64, None, Room(32, 8)),
        (20, None, Room(16, 1)),
        (1024, 960, Room(960, 16)),
        (1 << 20, 1, Room(1, 2048)),
    ],
)
def test_connections_are_half_of_the_files_unless_asked_for(files: int, asked: int | None, expected: Room) -> None:
    assert room(files, asked) == expected


def test_more_than_the_files_that_others_leave_is_refused() -> None:
    with pytest.raises(CommandError, match="--max-connections 961 is too high: this process may have 1024 files open"):
        room(1024, 961)
