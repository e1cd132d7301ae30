"""DC/OS service accounts: the login, its token, and their renewal."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scheduler.core.effects import Revive
from scheduler.core.events import FrameworkFailed, Subscribed
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.service_account import LoginError, ServiceAccount
from scheduler.mesos.tls import Tls, TlsOptions
from tests.fakes.certificates import Authority
from tests.fakes.iam import Iam, iam
from tests.fakes.master import Answer, FakeMaster
from tests.mesos.running import connected, connecting


@pytest.fixture
def service() -> Iterator[Iam]:
    with iam() as running:
        yield running


@pytest.fixture
def file(service: Iam, tmp_path: Path) -> Path:
    return service.write_account(tmp_path / "service-account.json")


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_token_of_a_login_goes_with_every_request(master: FakeMaster, service: Iam, file: Path) -> None:
    with connected(master, credentials=Credentials.service_account(file, None)) as framework:
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(1, "the call")
    (login,) = service.logins.all()
    assert login["uid"] == "podexec"
    requests = master.subscribes.all() + master.calls.all()
    assert [request.headers["Authorization"] for request in requests] == [f"token={service.token(1)}"] * 2


def test_nothing_is_contacted_before_the_header_is_wanted(service: Iam, file: Path) -> None:
    ServiceAccount(file, None)
    assert service.logins.all() == []


def test_calls_whose_token_was_refused_are_sent_again_with_a_new_one(
    master: FakeMaster, service: Iam, file: Path
) -> None:
    credentials = Credentials(ServiceAccount(file, None, pause=0.0))
    master.answers.append(Answer(401, "expired"))
    with connected(master, credentials=credentials) as framework, capture_logs():
        framework.driver.perform(Revive(("web",)))
        calls = master.calls.wait_for_count(2, "the call, twice")
    first, second = (call.headers["Authorization"] for call in calls)
    assert (first, second) == (f"token={service.token(1)}", f"token={service.token(2)}")


def test_a_service_that_is_away_is_waited_for_and_does_not_end_the_scheduler(
    master: FakeMaster, service: Iam, file: Path
) -> None:
    service.refusals.extend([(503, "no leader")] * 8)
    credentials = Credentials(ServiceAccount(file, None, pause=0.0))
    with capture_logs() as logs, connecting(master, credentials=credentials) as framework:
        framework.wait_for(Subscribed)
    assert [event for event in framework.events.all() if isinstance(event, FrameworkFailed)] == []
    assert len(master.subscribes.all()) == 1
    assert "HTTP 503 no leader" in str(logs)


def test_a_token_is_renewed_in_the_background_when_two_thirds_of_its_life_have_passed(service: Iam, file: Path) -> None:
    clock = Clock()
    service.life = 300.0
    account = ServiceAccount(file, None, clock)
    first = account.get(now=True)
    clock.now += 190.0
    assert account.get() == first
    service.life = 600.0
    clock.now += 20.0
    assert account.get() == first  # does not wait
    service.logins.wait_for_count(2, "the second login")
    _wait_for_threads()
    assert account.get() == f"token={service.token(2)}"
    clock.now += 390.0
    account.get()
    _wait_for_threads()
    assert len(service.logins.all()) == 2


def _wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "mesos-login":
            thread.join(10)
            assert not thread.is_alive(), "the login did not end within 10 s"


def test_one_login_serves_all_that_want_a_token_at_once(service: Iam, file: Path) -> None:
    account = ServiceAccount(file, None)
    found: list[str | None] = []
    threads = [threading.Thread(target=lambda: found.append(account.get(now=True))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [f"token={service.token(1)}"] * 8
    assert len(service.logins.all()) == 1


def test_a_failed_renewal_keeps_the_token_and_is_repeated_after_a_pause(service: Iam, file: Path) -> None:
    clock = Clock()
    account = ServiceAccount(file, None, clock, pause=10.0)
    first = account.get(now=True)
    service.refusals.extend([(500, "broken")])
    clock.now += 11.0
    with capture_logs() as logs:
        assert account.get(now=True) == first
        assert account.get(now=True) == first  # too early to try again
    assert len(logs) == 1
    clock.now += 11.0
    assert account.get(now=True) == f"token={service.token(2)}"


def test_a_changed_account_is_used_by_the_next_login(service: Iam, file: Path) -> None:
    account = ServiceAccount(file, None, pause=0.0)
    account.get(now=True)
    service.uid = "other"
    with capture_logs() as logs:
        account.get(now=True)
        assert "unknown uid" in str(logs)
        service.write_account(file)
        account.get(now=True)
    assert [login["uid"] for login in service.logins.all()] == ["podexec", "other"]


@pytest.mark.parametrize("life", [None, -10.0, 1e300])
def test_tokens_of_any_life_are_used(service: Iam, file: Path, life: float | None) -> None:
    if life == 1e300:
        service.refusals.append((200, '{"token": "eyJhbGciOiJub25lIn0.eyJleHAiOjFlMzAwfQ."}'))
    service.life = life
    assert str(ServiceAccount(file, None).get(now=True)).startswith("token=ey")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, "unknown uid"), "refuses 'podexec': HTTP 401 unknown uid"),
        ((200, "<html>"), "returned no token"),
        ((200, "[]"), "returned no token"),
        ((200, '{"token": 7}'), "returned no token"),
        ((200, '{"token": ""}'), "not one word of printable ASCII"),
        ((200, '{"token": "a\\r\\nX: y"}'), "not one word of printable ASCII"),
        ((200, '{"token": "' + "a" * 100_000 + '"}'), "returned more than 65536 bytes"),
        ((302, ""), "HTTP 302"),
    ],
)
def test_an_answer_without_a_usable_token_is_an_error(
    service: Iam, file: Path, answer: tuple[int, str], why: str
) -> None:
    service.refusals.append(answer)
    with capture_logs() as logs, pytest.raises(LoginError, match=why):
        ServiceAccount(file, None).get(now=True)
    assert len(str(logs)) < 1000


def test_a_service_without_a_trusted_certificate_gets_no_login(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context: ssl.SSLContext = authority.server(authority.certify("iam"))
    with iam(tls=context) as service:
        file = service.write_account(tmp_path / "account.json")
        with capture_logs(), pytest.raises(LoginError, match="certificate"):
            ServiceAccount(file, None).get(now=True)
        assert service.logins.all() == []
        trusting = ServiceAccount(file, Tls(TlsOptions(ca_file=authority.file)))
        assert trusting.get(now=True) == f"token={service.token(1)}"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"scheme": "HS256"}, "the scheme must be RS256, not 'HS256'"),
        ({"login_endpoint": "leader.mesos"}, "login_endpoint must be an http:// or https:// URL"),
        ({"private_key": "-----BEGIN NONSENSE-----"}, "private_key is not a private key in PEM"),
    ],
)
def test_a_bad_account_is_refused_by_name(service: Iam, tmp_path: Path, changes: dict[str, str], why: str) -> None:
    file = service.write_account(tmp_path / "account.json", **changes)
    with pytest.raises(ValueError, match=why) as refusal:
        ServiceAccount(file, None)
    assert str(file) in str(refusal.value)
    assert "BEGIN" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"uid": "a"}', '{"uid": 1}', "\x00"])
def test_a_file_that_is_no_account_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "account.json"
    file.write_text(text)
    with pytest.raises(ValueError, match="is not a service account"):
        ServiceAccount(file, None)
