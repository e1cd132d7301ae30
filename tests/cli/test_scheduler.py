"""``podexec scheduler``: the check of its options, and the running process from start to end."""

import asyncio
import contextlib
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.cli import alone, files
from scheduler.cli import process as serving
from scheduler.cli import server as api_server
from scheduler.cli.configuration import Serving, configuration
from scheduler.cli.parameters import PARAMETERS
from scheduler.cli.resources import Resources
from scheduler.cli.term import Term
from scheduler.core.frame import Put
from scheduler.core.settings import AcceptedRoles, GpuScheduling, PlacementPolicy
from scheduler.model.records import Clock
from scheduler.model.roles import EnforceRole
from scheduler.observe.audit import AuditLog
from scheduler.store import MemoryStore
from tests.cli.conftest import Run
from tests.fakes.iam import iam
from tests.fakes.master import masters
from tests.store import samples

NOBODY = "127.0.0.1:1"
DEADLINE = 20.0


# ------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ((), "--master"),
        (("--master", "/mesos"), "HOST:PORT"),
        (("--master", "zk://host:2181"), "zk://HOST:PORT,HOST:PORT/PATH"),
        (("--master", "zk:///mesos"), "zk://HOST:PORT,HOST:PORT/PATH"),
        (("--master", "host:port"), "--master"),
        (("--master", "http://host:5050"), "--master"),
        (("--master", NOBODY, "--listen", "8080"), "--listen"),
        (("--master", NOBODY, "--listen", "host:99999"), "--listen"),
        (("--master", NOBODY, "--executor", "none.pyz"), "there is no file"),
        (("--master", NOBODY, "--log-level", "loud"), "debug, info"),
        (("--master", NOBODY, "--failover-timeout", "-1"), "--failover-timeout"),
        (("--master", NOBODY, "--enable-features", "secrets,warp"), "no feature warp"),
        (("--master", "https://host:5050/mesos"), "--master"),
        (("--master", "https://one:5050,two:5050"), "only some of the masters"),
        (("--master", NOBODY, "--mesos-authentication-secret-file", "none"), "none"),
        (("--master", NOBODY, "--mesos-authentication-secret-file", __file__), "--mesos-authentication-principal"),
        (("--master", NOBODY, "--mesos-authentication-token-file", __file__), "does not contain a token"),
        (("--master", NOBODY, "--mesos-authentication-token-file", "/dev/null"), "is empty"),
        (("--master", NOBODY, "--mesos-ca-file", __file__), "no CA certificates"),
        (("--master", NOBODY, "--mesos-key-file", __file__), "--mesos-cert-file"),
        (("--master", NOBODY, "--mesos-cert-file", __file__), "cannot be used"),
        (("--master", NOBODY, "--mesos-tls-verify", "perhaps"), "'full'"),
        (("--master", NOBODY, "--http-credentials", "user"), "USER:PASSWORD"),
        (("--master", NOBODY, "--principals", "none"), "none"),
        (("--master", NOBODY, "--principals", __file__), "chmod 600"),
        (("--master", NOBODY, "--oidc-issuer", "https://issuer.test"), "--oidc-audience"),
        (("--master", NOBODY, "--oidc-issuer", "http://issuer.test", "--oidc-audience", "a"), "https"),
        (("--master", NOBODY, "--oidc-issuer", "https://issuer.test", "--oidc-audience", "a"), "--principals"),
        (("--master", NOBODY, "--oidc-audience", "a"), "--oidc-issuer"),
        (("--master", NOBODY, "--oidc-jwks", __file__), "--oidc-issuer"),
        (("--master", NOBODY, "--dcos-jwks", "none.json"), "none.json"),
        (("--master", NOBODY, "--dcos-jwks", __file__), "JWK set"),
        (("--master", NOBODY, "--dcos-jwks", "https://leader.test/acs"), "--principals"),
        (("--master", NOBODY, "--placement", "anywhere"), "spread"),
        (("--master", NOBODY, "--max-versions", "0"), "--max-versions"),
    ],
)
def test_wrong_options_end_with_2(run: Run, words: tuple[str, ...], meaning: str) -> None:
    outcome = run("scheduler", *words)
    assert outcome.code == 2
    assert meaning in outcome.err


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Serving]:
    """Collects the configurations that would be served; nothing is started."""
    calls: list[Serving] = []
    monkeypatch.setattr(serving, "serve", calls.append)
    return calls


