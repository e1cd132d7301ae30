"""Life and relaunch of pods on a real Mesos."""

import signal

from tests.cluster.support import Json, Scheduler, both_executors, container


def _instance_ids(status: Json) -> set[str]:
    return {instance["id"] for instance in status["instances"]}


@both_executors
def test_a_container_that_exits_with_1_takes_its_pod_down_and_the_pod_comes_back(scheduler: Scheduler) -> None:
    """Same instance, next incarnation; the history has the exit code."""
    fails_once = "case $MESOS_TASK_ID in *.1) sleep 1; exit 1;; esac; exec sleep 100"
    status = scheduler.run(
        {
            "id": "/failing",
            "containers": [container("fails", fails_once), container("sibling", "exec sleep 100")],
        }
    )
    first = status["instances"][0]
    assert {each["containerId"].rpartition(".")[2] for each in first["containers"]} == {"1"}

    def relaunched() -> Json | None:
        seen = scheduler.client.status("/failing")
        containers = seen["instances"][0].get("containers", ())
        again = {each.get("containerId", ".").rpartition(".")[2] for each in containers} == {"2"}
        return seen if again and seen["status"] == "STABLE" else None

    second = scheduler.wait("the second incarnation", relaunched)
    assert _instance_ids(second) == {first["id"]}
    (termination,) = second["terminationHistory"]
    assert "exited with status 1" in termination["message"]
    states = {each["containerId"].split(".")[-2]: each["lastKnownState"] for each in termination["containers"]}
    assert states == {"fails": "TASK_FAILED", "sibling": "TASK_KILLED"}


def test_where_and_how_it_failed_is_shown_until_it_is_launched_again(scheduler: Scheduler) -> None:
    """In the status, and in the answer to a kill."""
    status = scheduler.run(
        {
            "id": "/doomed",
            "containers": [container("fails", "sleep 3; exit 7"), container("sibling", "exec sleep 100")],
            "scheduling": {"backoff": {"backoff": 600, "maxLaunchDelay": 3600}},
        }
    )

    (before,) = status["instances"]

    def waiting() -> Json | None:
        status = scheduler.client.status("/doomed")
        return status["instances"][0] if "terminationHistory" in status else None

    instance = scheduler.wait("the instance has failed", waiting)
    assert instance["status"] == "PENDING"
    fails, sibling = sorted(instance["containers"], key=lambda each: str(each["name"]))
    assert (fails["status"], fails["termination"]["exitCode"]) == ("TASK_FAILED", 7)
    assert sibling["status"] == "TASK_KILLED"
    assert instance["agentHostname"] == before["agentHostname"]
    assert instance["agentId"] == before["agentId"]
    (killed,) = scheduler.client.kill("/doomed", [instance["id"]])
    assert (killed["state"]["condition"], killed["agentInfo"]["agentId"]) == ("Failed", instance["agentId"])


@both_executors
def test_a_container_that_finishes_leaves_its_siblings_running(scheduler: Scheduler) -> None:
    """Exit code 0 is not a failure of the pod."""
    scheduler.client.add(
        {"id": "/finishing", "containers": [container("once", "true"), container("stays", "exec sleep 100")]}
    )

    def settled() -> Json | None:
        instance = next(iter(scheduler.client.status("/finishing").get("instances", ())), None)
        states = {each["name"]: each["status"] for each in instance["containers"]} if instance else {}
        return instance if states == {"once": "TASK_FINISHED", "stays": "TASK_RUNNING"} else None

    assert scheduler.wait("one finished, one running", settled)["status"] == "STABLE"


@both_executors
def test_pods_run_on_while_the_scheduler_is_away_and_what_happened_meanwhile_is_taken_up(
    own_scheduler: Scheduler,
) -> None:
    """Stopped or killed and started again, it knows every pod, and none was touched. A container that failed meanwhile
    is relaunched, and a pod whose removal was accepted stays removed.
    """
    before = own_scheduler.run({"id": "/steady", "containers": [container("only", "exec sleep 100")]})
    fails = "while ! test -e fail; do sleep 0.1; done; exit 3"
    status = own_scheduler.run({"id": "/meanwhile", "containers": [container("only", fails)]})
    sandbox = own_scheduler.sandbox(status, "only")
    own_scheduler.run({"id": "/leaving", "containers": [container("only", "exec sleep 100")]})

    own_scheduler.end(signal.SIGTERM)
    own_scheduler.start()
    for pod_id in ("/steady", "/meanwhile", "/leaving"):
        own_scheduler.stable(pod_id)
    own_scheduler.client.remove("/leaving")
    own_scheduler.end(signal.SIGKILL)
    (sandbox / "fail").touch()
    own_scheduler.start()

    history = own_scheduler.wait(
        "the failure is told", lambda: own_scheduler.client.status("/meanwhile").get("terminationHistory")
    )
    assert "status 3" in history[0]["message"]
    own_scheduler.wait(
        "no executor of /leaving",
        lambda: not [each for each in own_scheduler.cluster_executors() if "leaving" in each],
    )
    assert [pod["id"] for pod in own_scheduler.pods()] == ["/steady", "/meanwhile"]
    after = own_scheduler.stable("/steady")
    assert _tasks(after) == _tasks(before)
    assert after["spec"] == before["spec"]


def _tasks(status: Json) -> list[str]:
    return [each["containerId"] for instance in status["instances"] for each in instance["containers"]]
