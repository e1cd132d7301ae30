"""What happened to a pod on a real Mesos, with causes, over a restart of the scheduler, and in words."""

import signal

from tests.cli.conftest import Run, run
from tests.cluster.support import Json, Scheduler, container

__all__ = ["run"]


def test_a_failure_is_explained_and_remembered_over_a_restart(own_scheduler: Scheduler, run: Run) -> None:
    """The timeline has its course and its cause, and ``why`` the last lines of its log."""
    scheduler = own_scheduler
    words = "echo 'cannot open [db]'; sleep 1; exit 3"
    pod: Json = {
        "id": "/explained",
        "containers": [container("main", words)],
        "scheduling": {"backoff": {"backoff": 600, "maxLaunchDelay": 3600}},
    }
    scheduler.client.add(pod)

    def failed() -> bool:
        return any(each["what"] == "ended" for each in scheduler.client.timeline("/explained")["happenings"])

    scheduler.wait("the instance has failed", failed)
    why = run("pod", "why", "/explained", "--url", scheduler.client.url)
    assert why.code == 0, why.err
    assert "main: Command exited with status 3" in why.out
    assert "cannot open [db]" in why.out
    assert "launch back-off" in why.out

    (instance,) = scheduler.client.status("/explained")["instances"]
    before = scheduler.client.timeline("/explained", instance["id"])["happenings"]
    assert [each["what"] for each in before] == ["created", "launched", "running", "ended", "waits for an offer"]
    assert before[3]["cause"].startswith("main: Command exited with status 3")
    scheduler.end(signal.SIGKILL)
    scheduler.start()
    after = scheduler.client.timeline("/explained", instance["id"])["happenings"]
    assert after[:4] == before[:4]
