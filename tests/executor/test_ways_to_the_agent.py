"""The real executor process with every kind of connection to its agent: TLS, domain socket, IPv6, token."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from podexec.settings import Settings, SettingsError, Tls
from tests.executor.conftest import StartExecutor
from tests.executor.test_edges import environment
from tests.fakes.agent import FakeAgent, task, wait_until
from tests.fakes.certificates import Authority, Certificate
from tests.fakes.containers import PREFIX

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, KILLED = "TASK_FINISHED", "TASK_KILLED"
CHECK = {"type": "COMMAND", "command": {"shell": True, "value": "true"}, "delay_seconds": 0, "interval_seconds": 0.05}


@contextlib.contextmanager
def replaced(agent: FakeAgent, by: FakeAgent) -> Iterator[FakeAgent]:
    """Replaces the agent that the fixture started."""
    agent.stop()
    try:
        yield by
    finally:
        by.stop()


def live_and_die(agent: FakeAgent) -> None:
    """Every kind of call: executor API, launch, wait, session, signal; and a restart of the agent."""
    agent.wait_subscribed()
    agent.launch_group(task("web", health_check=CHECK))
    agent.wait_state("web", S, R, R)
    agent.stop()
    agent.start()
    agent.wait_subscribed(2)
    agent.kill("web")
    agent.wait_state("web", S, R, R, K, KILLED)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def own(authority: Authority) -> Certificate:
    return authority.certify("agent")


def endpoint(agent: FakeAgent, host: str = "127.0.0.1") -> dict[str, str]:
    return {"MESOS_AGENT_ENDPOINT": f"{host}:{agent.port}", "MESOS_SLAVE_PID": f"{PREFIX[1:]}@{host}:{agent.port}"}


def test_tls_without_verification(
    agent: FakeAgent, start: StartExecutor, authority: Authority, own: Certificate
) -> None:
    with replaced(agent, FakeAgent(tls=authority.server(own))) as tls:
        executor = start(**endpoint(tls), LIBPROCESS_SSL_ENABLED="1")
        live_and_die(tls)
        assert executor.wait_exit() == 0


def test_tls_with_verification_and_a_certificate_of_ones_own(
    agent: FakeAgent, start: StartExecutor, authority: Authority, own: Certificate
) -> None:
    mine = authority.certify("executor")
    with replaced(agent, FakeAgent(tls=authority.server(own, asks_for_certificates=True))) as tls:
        start(
            **endpoint(tls),
            SSL_ENABLED="true",
            LIBPROCESS_SSL_VERIFY_SERVER_CERT="true",
            LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME="openssl",
            LIBPROCESS_SSL_CA_FILE=str(authority.file),
            LIBPROCESS_SSL_CERT_FILE=str(mine.file),
            LIBPROCESS_SSL_KEY_FILE=str(mine.key),
        )
        live_and_die(tls)


def test_an_agent_that_cannot_prove_itself_gets_no_token(
    agent: FakeAgent, start: StartExecutor, authority: Authority, own: Certificate, tmp_path: Path
) -> None:
    with replaced(agent, FakeAgent(tls=authority.server(own))) as tls:
        executor = start(
            **endpoint(tls),
            LIBPROCESS_SSL_ENABLED="1",
            LIBPROCESS_SSL_VERIFY_SERVER_CERT="1",
            LIBPROCESS_SSL_CA_FILE=str(Authority(tmp_path, "stranger").file),
        )
        wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in executor.log, "a line that says why")
        assert tls.calls == []


def test_the_agents_domain_socket(agent: FakeAgent, start: StartExecutor) -> None:
    """The path of the socket is enough: nothing listens at the address in the environment."""
    with tempfile.TemporaryDirectory(prefix="agent-") as folder:
        path = f"{folder}/socket"
        with replaced(agent, FakeAgent(address=(socket.AF_UNIX, path))) as local:
            start(MESOS_AGENT_ENDPOINT="127.0.0.1:1", MESOS_DOMAIN_SOCKET=path, LIBPROCESS_SSL_ENABLED="1")
            live_and_die(local)
            (call,) = local.called("LAUNCH_CONTAINER")
            variables = call["launch_container"]["command"]["environment"]["variables"]
            assert {"name": "MESOS_CONTAINER_IP", "type": "VALUE", "value": "127.0.0.1"} in variables


def test_an_agent_with_an_ipv6_address(agent: FakeAgent, start: StartExecutor) -> None:
    with replaced(agent, FakeAgent(address=(socket.AF_INET6, ("::1", 0)))) as six:
        start(**endpoint(six, "[::1]"))
        live_and_die(six)


def test_the_token_is_in_every_call(agent: FakeAgent, start: StartExecutor) -> None:
    """Without the token the agent answers 401."""
    agent.token = "s3cret"
    executor = start(MESOS_EXECUTOR_AUTHENTICATION_TOKEN="s3cret")
    live_and_die(agent)
    assert executor.wait_exit() == 0
    assert "s3cret" not in executor.log


# -- the environment ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "tls"),
    [
        ({}, None),
        ({"LIBPROCESS_SSL_ENABLED": "0", "LIBPROCESS_SSL_CA_FILE": "ca"}, None),
        ({"LIBPROCESS_SSL_ENABLED": "1"}, Tls(False, False, None, None, None, None)),
        (
            {"SSL_ENABLED": "true", "SSL_VERIFY_CERT": "true", "SSL_VERIFY_IPADD": "1", "SSL_CA_DIR": "d"},
            Tls(True, True, None, "d", None, None),
        ),
        (
            {"SSL_ENABLED": "0", "LIBPROCESS_SSL_ENABLED": "true", "LIBPROCESS_SSL_VERIFY_SERVER_CERT": "1"},
            Tls(True, False, None, None, None, None),
        ),
    ],
)
def test_tls_is_what_libprocess_is_told(variables: dict[str, str], tls: Tls | None) -> None:
    assert Settings.from_environment(environment(**variables)).tls == tls


def test_a_long_path_of_a_domain_socket_is_taken_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep.parent)
    assert (
        Settings.from_environment(environment(MESOS_DOMAIN_SOCKET=str(deep / "socket"))).domain_socket
        == f"{'e' * 60}/socket"
    )
    with pytest.raises(SettingsError, match="longer than 107 bytes"):
        Settings.from_environment(environment(MESOS_DOMAIN_SOCKET=str(deep / ("f" * 60))))
