"""Commands with the URLs of several schedulers, and ``podexec leader``."""

import json
import socket
from collections.abc import Iterator

import pytest

from scheduler.cli.client import Client
from scheduler.cli.errors import CommandError
from tests.cli.conftest import Run
from tests.cli.test_hostile_server import answering, http

UNTAKEN = http("503 x", {"message": "no leader"}, "X-Podexec-Not-Taken: 1")
PODS = http("200 x", [])
DEFINITION = {"id": "/x", "containers": [{"name": "one", "resources": {}}]}


@pytest.fixture
def gone() -> Iterator[str]:
    """The URL of a scheduler that does not run. Nobody else gets its port meanwhile."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


def test_the_next_scheduler_is_asked_when_one_does_not_answer(url: str, gone: str, run: Run) -> None:
    outcome = run("pod", "list", "--url", f"{gone},{url}", "--json")
    assert (outcome.code, json.loads(outcome.out)) == (0, [])


def test_the_one_that_answered_is_asked_first_from_then_on(url: str, gone: str) -> None:
    with Client(f"{gone},{url}") as client:
        assert client.url == gone
        client.add(DEFINITION)
        assert client.url == url
        assert client.statuses()[0]["id"] == "/x"


def test_a_change_that_nobody_has_taken_is_made_at_the_next_one(url: str) -> None:
    with answering(UNTAKEN) as standby, Client(f"{standby},{url}") as client:
        client.add(DEFINITION)
        assert client.status("/x")["id"] == "/x"


def test_a_change_that_may_have_been_taken_is_not_made_again(url: str) -> None:
    with (
        answering(b"") as broken,
        Client(f"{broken},{url}") as client,
        pytest.raises(CommandError, match="no scheduler answers"),
    ):
        client.add(DEFINITION)
    with Client(url) as client:
        assert client.statuses() == []


def test_a_read_is_made_again(url: str) -> None:
    with answering(b"") as broken, Client(f"{broken},{url}") as client:
        assert client.statuses() == []


def test_other_errors_are_final(url: str) -> None:
    with (
        answering(http("503 x", {"message": "busy"})) as busy,
        Client(f"{busy},{url}") as client,
        pytest.raises(CommandError, match="busy"),
    ):
        client.statuses()


def test_the_refusal_of_the_last_one_is_told(gone: str, run: Run) -> None:
    with answering(UNTAKEN) as first:
        outcome = run("pod", "list", "--url", f"{gone},{first}")
    assert (outcome.code, "no leader" in outcome.err) == (1, True)


def test_all_that_do_not_answer_are_named_without_passwords(gone: str, run: Run) -> None:
    secret = gone.replace("//", "//me:hu,sh@")
    outcome = run("pod", "list", "--url", f"{secret},{gone}/")
    assert outcome.code == 1
    assert outcome.err.count(gone.removeprefix("http://")) >= 2
    assert "hu,sh" not in outcome.err


def test_each_url_is_checked(run: Run) -> None:
    outcome = run("pod", "list", "--url", "http://127.0.0.1:1,http://")
    assert outcome.code == 2
    assert "is not an http(s) URL" in outcome.err


def test_the_leader_and_the_standbys_are_shown(run: Run) -> None:
    info = {
        "podexec": {"schedulers": [{"url": "http://a:1", "elected": True}, {"url": "http://b:2", "elected": False}]}
    }
    leader = {"leader": "a:1"}
    with answering(http("200 x", leader | info)) as url:
        shown, as_json = run("leader", "show", "--url", url), run("leader", "show", "--url", url, "--json")
    assert shown.out.split() == ["leader", "a:1", "standby", "http://b:2"]
    assert json.loads(as_json.out) == leader | {"standbys": ["http://b:2"]}


def test_without_a_leader_it_says_what_to_do(run: Run) -> None:
    with answering(http("404 x", {"message": "There is no leader"})) as url:
        outcome = run("leader", "show", "--url", url)
    assert outcome.code == 1
    assert "leader" in outcome.err


def test_a_scheduler_alone_shows_itself_and_can_be_made_to_abdicate(url: str, loop: object, run: Run) -> None:
    assert run("leader", "show", "--url", url).out.split() == ["leader", "127.0.0.1:8080"]
    refused = run("leader", "abdicate", "--url", url)
    assert (refused.code, "Pass --yes" in refused.err) == (2, True)
    done = run("leader", "abdicate", "--url", url, "--yes")
    assert (done.code, done.out) == (0, "127.0.0.1:8080 has abdicated.\n")
    assert loop.abdicated  # type: ignore[attr-defined]
