"""The framework's credentials, and their renewal."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scheduler.core.effects import Kill, Revive
from scheduler.core.events import Disconnected, FrameworkFailed, Subscribed
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.timing import Timing
from tests.fakes.master import Answer, FakeMaster
from tests.mesos.running import ACCEPT, FAST, connected, connecting


def _replace(file: Path, text: str) -> None:
    """As tools renew files that others read."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("first\n")
    return file


def test_a_token_goes_with_every_request(master: FakeMaster, token: Path) -> None:
    with connected(master, credentials=Credentials.bearer(token)) as framework:
        framework.driver.perform_all([Revive(("web",)), Kill("t", None)])
        master.calls.wait_for_count(2, "the calls")
    requests = master.subscribes.all() + master.calls.all()
    assert [request.headers["Authorization"] for request in requests] == ["Bearer first"] * 3


def test_a_renewed_token_is_used_by_the_next_subscription(master: FakeMaster, token: Path) -> None:
    with connected(master, credentials=Credentials.bearer(token)) as framework:
        _replace(token, "second")
        master.drop()
        framework.wait_for(Subscribed, 2)
    assert [call.headers["Authorization"] for call in master.subscribes.all()] == ["Bearer first", "Bearer second"]


def test_a_renewed_token_is_used_by_calls_on_a_living_subscription(master: FakeMaster, token: Path) -> None:
    credentials = Credentials.bearer(token)
    with connected(master, credentials=credentials) as framework:
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(1, "the call")
        _replace(token, "second")
        credentials.authorization(now=True)
        framework.driver.perform(Revive(("web",)))
        calls = master.calls.wait_for_count(2, "the call")
    assert [call.headers["Authorization"] for call in calls] == ["Bearer first", "Bearer second"]
    assert len(master.subscribes.all()) == 1


def test_calls_with_an_expired_token_are_sent_again_in_order_with_the_new_one(master: FakeMaster, token: Path) -> None:
    expired = Answer(401, "expired")
    master.answers.extend([expired, expired, expired])
    with connected(master, credentials=Credentials.bearer(token)) as framework, capture_logs():
        _replace(token, "second")  # so lately that it was not noticed
        framework.driver.perform_all([Kill("t", "a"), ACCEPT, Revive(("web",))])
        calls = master.calls.wait_for_count(6, "all calls, twice")
        assert Disconnected() not in framework.events.all()
    assert [(call.type, call.headers["Authorization"]) for call in calls] == [
        *((name, "Bearer first") for name in ("KILL", "ACCEPT", "REVIVE")),
        *((name, "Bearer second") for name in ("KILL", "ACCEPT", "REVIVE")),
    ]


def test_where_no_new_token_comes_a_new_subscription_is_tried_and_that_decides(master: FakeMaster, token: Path) -> None:
    master.answers.extend([Answer(401, "expired")] * 100)
    with connected(master, credentials=Credentials.bearer(token)) as framework, capture_logs():
        master.refusals.extend([Answer(401, "expired")] * 100)
        framework.driver.perform(Kill("t", "a"))
        (failed,) = framework.wait_for(FrameworkFailed)
    assert isinstance(failed, FrameworkFailed)
    assert "HTTP 401: expired" in failed.message
    assert len(master.calls.all()) == 5
    assert len(master.subscribes.all()) == 1 + 5


def test_a_subscription_that_is_denied_is_tried_again_with_what_the_file_holds_then(
    master: FakeMaster, token: Path
) -> None:
    master.refusals.extend([Answer(401, "who?")] * 2)
    timing = Timing(first_pause=0.2, longest_pause=0.5)
    with capture_logs(), connecting(master, timing, credentials=Credentials.bearer(token)) as framework:
        master.subscribes.wait_for_count(1, "the first try")
        _replace(token, "second")
        framework.wait_for(Subscribed)
    said = [call.headers["Authorization"] for call in master.subscribes.all()]
    assert said == ["Bearer first", "Bearer second", "Bearer second"]


@pytest.mark.parametrize("text", ["", "  \n", "two words", "a\nb", "nöt-ascii", "a\x00b"])
def test_what_is_no_token_is_refused_at_the_start_and_passed_over_later(token: Path, text: str) -> None:
    credentials = Credentials.bearer(token)
    _replace(token, text)
    with capture_logs() as logs:
        assert credentials.authorization(now=True) == "Bearer first"
    assert text.strip() == "" or text not in str(logs)
    with pytest.raises(ValueError, match="token"):
        Credentials.bearer(token)


def test_a_file_that_is_gone_for_a_moment_does_no_harm(token: Path) -> None:
    credentials = Credentials.bearer(token)
    token.unlink()
    with capture_logs() as logs:
        assert credentials.authorization(now=True) == "Bearer first"
    assert len(logs) == 1
    token.write_text("second")
    assert credentials.authorization(now=True) == "Bearer second"
    with pytest.raises(OSError, match="none"):
        Credentials.bearer(token.with_name("none"))


def test_a_secret_is_encoded_with_its_principal(token: Path) -> None:
    assert Credentials.basic("me", token).authorization() == "Basic bWU6Zmlyc3Q="
    assert Credentials().authorization() is None


def test_a_refusal_for_want_of_proof_is_final_after_some_tries(master: FakeMaster) -> None:
    master.refusals.extend([Answer(401, "who are you?")] * 100)
    with capture_logs(), connecting(master, FAST) as framework:
        framework.wait_for(FrameworkFailed)
        framework.driver.join()
    assert len(master.subscribes.all()) == 5
