"""Commands that change a pod without a file, and waiting for it, on real Mesos."""

import contextlib
import signal
import subprocess
import sys

import httpx2

from tests.cluster.support import HTTP, Scheduler, container, environment_without_podexec, wait_for

DEADLINE = 60.0


def podexec(scheduler: Scheduler, *words: str) -> str:
    """What a command prints to stdout; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "scheduler.cli.main", *words],
        env=environment_without_podexec() | {"PODEXEC_URL": scheduler.client.url},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stderr}\n--- scheduler's log:\n{scheduler.tail()}"
    return done.stdout


def test_restarted_stopped_and_started(scheduler: Scheduler) -> None:
    scheduler.client.add({"id": "/verbs", "containers": [container("one", "exec sleep 1000")]})
    podexec(scheduler, "pod", "wait", "verbs", "--for", "instances=1")
    (first,) = scheduler.client.status("/verbs")["instances"]
    podexec(scheduler, "pod", "restart", "verbs", "--yes", "--wait")
    (second,) = scheduler.client.status("/verbs")["instances"]
    assert first["id"] != second["id"]
    podexec(scheduler, "pod", "stop", "verbs", "--yes")
    podexec(scheduler, "pod", "wait", "verbs", "--for", "instances=0")
    assert "started with 1 instance " in podexec(scheduler, "pod", "start", "verbs", "--force")
    podexec(scheduler, "pod", "wait", "verbs", "--for", "stable")
    scheduler.client.remove("/verbs")
    podexec(scheduler, "pod", "wait", "verbs", "--for", "gone")
    assert not [each for each in scheduler.cluster_executors() if each.startswith("instance-verbs.")]


def test_a_port_is_forwarded_and_the_doctor_finds_nothing(scheduler: Scheduler) -> None:
    """The server listens in the agent's network, and only the scheduler's API is used."""
    serves = container(
        "web",
        "echo found > page; exec python3 -m http.server $ENDPOINT_HTTP",
        endpoints=[{"name": "http", "hostPort": 0}],
    )
    scheduler.run({"id": "/forwarded", "networks": [{"mode": "host"}], "containers": [serves]})
    words = [sys.executable, "-P", "-m", "scheduler.cli.main", "pod", "port-forward", "forwarded", "http"]
    environment = environment_without_podexec() | {"PODEXEC_URL": scheduler.client.url}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0]

            def page() -> str:
                with contextlib.suppress(httpx2.RequestError):  # the server may not listen yet
                    return HTTP.get(f"http://{address}/page").text
                return ""

            wait_for("the page", lambda: page() == "found\n")
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert "subscribed at " in podexec(scheduler, "doctor")
