"""``/executor/SHA256``: the executor's file, as agents fetch it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.api.access import Access
from scheduler.api.executor import ExecutorFile
from tests.api.app import Api
from tests.fakes.loop import FakeLoop

CONTENT = bytes(range(256)) * 20_000  # several pieces
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = f"/executor/{SHA256}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "executor"
    place.write_bytes(CONTENT)
    return place


@pytest.fixture
def file(place: Path) -> Iterator[ExecutorFile]:
    opened = ExecutorFile.open(place)
    yield opened
    opened.close()


@pytest.fixture
def api(loop: FakeLoop, file: ExecutorFile) -> Api:
    """An API with credentials, which agents do not have."""
    return Api(loop, Access("me:hush"), executor=file)


def test_agents_need_no_credentials_and_may_keep_it(api: Api) -> None:
    answer = api("GET", PATH)
    assert (answer.status_code, answer.content == CONTENT) == (200, True)
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert {"Pragma", "Expires", "Content-Encoding"}.isdisjoint(answer.headers)
    assert answer.headers["ETag"] == f'"{SHA256}"'


def test_the_size_is_known_before_as_mesos_reserves_room_in_its_cache(api: Api) -> None:
    answer = api("HEAD", PATH)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))


@pytest.mark.parametrize(
    ("asked", "first", "end"), [("bytes=0-0", 0, 1), ("bytes=300000-", 300_000, None), ("bytes=-7", -7, None)]
)
def test_a_fetch_that_broke_off_continues(api: Api, asked: str, first: int, end: int | None) -> None:
    answer = api("GET", PATH, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, CONTENT[first:end])
    assert answer.headers["Content-Range"].endswith(f"/{len(CONTENT)}")


def test_a_range_beyond_the_end_is_refused(api: Api) -> None:
    answer = api("GET", PATH, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize("name", ["0" * 64, SHA256.upper(), SHA256[:-1], SHA256 + "/", "..%2Fetc%2Fpasswd", ""])
def test_nothing_else_is_there(api: Api, name: str) -> None:
    answer = api("GET", f"/executor/{name}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/executor", "/v2/pods", "/v2/info", "//executor/x", "/executor/../v2/info"])
def test_all_else_needs_the_credentials(api: Api, path: str) -> None:
    assert api("GET", path).status_code == 401


def test_it_cannot_be_changed(api: Api) -> None:
    assert {api(method, PATH).status_code for method in ("POST", "PUT", "DELETE")} == {405}


def test_without_a_file_nothing_is_there(loop: FakeLoop) -> None:
    assert Api(loop)("GET", PATH).status_code == 404


def test_it_stays_what_it_was_when_a_release_replaces_it(api: Api, place: Path) -> None:
    place.unlink()
    place.write_bytes(b"the next release")
    assert api("GET", PATH).content == CONTENT
