"""`podexec cluster`, command by command."""

import json
import os
import subprocess
import sys

from localmesos import Cluster
from localmesos.remains import listing
from tests.cluster.framework import Framework, task
from tests.cluster.support import environment_without_podexec, wait_for
from tests.ports import free_port

NAME = f"verbs-{os.getpid()}"


def podexec(*arguments: str, code: int = 0) -> str:
    """The command's stdout, or its stderr if it must fail."""
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "scheduler.cli.main", "cluster", *arguments, "--name", NAME],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment_without_podexec(),
        check=False,
    )


def test_every_verb() -> None:
    """A cluster is started, inspected, changed, damaged, repaired and taken down, each time by a separate process."""
    try:
        registry = f"http://127.0.0.1:{free_port()}/team"
        up = run("up", "--agents", "1", "--registry", registry)
        assert up.returncode == 0, up.stderr
        master = up.stdout.strip()
        state = Cluster(NAME).state
        status = json.loads(podexec("status", "--json"))
        assert (status["master"], status["version"]) == (master, "1.11.0")
        assert status["registered"] == ["agent-1"]
        shown = podexec("status")
        assert "leading" in shown
        if state.has_images:
            assert f"images of {registry} cannot be pulled now: the registry 127.0.0.1" in up.stderr
            assert status["registry"] == registry
            assert f"images: those that were added, and those of {registry}" in shown
        run_a_group(master)
        assert podexec("add-agent", "--resources", "cpus:1;mem:512").strip() == "agent-2"
        podexec("kill-agent", "agent-1")
        assert not _member("agent-1")["alive"]
        podexec("restart-agent", "agent-1")
        wait_for("both agents are registered", lambda: len(json.loads(podexec("status", "--json"))["registered"]) == 2)
        podexec("kill-master", "master-1")
        assert not _member("master-1")["alive"]
        podexec("restart-master", "master-1")
        assert "Elected as the leading master" in podexec("logs", "master-1", "--lines", "10000")
        assert "agent-1, agent-2, master-1" in podexec("kill-agent", "agent-9", code=1)
    finally:
        podexec("down")
    assert not listing(state)
    assert "there is no cluster" in podexec("status", code=1)


def run_a_group(master: str) -> None:
    """With the default executor of the agents."""
    framework = Framework(master)
    framework.start()
    try:
        framework.launch("group", task("only", "true"))
        framework.wait_states("only", "TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED")
    finally:
        framework.stop()


def _member(member_id: str) -> dict[str, object]:
    status = json.loads(podexec("status", "--json"))
    found: dict[str, object] = next(each for each in status["members"] if each["id"] == member_id)
    return found
