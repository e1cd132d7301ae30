"""How pods live and come back, on real Mesos."""

import signal

import pytest

from tests.cluster.support import Json, Scheduler, both_executors, container


def _instance_ids(status: Json) -> set[str]:
    return {instance["id"] for instance in status["instances"]}


@both_executors
def test_a_container_that_exits_with_1_takes_its_pod_down_and_the_pod_comes_back(scheduler: Scheduler) -> None:
    """Same instance, next incarnation; the history tells the exit code."""
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


@both_executors
def test_a_container_that_finishes_leaves_its_siblings_running(scheduler: Scheduler) -> None:
    """Exit 0 is no failure of the pod."""
    scheduler.client.add(
        {"id": "/finishing", "containers": [container("once", "true"), container("stays", "exec sleep 100")]}
    )

    def settled() -> Json | None:
        instance = next(iter(scheduler.client.status("/finishing").get("instances", ())), None)
        states = {each["name"]: each["status"] for each in instance["containers"]} if instance else {}
        return instance if states == {"once": "TASK_FINISHED", "stays": "TASK_RUNNING"} else None

    assert scheduler.wait("one finished, one running", settled)["status"] == "STABLE"


@both_executors
def test_an_http_health_check_turns_healthy(scheduler: Scheduler) -> None:
    """On an endpoint with a dynamic host port; the status tells so."""
    status = scheduler.run(_checked("/healthy", "mkdir www; echo page > www/index.html; sleep 1"))
    web = next(each for each in status["instances"][0]["containers"] if each["name"] == "web")
    assert web["endpoints"][0]["healthy"] is True
    assert web["conditions"][0]["value"] == "true"


@both_executors
def test_a_failing_health_check_ends_and_relaunches_the_instance(scheduler: Scheduler) -> None:
    """Healthy first, then its page goes away: the instance is killed and started anew."""
    status = scheduler.run(_checked("/sick", "mkdir www; echo page > www/index.html"))
    page = scheduler.sandbox(status, "web") / "www" / "index.html"
    page.unlink()
    history = scheduler.wait("a termination", lambda: scheduler.client.status("/sick").get("terminationHistory"))
    assert {each["lastKnownState"] for each in history[0]["containers"]} == {"TASK_KILLED"}
    again = scheduler.stable("/sick")
    assert again["instances"][0]["containers"][0]["containerId"].endswith(".2")


def _checked(pod_id: str, prepare: str) -> Json:
    check = {
        "http": {"endpoint": "web", "path": "/index.html"},
        "delaySeconds": 0,
        "intervalSeconds": 2,
        "timeoutSeconds": 1,
        "gracePeriodSeconds": 20,
        "maxConsecutiveFailures": 2,
    }
    return {
        "id": pod_id,
        "networks": [{"mode": "host"}],
        "containers": [
            container(
                "web",
                f"{prepare}; exec busybox httpd -f -p $ENDPOINT_WEB -h www",
                endpoints=[{"name": "web", "hostPort": 0}],
                healthCheck=check,
            ),
            container("sibling", "exec sleep 100"),
        ],
    }


@both_executors
@pytest.mark.parametrize("instances", [3])
def test_scale_and_update_through_put(scheduler: Scheduler, instances: int) -> None:
    """More instances are added to what runs; a changed definition replaces all; fewer instances end the surplus."""
    definition = {"id": "/changing", "containers": [container("only", "exec sleep 100")]}
    one = _instance_ids(scheduler.run(definition))
    scheduler.client.update(definition | {"scaling": {"kind": "fixed", "instances": instances}})
    three = _instance_ids(_with_count(scheduler, "/changing", instances))
    assert one < three
    changed = definition | {"labels": {"changed": "yes"}, "scaling": {"kind": "fixed", "instances": instances}}
    scheduler.client.update(changed)

    def replaced() -> Json | None:
        seen = scheduler.client.status("/changing")
        ids = _instance_ids(seen)
        return seen if len(ids) == instances and not ids & three and seen["status"] == "STABLE" else None

    new = _instance_ids(scheduler.wait("all instances replaced", replaced))
    scheduler.client.update(changed | {"scaling": {"kind": "fixed", "instances": 1}})
    assert _instance_ids(_with_count(scheduler, "/changing", 1)) < new


def _with_count(scheduler: Scheduler, pod_id: str, count: int) -> Json:
    def probe() -> Json | None:
        status = scheduler.client.status(pod_id)
        return status if len(status["instances"]) == count and status["status"] == "STABLE" else None

    return scheduler.wait(f"{count} instances of {pod_id}", probe)


@both_executors
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_pods_run_on_while_the_scheduler_is_away(own_scheduler: Scheduler, number: int) -> None:
    """Stopped or killed and started again, it knows every pod, and none was touched."""
    before = own_scheduler.run({"id": "/steady", "containers": [container("only", "exec sleep 100")]})
    own_scheduler.end(number)
    own_scheduler.start()
    after = own_scheduler.stable("/steady")
    assert _tasks(after) == _tasks(before)
    assert after["spec"] == before["spec"]


@both_executors
def test_what_happened_while_the_scheduler_was_away_is_taken_up(own_scheduler: Scheduler) -> None:
    """A container that failed meanwhile is relaunched, and a pod whose removal was accepted stays removed."""
    status = own_scheduler.run(
        {"id": "/meanwhile", "containers": [container("only", "while ! test -e fail; do sleep 0.1; done; exit 3")]}
    )
    sandbox = own_scheduler.sandbox(status, "only")
    own_scheduler.run({"id": "/leaving", "containers": [container("only", "exec sleep 100")]})
    own_scheduler.client.remove("/leaving")
    own_scheduler.end()
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
    assert [pod["id"] for pod in own_scheduler.pods()] == ["/meanwhile"]


def test_killed_while_twenty_pods_start_none_is_lost_or_doubled(own_scheduler: Scheduler) -> None:
    """SIGKILL in the midst of the launches: after a restart exactly twenty instances run, each once."""
    for number in range(20):
        own_scheduler.client.add(
            {"id": f"/many/p{number}", "containers": [_tiny("a"), _tiny("b")], "executorResources": {"cpus": 0.1}}
        )
    own_scheduler.wait("some pods are launched", lambda: len(own_scheduler.cluster_executors()) >= 3)
    own_scheduler.end()
    own_scheduler.start()
    for number in range(20):
        own_scheduler.stable(f"/many/p{number}", 90)
    pods = {executor.rsplit(".", 1)[0] for executor in _executors_of(own_scheduler, "instance-many_")}
    assert len(_executors_of(own_scheduler, "instance-many_")) == 20
    assert pods == {f"instance-many_p{number}" for number in range(20)}
    statuses = [own_scheduler.client.status(f"/many/p{number}") for number in range(20)]
    assert [len(status["instances"]) for status in statuses] == [1] * 20


def _tiny(name: str) -> Json:
    return container(name, "exec sleep 1000", resources={"cpus": 0.01, "mem": 8})


def _executors_of(scheduler: Scheduler, prefix: str) -> list[str]:
    return [each for each in scheduler.cluster_executors() if each.startswith(prefix)]


def _tasks(status: Json) -> list[str]:
    return [each["containerId"] for instance in status["instances"] for each in instance["containers"]]
