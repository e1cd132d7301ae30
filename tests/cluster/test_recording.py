"""A scheduler on real Mesos is recorded, killed on the way, and replayed.

Such a run is kept in tests/recording/files/run.json.gz and replayed by tests/recording/test_recorded_run.py. Where the
core is to decide differently from now on, record it again:

    KEEP_RECORDING=1 make test ARGS=tests/cluster/test_recording.py
"""

import gzip
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.cli.pythons import executor_python
from tests.cluster.support import Json, Scheduler, agent_state, container, environment_without_podexec
from tests.cluster.user import User

KEPT = Path(__file__).parent.parent / "recording" / "files" / "run.json.gz"
PASSWORD, SECRET = "a-plain-password", "the-value-of-a-secret"
GONE = "-> does not exist"


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the next scheduler records."""
    file = tmp_path / "recording.json"
    monkeypatch.setenv("PODEXEC_RECORD", str(file))
    monkeypatch.setenv("PODEXEC_SECRET_DB", SECRET)
    return file


@pytest.fixture
def scheduler(recording: Path, own_scheduler: Scheduler) -> Scheduler:
    """One that records."""
    assert recording.stat().st_mode & 0o777 == 0o600
    return own_scheduler


def definition(instances: int, seconds: int) -> Json:
    """A pod with a secret, and with a password where none should be."""
    return {
        "id": "/recorded",
        "secrets": {"db": {"source": "/db"}},
        "environment": {"PASSWORD": PASSWORD, "DB": {"secret": "db"}},
        "containers": [container("main", f"exec sleep {seconds}")],
        "scaling": {"kind": "fixed", "instances": instances},
    }


def test_a_recorded_run_gives_the_same_steps_again(scheduler: Scheduler, recording: Path) -> None:
    """A pod is created, scaled, killed and updated, the scheduler is killed, an agent restarts, the pod is deleted."""
    with User(scheduler.client.url, scheduler.tail) as user:
        (first,) = user.run(definition(1, 1000))["instances"]
        user.done(user.put(definition(2, 1000)))
        user.ask("DELETE", f"/v2/pods/recorded::instances/{first['id']}", 200)
        user.hears("instance_changed_event", instanceId=first["id"], condition="Killed")
        scheduler.stable("/recorded")
        user.done(user.put(definition(2, 1001)))
    # Commits may be ahead of the recording when the scheduler is killed.
    scheduler.wait(
        "the end of the first instance is recorded", lambda: GONE in replay(recording, "--instance", first["id"]).stdout
    )
    scheduler.end(signal.SIGKILL)
    scheduler.start()
    scheduler.stable("/recorded")
    if os.environ.get("KEEP_RECORDING"):
        restart_an_agent(scheduler)
    scheduler.remove_all()
    scheduler.end(signal.SIGTERM)

    written = recording.read_bytes()
    for canary in (PASSWORD, SECRET):
        assert canary.encode() not in written
    again = replay(recording)
    assert "differs" not in again.stderr
    assert again.returncode == 0, again.stderr
    assert "no difference" in again.stderr
    assert "the scheduler was killed here" in again.stdout
    assert again.stdout.count("run of podexec") == 2
    story = replay(recording, "--instance", first["id"]).stdout
    assert "does not exist -> Scheduled" in story
    assert "-> Running on" in story
    assert GONE in story
    if os.environ.get("KEEP_RECORDING"):
        KEPT.write_bytes(gzip.compress(neutral(written, scheduler), mtime=0))


def replay(recording: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """``podexec replay``, in a process of its own, where sets of strings have another order."""
    command = (sys.executable, "-P", "-m", "scheduler.cli.main", "replay", str(recording), *words)
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=environment_without_podexec()
    )


def restart_an_agent(scheduler: Scheduler) -> None:
    """One that runs an instance."""
    hosted = {each["agentId"] for each in scheduler.client.status("/recorded")["instances"]}
    agent = next(each for each in scheduler.cluster.agents if id_of(each.address) in hosted)
    scheduler.cluster.kill_agent(agent.id)
    scheduler.cluster.restart_agent(agent.id)
    scheduler.cluster.wait_registered(agent.id)


def id_of(address: str) -> str:
    """The id that the master gave to the agent at an address."""
    agent_id: str = agent_state(address)["id"]
    return agent_id


def neutral(written: bytes, scheduler: Scheduler) -> bytes:
    """The same without names and paths of this machine."""
    for here, there in (
        (str(scheduler.executor), "/opt/podexec.pyz"),
        (executor_python(), "/usr/bin/python3"),
        (socket.gethostname(), "host.example"),
    ):
        written = written.replace(here.encode(), there.encode())
    return written
