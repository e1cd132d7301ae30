"""Health checks and checks that the real executor process runs."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.executor.conftest import Executor
from tests.fakes.agent import FakeAgent, task, wait_until
from tests.fakes.certificates import Authority

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, FAILED, KILLED = "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"
HEALTH = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
CHECK = "REASON_TASK_CHECK_STATUS_UPDATED"

FAST = {"delay_seconds": 0, "interval_seconds": 0.05, "timeout_seconds": 1, "grace_period_seconds": 0}


class Service(BaseHTTPRequestHandler):
    """Answers GET with the status in the path: 404 for /404."""

    def do_GET(self) -> None:
        self.server.requests += 1  # type: ignore[attr-defined]
        status = int(self.server.status or self.path[1:])  # type: ignore[attr-defined]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.location)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """A service that counts requests. ``status``, if not 0, is its only answer; ``location`` is the target of a 302."""

    def __init__(self, address: str, tls: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), Service)
        self.status = self.requests = 0
        self.location = ""
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore failed handshakes: some tests provoke them."""


@contextlib.contextmanager
def serving(address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(address, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def service() -> Iterator[Server]:
    with serving() as server:
        yield server


def http_check(server: Server, path: str = "/200", **fields: Any) -> dict[str, Any]:
    return {"type": "HTTP", "http": {"port": server.server_address[1], "path": path}, **FAST, **fields}


def test_a_healthy_container_is_reported_once(agent: FakeAgent, executor: Executor, service: Server) -> None:
    agent.launch_group(task("web", health_check=http_check(service, "/399")))
    last = agent.wait_state("web", S, R, R)
    assert (last["healthy"], last["reason"]) == (True, HEALTH)
    agent.exit("web", 0)
    assert agent.wait_state("web", S, R, R, FINISHED)["healthy"] is True


def test_an_unhealthy_container_is_killed_and_its_siblings_stay_what_they_were(
    agent: FakeAgent, executor: Executor, service: Server
) -> None:
    agent.launch_group(task("web", health_check=http_check(service, "/404", consecutive_failures=2)), task("db"))
    last = agent.wait_state("web", S, R, R, R, K, KILLED)
    assert last["healthy"] is False
    assert "failed 2 times in a row" in last["message"]
    sibling = agent.wait_state("db", S, R, K, KILLED)
    assert "healthy" not in sibling, "unhealthiness stays with the container it belongs to"


@pytest.mark.parametrize(
    ("location", "healthy"), [("/204", True), ("/404", False), ("/302", False), ("ftp://x/", False)]
)
def test_redirects_are_followed(
    agent: FakeAgent, executor: Executor, service: Server, location: str, healthy: bool
) -> None:
    service.location = location
    agent.launch_group(task("web", health_check=http_check(service, "/302", consecutive_failures=1000)))
    agent.wait(lambda: len(agent.states("web")) >= 3, "a health status")
    assert agent.statuses("web")[2]["healthy"] is healthy


def test_https_is_checked_whatever_the_certificate(agent: FakeAgent, executor: Executor, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.certify("service", "DNS:elsewhere.example")
    with serving(tls=authority.server(certificate)) as server:
        http = {"port": server.server_address[1], "path": "/200", "scheme": "https"}
        agent.launch_group(task("web", health_check={**FAST, "type": "HTTP", "http": http, "consecutive_failures": 1}))
        assert agent.wait_state("web", S, R, R)["healthy"] is True
        server.status = 500
        assert "https://127.0.0.1" in agent.wait_state("web", S, R, R, R, K, KILLED)["message"]


def test_https_on_a_port_that_speaks_http_has_failed(agent: FakeAgent, executor: Executor, service: Server) -> None:
    http = {"port": service.server_address[1], "path": "/200", "scheme": "https"}
    agent.launch_group(task("web", health_check={**FAST, "type": "HTTP", "http": http, "consecutive_failures": 1}))
    assert "failed 1 times in a row: https://127.0.0.1" in agent.wait_state("web", S, R, R, K, KILLED)["message"]


def test_a_container_that_recovers_is_reported_healthy_again(
    agent: FakeAgent, executor: Executor, service: Server
) -> None:
    agent.launch_group(task("web", health_check=http_check(service, consecutive_failures=1000)))
    agent.wait_state("web", S, R, R)
    service.status = 500
    agent.wait(lambda: agent.statuses("web")[-1].get("healthy") is False, "healthy: false")
    service.status = 204
    agent.wait(lambda: agent.statuses("web")[-1].get("healthy") is True, "healthy: true again")


def test_failures_within_the_grace_period_do_not_count(agent: FakeAgent, executor: Executor, service: Server) -> None:
    service.status = 503
    agent.launch_group(task("web", health_check=http_check(service, grace_period_seconds=60, consecutive_failures=1)))
    agent.wait_state("web", S, R)
    service.status = 200
    assert agent.wait_state("web", S, R, R)["healthy"] is True
    service.status = 503
    agent.wait_state("web", S, R, R, R, K, KILLED)


def test_a_service_that_does_not_answer_in_time_is_unhealthy(agent: FakeAgent, executor: Executor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check = {**FAST, "type": "HTTP", "http": {"port": silent.getsockname()[1]}, "timeout_seconds": 0.1}
        agent.launch_group(task("web", health_check={**check, "consecutive_failures": 1}))
        last = agent.wait_state("web", S, R, R, K, KILLED)
    assert "no answer within 0.1 s" in last["message"]


def test_tcp_health_is_a_connection(agent: FakeAgent, executor: Executor) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    agent.launch_group(
        task("web", health_check={**FAST, "type": "TCP", "tcp": {"port": port}, "consecutive_failures": 1})
    )
    assert agent.wait_state("web", S, R, R)["healthy"] is True
    server.close()
    assert "Connection refused" in agent.wait_state("web", S, R, R, R, K, KILLED)["message"]


@pytest.mark.parametrize("kind", ["TCP", "HTTP"])
def test_ipv6_is_checked_on_its_loopback(agent: FakeAgent, executor: Executor, kind: str) -> None:
    with serving("::1") as server:
        port = {"port": server.server_address[1], "protocol": "IPv6", "path": "/200"}
        check = {**FAST, "type": kind, kind.lower(): port, "consecutive_failures": 1000}
        agent.launch_group(task("web", health_check=check))
        status = agent.wait_state("web", S, R, R)
    assert status["healthy"] is True
    assert "::1" in status["message"]


def test_a_command_runs_inside_the_container_and_its_exit_code_decides(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [0, 1 << 8]
    command = {"shell": True, "value": "test -e ok"}
    agent.launch_group(
        task("web", health_check={**FAST, "type": "COMMAND", "command": command, "consecutive_failures": 1})
    )
    assert "the command exited with 1" in agent.wait_state("web", S, R, R, R, K, KILLED)["message"]
    sessions = agent.called("LAUNCH_NESTED_CONTAINER_SESSION")
    call = sessions[0]["launch_nested_container_session"]
    assert call["command"] == command
    assert call["container_id"]["parent"]["value"] == agent.container("web").id
    assert call["container_id"]["value"].startswith("check-")
    removed = [c["remove_container"]["container_id"] for c in agent.called("REMOVE_CONTAINER")]
    assert call["container_id"] in removed
    assert len(sessions) - len(removed) <= 1, "at most one dead check container is left behind"


def test_a_command_that_takes_too_long_has_failed(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [None]
    check = {**FAST, "type": "COMMAND", "command": {"shell": True, "value": "sleep 9"}, "timeout_seconds": 0.2}
    agent.launch_group(task("web", health_check={**check, "consecutive_failures": 1}))
    assert "took longer than 0.2 s" in agent.wait_state("web", S, R, R, K, KILLED)["message"]


def test_a_session_that_the_agent_kills_says_nothing_about_the_container(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [9, 9, 9, 0]
    check = {**FAST, "type": "COMMAND", "command": {"shell": True, "value": "true"}, "consecutive_failures": 1}
    agent.launch_group(task("web", health_check=check))
    assert agent.wait_state("web", S, R, R)["healthy"] is True


def test_checks_report_changes_and_never_kill(agent: FakeAgent, executor: Executor, service: Server) -> None:
    check = {"type": "HTTP", "http": {"port": service.server_address[1], "path": "/200"}, **FAST}
    agent.launch_group(task("web", check=check))
    agent.wait_state("web", S, R, R)
    service.status = 500
    agent.wait_state("web", S, R, R, R)
    statuses = agent.statuses("web")
    codes: list[dict[str, int]] = [{}, {}, {"status_code": 200}, {"status_code": 500}]
    assert [s["check_status"] for s in statuses] == [{"type": "HTTP", "http": code} for code in codes]
    assert statuses[-1]["reason"] == CHECK


def test_a_command_check_reports_the_exit_code(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [7 << 8]
    command = {"command": {"shell": True, "value": "exit 7"}}
    agent.launch_group(task("web", check={**FAST, "type": "COMMAND", "command": command, "interval_seconds": 60}))
    last = agent.wait_state("web", S, R, R)
    assert last["check_status"] == {"type": "COMMAND", "command": {"exit_code": 7}}
    assert (
        agent.called("LAUNCH_NESTED_CONTAINER_SESSION")[0]["launch_nested_container_session"]["command"]
        == command["command"]
    )


def test_checks_stop_when_a_kill_begins(agent: FakeAgent, executor: Executor, service: Server) -> None:
    agent.stubborn = {"web"}
    agent.launch_group(task("web", grace=0.5, health_check=http_check(service, consecutive_failures=1)))
    agent.wait_state("web", S, R, R)
    agent.kill("web")
    agent.wait_state("web", S, R, R, K)
    service.status = 500
    assert agent.wait_state("web", S, R, R, K, KILLED)["healthy"] is True


def test_checks_pause_while_the_agent_is_away(agent: FakeAgent, executor: Executor, service: Server) -> None:
    agent.launch_group(task("web", health_check=http_check(service, interval_seconds=0.01)))
    agent.wait_state("web", S, R, R)
    agent.stop()
    wait_until(lambda: "disconnected from the agent" in executor.log, "the executor to notice")
    before = service.requests
    wait_until(lambda: executor.log.count("the agent does not answer") > 2, "some tries to reconnect")
    assert service.requests <= before + 1, "one may have been under way"
    agent.start()
    agent.wait_subscribed(2)
    wait_until(lambda: service.requests > before + 2, "checks to go on")


def test_a_session_under_way_ends_with_the_kill(agent: FakeAgent, executor: Executor) -> None:
    agent.stubborn, agent.command_results = {"web"}, [None]
    check = {**FAST, "type": "COMMAND", "command": {"shell": True, "value": "sleep 9"}, "timeout_seconds": 60}
    agent.launch_group(task("web", grace=1000.0, health_check=check))
    agent.wait(lambda: any(c.startswith("check-") for c in agent.containers), "the session")
    agent.kill("web")
    agent.wait(lambda: [c.status for c in agent.containers.values() if c.id.startswith("check-")] == [9], "its end")
    assert agent.wait_state("web", S, R, K).get("healthy") is None
