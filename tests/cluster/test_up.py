"""`podexec up`, as a newcomer runs it: a pod on a real Mesos, and nothing left afterwards."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from localmesos import Cluster
from localmesos.remains import listing
from localmesos.state import ClusterState
from tests.cluster.support import environment_without_podexec, wait_for
from tests.localmesos import intruder
from tests.ports import free_port

PODEXEC = [sys.executable, "-P", "-m", "scheduler.cli.main"]


def _name() -> str:
    return f"up-{os.getpid()}"


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PODEXEC, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment_without_podexec(),
        check=False,
    )


def _asked_by_nobody(port: int) -> str:
    # The interpreter may be closed to others: this one right to read does not make it root.
    rights = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    drop = ("setpriv", "--reuid=65534", "--clear-groups", *rights)
    words = (*drop, sys.executable, "-I", intruder.__file__, "127.0.0.1", str(port))
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_shows_a_stable_pod_and_an_interrupt_takes_everything_down(tmp_path: Path, number: int) -> None:
    """The output has Mesos' version and says how to inspect, change and remove the pod."""
    port = free_port()
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*PODEXEC, "up", "--name", _name(), "--listen", f"127.0.0.1:{port}"],
            stdout=file,
            stderr=file,
            env=environment_without_podexec(),
        )
    try:
        wait_for("the pod is shown", lambda: "\n/hello STABLE\n" in _shown(output, process), 120)
        state = Cluster(_name()).state
        assert (state.folder / "scheduler").stat().st_mode & 0o077 == 0, "definitions may contain passwords"
        text = output.read_text()
        assert "on a real Mesos 1.11.0" in text
        for command in ("pod show /hello", "pod update", "pod remove /hello", f"cluster status --name {_name()}"):
            assert f"podexec {command}" in text
        listed = _run("pod", "list", "--json", "--url", f"http://127.0.0.1:{port}")
        assert [each["id"] for each in json.loads(listed.stdout)] == ["/hello"]
    finally:
        process.send_signal(number)
        process.wait(60)
    assert process.returncode == 0, output.read_text()
    assert_gone(state)


def assert_gone(state: ClusterState) -> None:
    """No process, mount, cgroup, bridge or namespace of the cluster is left."""
    assert state.name not in Cluster.list()
    assert not listing(state)
    left = [process for process in psutil.process_iter(["cmdline"]) if _names(process, state)]
    assert not left, left


def _names(process: psutil.Process, state: ClusterState) -> bool:
    return any(f"{state.folder}/" in word for word in process.info["cmdline"] or ())


def _shown(output: Path, process: subprocess.Popen[bytes]) -> str:
    text = output.read_text()
    if process.poll() is not None:
        raise AssertionError(f"podexec up ended with {process.returncode}:\n{text}")
    return text


def _run_as_printed(shown: str, folder: Path) -> None:
    """Every command that `up` prints works as printed; the last one removes the pod, so it is confirmed."""
    commands = re.findall(r"^  [a-z].*?(?:edit a copy of (\S+), then: )?((?:\S*/)?podexec .*)$", shown, re.MULTILINE)
    assert len(commands) == 6, shown
    for copied, command in sorted(commands, key=lambda each: " remove " in each[1]):
        file = folder / "copy.json"
        if copied:
            shutil.copy(copied, file)
        words = command.replace(" FILE", f" {file}")
        environment = environment_without_podexec() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-c", words],
            env=environment | {"PODEXEC_YES": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (words, done.stderr)


def test_detached_it_runs_on_until_down(tmp_path: Path) -> None:
    """Another process takes down what `up --detach` started."""
    port = free_port()
    try:
        up = _run("up", "--detach", "--name", _name(), "--listen", f"127.0.0.1:{port}", "--agents", "2")
        assert up.returncode == 0, up.stderr
        state = Cluster(_name()).state
        assert f"podexec down --name {_name()}" in up.stderr
        url = f"http://127.0.0.1:{port}"
        shown = _run("pod", "show", "/hello", "--json", "--url", url)
        assert json.loads(shown.stdout)["status"] == "STABLE"
        if state.network is not None:
            assert f"only root may connect to the cluster {_name()}" in up.stderr
            assert _asked_by_nobody(port).startswith("no connection"), "whoever may add pods is root"
        _run_as_printed(up.stdout, tmp_path)
        again = _run("up", "--detach", "--name", _name(), "--listen", f"127.0.0.1:{free_port()}")
        assert again.returncode == 1
        assert "already up" in again.stderr
    finally:
        down = _run("down", "--name", _name())
    assert down.returncode == 0, down.stderr
    assert_gone(state)


def test_killed_its_remains_go_with_the_next_down(tmp_path: Path) -> None:
    """SIGKILL of `up` leaves a cluster, a scheduler and a pod without an owner."""
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*PODEXEC, "up", "--name", _name(), "--listen", f"127.0.0.1:{free_port()}"],
            stdout=file,
            stderr=file,
            env=environment_without_podexec(),
        )
    wait_for("the pod is stable", lambda: "is STABLE" in _shown(output, process), 120)
    state = Cluster(_name()).state
    process.kill()
    process.wait(10)
    assert _run("down", "--name", _name()).returncode == 0
    assert_gone(state)


def test_a_port_in_use_is_told_before_anything_is_started() -> None:
    """The message names the option that helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = _run("up", "--name", _name(), "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert up.returncode == 1
    assert "--listen" in up.stderr
    assert _name() not in Cluster.list()
