"""Mesos with TLS: the stream, the calls, the agents; trusted authorities, and this side's certificate."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scheduler.core.effects import Revive
from scheduler.core.events import AgentDescribed, AgentsUnlisted, StatusUpdated, Subscribed
from scheduler.mesos.address import Address
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.timing import Timing
from scheduler.mesos.tls import Tls, TlsOptions, Verify
from tests.fakes.agent import FakeAgent
from tests.fakes.certificates import Authority
from tests.fakes.heard import Heard
from tests.fakes.master import Answer, masters
from tests.mesos.running import connecting
from tests.mesos.test_agents import ISOLATORS, listed


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server(authority: Authority) -> ssl.SSLContext:
    return authority.server(authority.certify("master"))


def _trusting(authority: Authority) -> Tls:
    return Tls(TlsOptions(ca_file=authority.file))


def test_the_stream_and_the_calls_are_secure(authority: Authority, server: ssl.SSLContext) -> None:
    with masters(tls=server) as (master,), connecting(master, tls=_trusting(authority)) as framework:
        framework.wait_for(Subscribed)
        framework.driver.perform_all([Revive(("web",))] * 1000)
        master.calls.wait_for_count(1000, "the calls")
        status = {"task_id": {"value": "t"}, "state": "TASK_RUNNING", "message": "x" * 3 * 1024 * 1024}
        for _ in range(3):
            master.send({"type": "UPDATE", "update": {"status": status}})
        framework.wait_for(StatusUpdated, 3)


def test_a_redirect_keeps_to_tls(authority: Authority, server: ssl.SSLContext) -> None:
    with masters(3, tls=server) as (standby, other, leader):
        standby.refusals.append(Answer(307, location=f"//{other.address}"))
        other.refusals.append(Answer(307, location=f"https://{leader.address}/master"))
        with connecting(standby, tls=_trusting(authority)) as framework:
            assert framework.wait_for(Subscribed) == [Subscribed("framework-1", leader.address, "1.11.0")]


def test_nothing_is_sent_to_a_master_without_a_trusted_certificate(tmp_path: Path, server: ssl.SSLContext) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "stranger")
    with masters(tls=server) as (master,), capture_logs() as logs:
        with connecting(master, tls=_trusting(stranger)) as framework:
            framework.events.wait_for(lambda _: len(logs) >= 2, "two refused certificates")
            assert framework.events.all() == []
        assert master.subscribes.all() == []
    assert {line["reason"].partition(": ")[0] for line in logs if "reason" in line} == {"cannot speak TLS"}
    assert "the certificate is not valid" in str(logs)


@pytest.mark.parametrize(
    ("verify", "is_let_in"), [(Verify.FULL, False), (Verify.CERTIFICATE, True), (Verify.NONE, True)]
)
def test_the_name_is_compared_where_that_is_asked_for(authority: Authority, verify: Verify, is_let_in: bool) -> None:
    server = authority.server(authority.certify("elsewhere", "DNS:elsewhere.test"))
    tls = Tls(TlsOptions(ca_file=authority.file, verify=verify))
    with masters(tls=server) as (master,), capture_logs() as logs, connecting(master, tls=tls) as framework:
        framework.events.wait_for(lambda events: events or "mismatch" in str(logs), "a subscription, or why not")
        assert bool(framework.events.all()) is is_let_in


def test_without_trust_in_anybody_anybody_is_let_in(server: ssl.SSLContext) -> None:
    tls = Tls(TlsOptions(verify=Verify.NONE))
    with masters(tls=server) as (master,), connecting(master, tls=tls) as framework:
        framework.wait_for(Subscribed)


def test_this_side_proves_itself_where_it_is_asked_to(authority: Authority) -> None:
    server = authority.server(authority.certify("master"), asks_for_certificates=True)
    mine = authority.certify("scheduler")
    tls = Tls(TlsOptions(authority.file, mine.file, mine.key))
    with masters(tls=server) as (master,):
        with connecting(master, tls=tls) as framework:
            framework.wait_for(Subscribed)
            framework.driver.perform(Revive(("web",)))
            master.calls.wait_for_count(1, "the call")
        with capture_logs() as logs, connecting(master, tls=_trusting(authority)) as framework:
            framework.events.wait_for(lambda _: len(logs) >= 2, "two refusals")
            assert framework.events.all() == []


def test_renewed_certificates_are_used_by_the_next_connection(
    authority: Authority, server: ssl.SSLContext, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(Authority(tmp_path / "old").file.read_bytes())
    tls = Tls(TlsOptions(ca_file=trusted))
    with masters(tls=server) as (master,), capture_logs() as logs, connecting(master, tls=tls) as framework:
        framework.events.wait_for(lambda _: "certificate" in str(logs), "a refused certificate")
        renewed = tmp_path / "renewed.pem"
        renewed.write_bytes(authority.file.read_bytes())
        renewed.replace(trusted)
        framework.wait_for(Subscribed)


def test_a_master_without_tls_is_recognised(authority: Authority) -> None:
    with masters() as (master,), capture_logs() as logs, connecting(master, tls=_trusting(authority)) as framework:
        framework.events.wait_for(lambda _: "cannot speak TLS" in str(logs), "the reason")


def test_a_peer_that_never_shakes_hands_is_left() -> None:
    timing = Timing(connect=0.2, first_pause=0.02)
    with socket.create_server(("127.0.0.1", 0)) as mute, capture_logs() as logs:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with connecting(address, timing=timing, tls=Tls(TlsOptions())) as framework:
            framework.events.wait_for(lambda _: "nothing received for" in str(logs), "the end of patience")


@pytest.fixture
def agent(server: ssl.SSLContext) -> Iterator[FakeAgent]:
    fake = FakeAgent(tls=server)
    yield fake
    fake.stop()


def test_agents_are_asked_over_tls(authority: Authority, server: ssl.SSLContext, agent: FakeAgent) -> None:
    described: Heard[AgentDescribed | AgentsUnlisted] = Heard()
    probe = AgentProbe(described.add, Credentials(), _trusting(authority))
    with masters(tls=server) as (master,):
        master.agents_status, master.agents = 200, listed(agent, 1)
        probe.look_around(Address("127.0.0.1", master.port))
        assert described.wait_for_count(1, "the agent") == [AgentDescribed("agent-1", ISOLATORS)]
    probe.stop()


@pytest.mark.parametrize("which", ["ca_file", "cert_file"])
def test_files_that_will_not_do_are_refused_by_their_name(tmp_path: Path, which: str) -> None:
    file = tmp_path / "wrong.pem"
    file.write_text("this is no certificate")
    with pytest.raises(ValueError, match=r"wrong\.pem"):
        Tls(TlsOptions(**{which: file}))
