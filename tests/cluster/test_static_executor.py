"""The executor that needs no Python, on agents that have none: nothing but a few programs is on their PATH."""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from localmesos import Cluster
from scheduler.cli.inside.client import InsideClient
from tests.cluster.support import QUICK_RECOVERY, Json, Scheduler, container
from tests.cluster.test_inside import pod as podexec_pod
from tests.fakes.certificates import Authority
from tests.installation import install

STAYS = "exec sleep 1000"
OFTEN = {"intervalSeconds": 3, "timeoutSeconds": 2, "delaySeconds": 0}
PATIENT = OFTEN | {"maxConsecutiveFailures": 20}


@pytest.fixture(scope="module")
def bare(static_executor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One agent whose executors have a shell and no Python; its default executor is the static one."""
    programs = tmp_path_factory.mktemp("programs")
    programs.chmod(0o755)
    (programs / "sh").symlink_to("/bin/busybox")
    cluster = Cluster.up(
        f"bare-{os.getpid()}",
        agents=1,
        agent_flags=QUICK_RECOVERY
        | {"cgroups_enable_cfs": True, "executor_environment_variables": json.dumps({"PATH": str(programs)})},
        default_executor=static_executor,
        owner_pid=os.getpid(),
    )
    try:
        yield cluster
    finally:
        cluster.down()


Start = Callable[..., Scheduler]


@pytest.fixture
def start(bare: Cluster, tmp_path: Path) -> Iterator[Start]:
    """Starts schedulers whose API the agent can reach."""
    made: list[Scheduler] = []

    def start(executor: str, host: str = "") -> Scheduler:
        name = f"static-{tmp_path.name}-{len(made)}"
        scheduler = Scheduler(bare, tmp_path, None, name, host or bare.host_address)
        scheduler.use_executor(executor, "python3")
        made.append(scheduler)
        scheduler.start()
        return scheduler

    yield start
    for each in made:
        each.remove_all()
        each.close()


def executor_of(scheduler: Scheduler, pod_id: str) -> psutil.Process:
    """The process of the executor of a pod with one instance: not that of its container's init."""
    (agent,) = scheduler.cluster.agents
    (run,) = agent.work_dir.glob(f"slaves/*/frameworks/*/executors/instance-{pod_id[1:]}.*/runs/latest")
    sandbox = str(run.resolve())
    (found,) = [each for each in psutil.process_iter() if _is_executor(each, sandbox)]
    return found


def _is_executor(process: psutil.Process, sandbox: str) -> bool:
    try:
        is_in_sandbox = process.environ().get("MESOS_SANDBOX") == sandbox and process.cwd() == sandbox
        return is_in_sandbox and zipfile.is_zipfile(f"/proc/{process.pid}/exe")
    except (psutil.Error, OSError):
        return False


def test_agents_fetch_it_from_the_scheduler_and_it_does_all_that_an_executor_does(
    start: Start, static_executor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP, HTTPS, TCP and command checks, readiness, a restart, logs, a command, usage, and a restart of the agent."""
    shutil.copy(static_executor, install(tmp_path / "installed", monkeypatch))
    scheduler = start("auto")
    certificate = Authority(tmp_path).certify("web")
    server = f"/usr/bin/openssl s_server -quiet -www -accept $ENDPOINT_TLS -cert {certificate.file}"
    web = container(
        "web",
        f"echo to stdout; echo to stderr >&2; exec {server} -key {certificate.key}",
        endpoints=[{"name": "tls", "hostPort": 0}],
        healthCheck={"http": {"endpoint": "tls", "scheme": "HTTPS"}, **PATIENT},
        healthChecks=[{"exec": {"command": {"shell": "test -d /proc"}}, **PATIENT}],
        readinessCheck={"tcp": {"endpoint": "tls"}, **OFTEN},
    )
    plain = container(
        "plain",
        "busybox httpd -p $ENDPOINT_HTTP -h /etc; while ! test -e done; do sleep 0.1; done; exit 4",
        endpoints=[{"name": "http", "hostPort": 0}],
        check={"http": {"endpoint": "http", "path": "/hostname"}, **OFTEN},
    )
    once = tmp_path / "once"
    again = container(
        "again",
        f"test -e {once} && {STAYS}; touch {once}; exit 3",
        restartPolicy="onFailure",
        restarts={"backoffSeconds": 0.1},
    )
    scheduler.client.add({"id": "/anywhere", "networks": [{"mode": "host"}], "containers": [web, plain, again]})
    scheduler.stable("/anywhere")
    expected = {"web": [True, True, True], "plain": [True], "again": []}
    scheduler.wait("every check has passed", lambda: passed(scheduler) == expected or None)

    process = executor_of(scheduler, "/anywhere")
    assert process.name() == hashlib.sha256(static_executor.read_bytes()).hexdigest(), "fetched by its URI"
    with InsideClient(scheduler.client.url) as client:
        lines = {each.get("line") for each in client.logs("/anywhere", {"container": "web"})}
        (used,) = client.usage("/anywhere")
    assert {"to stdout", "to stderr"} <= lines
    assert {each["name"]: each["used"]["processes"] > 0 for each in used["containers"]} == dict.fromkeys(expected, True)
    done = podexec_pod(scheduler, "exec", "-i", "/anywhere", "-c", "web", "--", "cat", given=b"through it")
    assert (done.returncode, done.stdout) == (0, b"through it"), done.stderr

    (agent,) = scheduler.cluster.agents
    scheduler.cluster.kill_agent(agent.id)
    scheduler.cluster.restart_agent(agent.id)
    (scheduler.sandbox(scheduler.client.status("/anywhere"), "plain") / "done").touch()
    (end,) = scheduler.wait("the end of a container after it", lambda: history(scheduler))
    states = {each["containerId"].split(".")[2]: each["lastKnownState"] for each in end["containers"]}
    assert states == {"web": "TASK_KILLED", "plain": "TASK_FAILED", "again": "TASK_KILLED"}
    scheduler.stable("/anywhere")


def passed(scheduler: Scheduler) -> dict[str, list[bool]]:
    """The results of the checks of each container of the only instance."""
    (instance,) = scheduler.client.status("/anywhere")["instances"]
    return {
        each["name"]: [check["passed"] for check in each.get("podexec", {}).get("checks", ())]
        for each in instance["containers"]
    }


def history(scheduler: Scheduler) -> list[Json]:
    """How instances have ended."""
    ends: list[Json] = scheduler.client.status("/anywhere").get("terminationHistory", [])
    return ends


def test_the_agents_default_executor_may_be_the_static_one(start: Start) -> None:
    """As Mesos' own, for tasks of any framework: nothing is fetched."""
    scheduler = start("default")
    scheduler.run({"id": "/stand-in", "containers": [container("only", STAYS)]})
    assert executor_of(scheduler, "/stand-in").name() == "mesos-default-executor"


def test_a_file_on_the_agent_is_started_in_place(start: Start, static_executor: Path) -> None:
    scheduler = start(str(static_executor), host="127.0.0.1")
    scheduler.run({"id": "/in-place", "containers": [container("only", STAYS)]})
    assert executor_of(scheduler, "/in-place").exe() == str(static_executor)


def test_the_zipapp_says_that_there_is_no_python_and_what_to_do(start: Start, executor: Path) -> None:
    scheduler = start(str(executor), host="127.0.0.1")
    scheduler.client.add({"id": "/anywhere", "containers": [container("only", STAYS)]})

    def said() -> str | None:
        return next((each["message"] for each in history(scheduler) if "python3" in each.get("message", "")), None)

    message = scheduler.wait("a message about Python", said)
    assert "exited with status 127" in message
    assert "python3: not found on this agent. The executor as a zipapp needs Python 3.11" in message
    assert "--executor auto" in message