def test_options_become_settings_in_seconds(run: Run, started: list[Serving], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    words = (
        "--master zk://h1:2181,h2:2181/mesos --listen [::1]:9000 --store memory: --mesos_role pods "
        "--framework-name f --mesos-user nobody --default-network-name dcos --mesos-bridge-name br "
        "--env-vars-prefix P_ --networks dcos,lab --decline-offer-duration 1500 --kill-retry-timeout 250 "
        "--new_group_enforce_role top --failover-timeout 60 --hostname me --webui-url http://ui "
        f"--mesos-authentication-principal p --mesos-authentication-secret-file {secret}"
    )
    assert run("scheduler", *words.split()).code == 0
    [asked] = started
    assert (asked.master, asked.host, asked.port, asked.options.store) == (
        "zk://h1:2181,h2:2181/mesos",
        "::1",
        9000,
        "memory:",
    )
    settings = asked.settings
    assert settings.role == "pods"
    assert settings.new_group_enforce_role is EnforceRole.TOP
    assert settings.default_network_name == "dcos"
    assert settings.mesos_bridge_name == "br"
    assert settings.env_vars_prefix == "P_"
    assert settings.known_networks == frozenset({"dcos", "lab"})
    assert settings.decline_offer_duration == 1.5
    assert settings.kill_retry_timeout == 0.25
    assert settings.executor.command is None
    identity = asked.identity
    assert (identity.name, identity.user) == ("f", "nobody")
    assert (identity.hostname, identity.webui_url, identity.failover_timeout) == ("me", "http://ui", 60.0)
    assert identity.principal == "p"
    assert asked.credentials is not None
    assert asked.credentials.authorization() == "Basic cDpodXNo"
    assert asked.tls is None


def test_a_token_is_given_by_its_file_and_not_beside_a_secret(run: Run, started: list[Serving], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc.def\n")
    words = ("--master", NOBODY, "--mesos_authentication_token_file", str(token))
    assert run("scheduler", *words).code == 0
    assert started[0].credentials is not None
    assert started[0].credentials.authorization() == "Bearer abc.def"
    secret = ("--mesos-authentication-principal", "p", "--mesos-authentication-secret-file", str(token))
    outcome = run("scheduler", *words, *secret)
    assert outcome.code == 2
    assert "cannot be combined" in outcome.err


def test_a_service_account_is_for_masters_and_for_agents_that_are_verified(
    run: Run, started: list[Serving], tmp_path: Path
) -> None:
    with iam() as service:
        file = service.write_account(tmp_path / "account.json")
        words = ("--master", NOBODY, "--mesos-authentication-service-account-file", str(file))
        for more in ((), ("--mesos-tls",), ("--mesos-tls", "--mesos-tls-verify", "none")):
            assert run("scheduler", *words, *more).code == 0
        assert [each.credentials.authorization(now=True) for each in started] == [
            f"token={service.token(number)}" for number in (1, 2, 3)
        ]
    assert [each.agent_credentials.authorization() is None for each in started] == [True, False, True]


@pytest.mark.parametrize("other", ["token", "secret"])
def test_a_service_account_is_not_combined_with_other_credentials(run: Run, tmp_path: Path, other: str) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    both = ("--mesos-authentication-service-account-file", str(file), f"--mesos-authentication-{other}-file", str(file))
    outcome = run("scheduler", "--master", NOBODY, *both)
    assert outcome.code == 2
    assert "cannot be combined" in outcome.err


@pytest.mark.parametrize(
    ("words", "variables", "is_on"),
    [
        ((NOBODY,), {}, False),
        ((f"https://{NOBODY}",), {}, True),
        ((f"https://{NOBODY},https://127.0.0.2:1/",), {}, True),
        ((f"https://{NOBODY}", "--no-mesos-tls"), {}, False),
        ((NOBODY, "--mesos-tls"), {}, True),
        (("zk://127.0.0.1:1/mesos", "--mesos-tls"), {}, True),
        ((NOBODY,), {"LIBPROCESS_SSL_ENABLED": "1"}, True),
        ((NOBODY,), {"LIBPROCESS_SSL_ENABLED": "true"}, True),
        ((NOBODY, "--no-mesos-tls"), {"LIBPROCESS_SSL_ENABLED": "1"}, False),
        ((NOBODY, "--mesos-tls-verify", "none"), {}, True),
    ],
)
def test_tls_is_on_where_something_asks_for_it(
    run: Run,
    started: list[Serving],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    variables: dict[str, str],
    is_on: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    outcome = run("scheduler", "--master", *words)
    assert outcome.code == 0, outcome.err
    assert (started[0].tls is not None) is is_on
    assert "https" not in started[0].master


def test_how_pods_are_placed_and_how_long_things_may_take_is_set_and_shown(run: Run, started: list[Serving]) -> None:
    words = (
        f"--master {NOBODY} --placement pack --max_instances_per_offer 5 --gpu_scheduling_behavior unrestricted "
        "--accepted_resource_roles_default_behavior unreserved --draining_seconds 60 --disable_maintenance_mode "
        "--max_running_deployments 7 --zk_max_versions 9 --task_launch_timeout 1500 --task_reservation_timeout 2500 "
        "--reconciliation_initial_delay 3500 --mesos-authentication-principal p "
        "--kills-before-shutdown 3 --abandoned-launch-timeout 60000"
    )
    assert run("scheduler", *words.split()).code == 0
    settings = started[0].settings
    assert settings.placement is PlacementPolicy.PACK
    assert settings.gpu_scheduling_behavior is GpuScheduling.UNRESTRICTED
    assert settings.accepted_resource_roles_default_behavior is AcceptedRoles.UNRESERVED
    assert (settings.draining_seconds, settings.maintenance_mode) == (60.0, False)
    assert (settings.max_instances_per_offer, settings.max_running_deployments, settings.versions_kept) == (5, 7, 9)
    assert (settings.task_launch_timeout, settings.task_reservation_timeout) == (1.5, 2.5)
    assert (settings.reconciliation_initial_delay, settings.principal) == (3.5, "p")
    assert (settings.kills_before_shutdown, settings.abandoned_launch_timeout) == (3, 60.0)
    shown = configuration(started[0], started[0].identity, 512)
    for name, value in (
        ("placement", "pack"),
        ("max_instances_per_offer", 5),
        ("gpu_scheduling_behavior", "unrestricted"),
        ("accepted_resource_roles_default_behavior", "unreserved"),
        ("draining_seconds", 60.0),
        ("disable_maintenance_mode", True),
        ("max_running_deployments", 7),
        ("zk_max_versions", 9),
        ("task_launch_timeout", 1500),
        ("task_reservation_timeout", 2500),
        ("reconciliation_initial_delay", 3500),
        ("kills_before_shutdown", 3),
        ("abandoned_launch_timeout", 60_000),
        ("agent_return_timeout", 75_000),
        ("max_connections", 512),
    ):
        assert shown[name] == value, name


def test_every_option_is_shown_or_said_to_be_private(run: Run, started: list[Serving]) -> None:
    """So that no new option is forgotten, and no secret is shown."""
    run("scheduler", "--master", NOBODY)
    shown = configuration(started[0], started[0].identity, 512).keys()
    assert {each.name for each in PARAMETERS if each.info not in shown} == {
        "allowed_hosts",
        "audit_log",
        "dcos_jwks",
        "executor_base_url",
        "executor_python",
        "ha_ca_file",
        "http_credentials",
        "oidc_audience",
        "oidc_groups_claim",
        "oidc_issuer",
        "oidc_jwks",
        "oidc_username_claim",
        "principals",
        "mesos_authentication_service_account_file",
        "http_port",
        "insecure",
        "listen",
        "log_level",
        "mesos_agent_authentication_principal",
        "mesos_agent_authentication_secret_file",
        "mesos_authentication_secret_file",
        "mesos_authentication_token_file",
        "mesos_ca_file",
        "mesos_cert_file",
        "mesos_key_file",
        "mesos_tls",
        "mesos_tls_verify",
        "policy",
        "record",
        "record_limit",
        "tls_cert_file",
        "tls_client_ca_file",
        "tls_key_file",
        "trusted_proxies",
    }
    assert shown - {each.info for each in PARAMETERS} == {"checkpoint", "executor_sha256"}


def test_who_may_use_the_api(run: Run, started: list[Serving], monkeypatch: pytest.MonkeyPatch) -> None:
    run("scheduler", "--master", NOBODY)
    monkeypatch.setenv("PODEXEC_HTTP_CREDENTIALS", "me:hush:hush")
    run("scheduler", "--master", NOBODY, "--access_control_allow_origin", "http://a.test, http://b.test")
    assert [each.access.credentials for each in started] == [None, "me:hush:hush"]
    assert [each.access.origins for each in started] == [(), ("http://a.test", "http://b.test")]
    assert "hush" not in str(configuration(started[1], started[1].identity, 512))


@pytest.mark.parametrize("name", ["HTTP_CREDENTIALS", "PRINCIPALS", "OIDC_ISSUER", "DCOS_JWKS"])
def test_an_empty_variable_does_not_open_the_api(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As it would if it counted as not set: a secret that a template failed to fill in."""
    monkeypatch.setenv(f"PODEXEC_{name}", "")
    outcome = run("scheduler", "--master", NOBODY)
    assert (outcome.code, f"PODEXEC_{name} is set, but empty" in outcome.err) == (2, True)


def test_a_password_of_the_master_is_not_shown(run: Run, started: list[Serving]) -> None:
    run("scheduler", "--master", "zk://me:hush@h1:2181,h2:2181/mesos")
    assert configuration(started[0], started[0].identity, 512)["master"] == "zk://h1:2181,h2:2181/mesos"


def test_secrets_are_on_and_come_from_variables_unless_told_otherwise(run: Run, started: list[Serving]) -> None:
    run("scheduler", "--master", NOBODY)
    assert started[0].settings.features == frozenset({"secrets"})
    assert started[0].settings.strict_definitions is False
    assert started[0].options.secrets_source == "environment"
    assert started[0].identity.gpus is False


def test_features_are_a_list_and_an_empty_one_turns_all_off(run: Run, started: list[Serving]) -> None:
    run("scheduler", "--master", NOBODY, "--enable_features", "vips, gpu_resources", "--strict-definitions")
    run("scheduler", "--master", NOBODY, "--enable-features", "", "--secrets-source", "directory:/x")
    assert [each.settings.features for each in started] == [frozenset({"vips", "gpu_resources"}), frozenset()]
    assert [each.identity.gpus for each in started] == [True, False]
    assert [each.settings.strict_definitions for each in started] == [True, False]
    assert started[1].options.secrets_source == "directory:/x"


def test_several_schedulers_need_a_store_that_they_can_share(run: Run, started: list[Serving]) -> None:
    refused = run("scheduler", "--master", NOBODY, "--ha")
    assert (refused.code, started) == (2, [])
    assert "--ha" in refused.err
    assert "zk://" in refused.err
    run("scheduler", "--master", NOBODY, "--ha", "--store", "zk://h:2181/x", "--zk-session-timeout", "2500")
    assert (started[0].options.ha, started[0].options.zk_session_timeout) == (True, 2.5)


def test_answers_on_a_kept_connection_are_not_held_back() -> None:
    with (
        contextlib.closing(api_server.listen("127.0.0.1", 0, 1)) as listening,
        socket.create_connection(listening.getsockname()),
        contextlib.closing(listening.accept()[0]) as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_http_port_is_the_port_of_listen(run: Run, started: list[Serving]) -> None:
    run("scheduler", "--master", NOBODY, "--listen", "0.0.0.0:8080", "--http-port", "9999", "--insecure")
    assert (started[0].host, started[0].port) == ("0.0.0.0", 9999)


def test_a_local_executor_is_found_by_its_path(run: Run, started: list[Serving], tmp_path: Path) -> None:
    file = tmp_path / "podexec.pyz"
    file.touch()
    run("scheduler", "--master", NOBODY, "--executor", str(file), "--executor-python", "/usr/bin/python3")
    executor = started[0].settings.executor
    assert executor.data
    assert executor.command is not None
    assert executor.command["value"].endswith(f"; exec /usr/bin/python3 -E -s -S {file}")
    assert "uris" not in executor.command


def test_a_remote_executor_is_fetched(run: Run, started: list[Serving]) -> None:
    run("scheduler", "--master", NOBODY, "--executor", "http://files.test/v1/podexec.pyz?x=1")
    command = started[0].settings.executor.command
    assert command is not None
    assert command["value"].endswith("; exec python3 -E -s -S podexec.pyz")
    assert command["uris"] == [
        {"value": "http://files.test/v1/podexec.pyz?x=1", "extract": False, "executable": False, "cache": True}
    ]


# --------------------------------------------------------------------------- process


class Process:
    """``podexec scheduler`` as a process of its own. Its log is JSON, one event on each line."""

    def __init__(
        self, master: str, store: str, listen: str, more: tuple[str, ...], launcher: tuple[str, ...] = ()
    ) -> None:
        words = [sys.executable, *launcher, "-P", "-m", "scheduler.cli.main", "scheduler"]
        words += ["--master", master, "--listen", listen, "--store", store, *more]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        self.seen: list[str] = []
        self._lines: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip())
        self._lines.put(None)

    def event(self, name: str) -> Any:
        """Wait for an event in the log."""
        while True:
            try:
                line = self._lines.get(timeout=DEADLINE)
            except Empty:
                pytest.fail(f"no {name!r} in the log within {DEADLINE:g} s: {self.seen}")
            if line is None:
                pytest.fail(f"the scheduler ended without {name!r}: {self.seen}")
            self.seen.append(line)
            if line.startswith("{") and json.loads(line)["event"] == name:
                return json.loads(line)

    def end(self, number: int | None = None) -> int:
        """Send a signal, if given, and wait for the end; returns the exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        while (line := self._lines.get_nowait()) is not None:
            self.seen.append(line)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@contextmanager
def scheduler(
    master: str = NOBODY,
    store: str = "memory:",
    listen: str = "127.0.0.1:0",
    more: tuple[str, ...] = (),
    launcher: tuple[str, ...] = (),
) -> Iterator[Process]:
    """A scheduler process that ends with the context."""
    process = Process(master, store, listen, more, launcher)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)


def get(url: str) -> tuple[int, Any]:
    """Status and body of a GET."""
    with urllib.request.urlopen(url, timeout=DEADLINE) as response:
        return response.status, json.load(response)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_without_a_master_and_ends_in_peace(number: int, tmp_path: Path) -> None:
    with scheduler(store=f"sqlite:///{tmp_path}/store.db") as process:
        url = process.event("serving")["url"]
        status, info = get(f"{url}/v2/info?embed=podexec")
        assert status == 200
        assert info["podexec"]["mesos"]["connected"] is False
        assert info["podexec"]["config"]["max_connections"] == files.room(files.raise_limit(), None).connections
        assert info["marathon_config"]["master"] == NOBODY
        assert process.end(number) == 0, process.seen


def test_a_leader_that_is_told_to_give_up_answers_and_ends_in_peace() -> None:
    with scheduler() as process:
        url = process.event("serving")["url"]
        assert get(f"{url}/v2/leader") == (200, {"leader": url.removeprefix("http://")})
        give_up = urllib.request.Request(f"{url}/v2/leader", method="DELETE")
        with urllib.request.urlopen(give_up, timeout=DEADLINE) as response:
            assert json.load(response) == {"message": "Leadership abdicated"}
        assert process.end() == 0, process.seen


def test_credentials_are_wanted_and_metrics_are_those_of_the_process() -> None:
    with scheduler(more=("--http-credentials", "me:hush")) as process:
        url = process.event("serving")["url"]
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            get(f"{url}/metrics")
        refused.value.close()
        request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": "Basic bWU6aHVzaA=="})
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            metrics = json.load(response)
        assert "podexec.loop.inbox.gauge" in metrics["gauges"]
        assert metrics["gauges"]["marathon.pods.active.gauge"] == {"value": 0}


def test_what_it_does_is_recorded_without_the_credentials_also_if_it_is_killed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "recording.json"
    more = ("--record", str(file), "--record-limit", "1", "--http-credentials", "me:hush-hush")
    body = json.dumps({"id": "/pod", "containers": [{"name": "one", "resources": {}}]}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Basic bWU6aHVzaC1odXNo"}
    with scheduler(store=f"sqlite:///{tmp_path}/store.db", more=more) as process:
        post = urllib.request.Request(f"{process.event('serving')['url']}/v2/pods?force=true", body, headers)
        with urllib.request.urlopen(post, timeout=DEADLINE) as response:
            assert response.status == 201
        until = time.monotonic() + DEADLINE
        while b"PodPosted" not in file.read_bytes():
            assert time.monotonic() < until, file.read_bytes()
            time.sleep(0.05)
        process.end(signal.SIGKILL)
    with scheduler(store=f"sqlite:///{tmp_path}/store.db", more=more) as process:
        asked = urllib.request.Request(f"{process.event('serving')['url']}/v2/info", headers=headers)
        with urllib.request.urlopen(asked, timeout=DEADLINE) as response:
            assert response.status == 200
        assert process.end(signal.SIGTERM) == 0, process.seen
    for secret in (b"hush", b"bWU6aHVzaC1odXNo"):
        assert secret not in file.read_bytes()
    done = run("replay", str(file))
    assert (done.code, done.err) == (0, "1 steps, no difference\n")
    assert "PodPosted request=1 pod_id=/pod" in done.out
    assert '"record":"pod"' in file.read_text().split('"recording"')[2]


def test_a_full_disk_does_not_stop_it() -> None:
    with scheduler(more=("--record", "/dev/full")) as process:
        told = process.event("recording ended; the scheduler continues without it")
        assert told["reason"] == "No space left on device"
        assert get(f"{process.event('serving')['url']}/v2/pods") == (200, [])
        assert process.end(signal.SIGTERM) == 0, process.seen


def test_open_streams_of_events_do_not_hold_up_its_end() -> None:
    """They end properly, well before pending requests would be cut off."""
    with scheduler() as process:
        url = process.event("serving")["url"]
        with urllib.request.urlopen(f"{url}/v2/events", timeout=DEADLINE) as stream:
            assert stream.readline() == b":\n"
            begin = time.monotonic()
            assert process.end(signal.SIGTERM) == 0, process.seen
            assert time.monotonic() - begin < api_server.LAST_REQUESTS - 1
            assert b"event: event_stream_attached" in stream.read()


def test_what_was_accepted_is_there_after_sigkill(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/store.db"
    body = json.dumps({"id": "/pod", "containers": [{"name": "one", "resources": {}}]}).encode()
    with scheduler(store=store) as process:
        url = process.event("serving")["url"]
        post = urllib.request.Request(f"{url}/v2/pods", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(post, timeout=DEADLINE) as response:
            accepted = json.load(response)
        process.end(signal.SIGKILL)
    with scheduler(store=store) as process:
        serving_event = process.event("serving")
        assert serving_event["pods"] == 1
        assert get(f"{serving_event['url']}/v2/pods/pod") == (200, accepted)


def test_its_clock_starts_at_the_latest_time_on_record(
    run: Run, started: list[Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's clock was set back while no scheduler ran: no timeout waits until it is that late again."""
    later = time.time() + 3600
    waiting = replace(samples.instance(), incarnation=0, agent=None, executor_id=None, tasks=(), created_at=later)
    store = MemoryStore()
    store.commit([Put(samples.definition()), Put(samples.pod()), Put(waiting)])
    seen: list[tuple[float, float | None]] = []

    async def look(_stop: object, term: Term, *_: object) -> None:
        clock = term.event_loop._clock
        seen.append((clock.now(), clock.was_set()))

    monkeypatch.setattr(alone, "run_until_stopped", look)
    monkeypatch.setattr(alone, "freeze_garbage_collector", lambda: None)
    run("scheduler", "--master", NOBODY, "--listen", "127.0.0.1:0")
    for _ in range(2):
        with contextlib.closing(api_server.listen("127.0.0.1", 0, 1)) as listening:
            resources = Resources(started[0], None, listening, files.Room(1, 1), None, AuditLog(), None)
            asyncio.run(alone.run_alone(resources, store))
        store.commit([Put(Clock(-3600.0))])  # as the loop does when it hears of it
    assert [now for now, _ in seen] == pytest.approx([later, later], abs=DEADLINE)
    assert [was_set for _, was_set in seen] == [pytest.approx(-3600.0, abs=DEADLINE), None]


def test_a_taken_port_is_told_before_mesos_is_contacted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as mesos:
        mesos.settimeout(0)
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with scheduler(f"127.0.0.1:{mesos.getsockname()[1]}", listen=listen) as process:
            assert process.end() == 1
            assert f"podexec: cannot listen on {listen}: Address already in use" in process.seen
        with pytest.raises(BlockingIOError):
            mesos.accept()


def test_secrets_that_others_can_read_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(0o700)
    (folder / "password").write_text("hush")
    (folder / "password").chmod(0o644)
    with scheduler(store=f"sqlite:///{tmp_path}/store.db", more=("--secrets-source", f"directory:{folder}")) as process:
        assert process.end() == 1
        (line,) = process.seen
        assert f"--secrets-source: {folder}/password has mode 0644" in line
        assert f"chmod go= {folder}/password" in line
    assert not (tmp_path / "store.db").exists()


def test_a_feature_without_effect_is_told_and_the_source_of_secrets_is_shown_without_its_argument() -> None:
    more = ("--enable-features", "secrets,vips", "--secrets-source", "environment:MINE_")
    with scheduler(more=more) as process:
        url = process.event("serving")["url"]
        assert process.event("enabled feature has no effect")["feature"] == "vips"
        config = get(f"{url}/v2/info?embed=podexec")[1]["podexec"]["config"]
        assert (config["enable_features"], config["secrets_source"]) == ("secrets,vips", "environment")


def test_the_role_of_groups_is_shown_and_checked(run: Run) -> None:
    with scheduler(more=("--new-group-enforce-role", "top")) as process:
        config = get(f"{process.event('serving')['url']}/v2/info")[1]["marathon_config"]
        assert (config["mesos_role"], config["new_group_enforce_role"]) == ("*", "top")
    refused = run("scheduler", "--master", NOBODY, "--new-group-enforce-role", "bottom")
    assert refused.code == 2
    assert "'off', 'top'" in refused.err


def test_a_store_that_is_in_use_is_told(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/store.db"
    with scheduler(store=store) as first:
        first.event("serving")
        with scheduler(store=store) as second:
            assert second.end() == 1
            assert "another process has it open" in second.seen[0]


def test_a_framework_that_mesos_refuses_ends_the_process_with_an_error() -> None:
    with masters() as (master,):
        master.first_event = {"type": "ERROR", "error": {"message": "Framework has been removed"}}
        with scheduler(master.address) as process:
            assert process.end() == 1
            assert any("Framework has been removed" in line for line in process.seen), process.seen
    assert len(master.subscribes.all()) == 1, "it asked again"
    assert master.calls.all() == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--allow-inside", "logs,everything"), "the names are copy, exec, files, logs, usage"),
        (
            ("--mesos-agent-authentication-secret-file", "SECRET"),
            "a secret needs its principal: --mesos-agent-authentication-principal",
        ),
    ],
)
def test_what_may_be_done_inside_containers_is_checked(
    run: Run, tmp_path: Path, words: tuple[str, ...], error: str
) -> None:
    (tmp_path / "SECRET").write_text("s")
    given = [str(tmp_path / word) if word == "SECRET" else word for word in words]
    outcome = run("scheduler", "--master", "127.0.0.1:1", "--store", "memory:", *given)
    assert outcome.code == 2
    assert error in " ".join(outcome.err.replace("│", " ").split())


FLOOD = 1500
FEW_FILES = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 512)); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


def test_a_flood_of_idle_connections_keeps_nobody_out_and_does_not_fill_the_log() -> None:
    """With a hard limit of 512 files, to which the soft limit of 128 is raised."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with scheduler(launcher=("-c", FEW_FILES)) as process, contextlib.ExitStack() as stack:
        host, _, port = process.event("serving")["url"].removeprefix("http://").partition(":")
        address = (host, int(port))
        stream = stack.enter_context(socket.create_connection(address, DEADLINE))
        stream.sendall(b"GET /v2/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")
        assert stream.recv(4096).startswith(b"HTTP/1.1 200")
        for number in range(FLOOD):
            stack.enter_context(socket.create_connection(address, DEADLINE))
            if number % 500 == 499:
                url = f"http://{host}:{port}/v2/pods"
                with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
                    assert answer.status == 200
        stream.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            assert stream.recv(65536), "the stream of events was ended"
        process.end(signal.SIGTERM)
    assert len(process.seen) < 20, process.seen[:40]
    assert [json.loads(line)["event"] for line in process.seen if "too many connections" in line]


def test_more_connections_than_files_are_refused_at_once(run: Run) -> None:
    result = run("scheduler", "--master", NOBODY, "--store", "memory:", "--max-connections", "100000000")
    assert result.code == 1
    assert "--max-connections 100000000 is too high" in result.err
