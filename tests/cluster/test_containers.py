"""What the containers of a pod see and share, on a real Mesos."""

import re
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from tests.cluster.support import DEFAULT, Scheduler, both_executors, container


def test_a_host_volume_is_visible_and_read_only_where_asked(scheduler: Scheduler, tmp_path: Path) -> None:
    """Both containers see the agent's directory; only the one without readOnly can write to it."""
    (tmp_path / "file").write_text("of the host\n")
    status = scheduler.run(
        {
            "id": "/host-volume",
            "volumes": [{"name": "local", "host": str(tmp_path)}],
            "containers": [
                container(
                    "reader",
                    "cat local/file; touch local/reader || echo refused; exec sleep 100",
                    volumeMounts=[{"name": "local", "mountPath": "local", "readOnly": True}],
                ),
                container(
                    "writer",
                    "echo mine > local/writer; echo written; exec sleep 100",
                    volumeMounts=[{"name": "local", "mountPath": "local"}],
                ),
            ],
        }
    )
    assert "of the host" in scheduler.output(status, "reader", "refused")
    scheduler.output(status, "writer", "written")
    assert (tmp_path / "writer").read_text() == "mine\n"
    assert not (tmp_path / "reader").exists()


@both_executors
def test_a_pod_runs_from_a_docker_image(scheduler: Scheduler) -> None:
    """The image's root is the container's root, with a shell command and with an argument vector."""
    status = scheduler.run(
        {
            "id": "/imaged",
            "containers": [
                container("shell", "cat /etc/image; exec sleep 100", image={"kind": "DOCKER", "id": "busybox:1.35"}),
                {
                    "name": "argv",
                    "resources": {"cpus": 0.1, "mem": 32},
                    "image": {"kind": "DOCKER", "id": "busybox:1.35"},
                    "exec": {"command": {"argv": ["sleep", "100"]}, "overrideEntrypoint": True},
                },
            ],
        }
    )
    scheduler.output(status, "shell", "busybox:1.35")


def test_the_environment_holds_every_variable_of_the_seed_document(scheduler: Scheduler) -> None:
    """Variables named as in DC/OS' documentation, with the values of this launch."""
    status = scheduler.run(
        {
            "id": "/test-pod",
            "environment": {"BOTH": "pod", "FROM_POD": "yes"},
            "networks": [{"mode": "container"}],
            "labels": {"of the pod": "1"},
            "containers": [
                container(
                    "healthtask1",
                    "env; echo done; exec sleep 100",
                    resources={"cpus": 0.1, "mem": 32, "disk": 32},
                    environment={"BOTH": "container"},
                    endpoints=[
                        {"name": "httpendpoint", "containerPort": 8080, "hostPort": 0},
                        {"name": "httpendpoint2", "containerPort": 8081, "hostPort": 0},
                    ],
                )
            ],
        }
    )
    instance = status["instances"][0]
    ports = {
        endpoint["name"]: str(endpoint["allocatedHostPort"]) for endpoint in instance["containers"][0]["endpoints"]
    }
    output = scheduler.output(status, "healthtask1", "\ndone\n")
    found = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    uuid = instance["id"].removeprefix("test-pod.instance-")
    expected = {
        "MESOS_EXECUTOR_ID": f"instance-test-pod.{uuid}",
        "MESOS_TASK_ID": f"test-pod.instance-{uuid}.healthtask1.1",
        "MARATHON_CONTAINER_RESOURCE_CPUS": "0.1",
        "MARATHON_CONTAINER_RESOURCE_MEM": "32.0",
        "MARATHON_CONTAINER_RESOURCE_DISK": "32.0",
        "MARATHON_CONTAINER_RESOURCE_GPUS": "0",
        "MARATHON_APP_ID": "/test-pod",
        "MARATHON_APP_VERSION": status["spec"]["version"],
        "MARATHON_APP_LABELS": "OF_THE_POD",
        "MARATHON_APP_LABEL_OF_THE_POD": "1",
        "MARATHON_CONTAINER_ID": "healthtask1",
        "ENDPOINT_HTTPENDPOINT": "8080",
        "ENDPOINT_HTTPENDPOINT2": "8081",
        "EP_CONTAINER_HTTPENDPOINT": "8080",
        "EP_CONTAINER_HTTPENDPOINT2": "8081",
        "EP_HOST_HTTPENDPOINT": ports["httpendpoint"],
        "EP_HOST_HTTPENDPOINT2": ports["httpendpoint2"],
        "HOST": instance["agentHostname"],
        "BOTH": "container",
        "FROM_POD": "yes",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert {"PATH", "PWD", "MESOS_SANDBOX"} <= found.keys()


def test_artifacts_are_fetched_before_the_container_starts(scheduler: Scheduler, tmp_path: Path) -> None:
    """A file is placed at destPath, executable if requested."""
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\necho fetched and run\n")
    artifact = {"uri": f"file://{script}", "executable": True, "extract": False, "destPath": "bin/run"}
    status = scheduler.run(
        {"id": "/artifact", "containers": [container("runner", "bin/run; exec sleep 100", artifacts=[artifact])]}
    )
    scheduler.output(status, "runner", "fetched and run")


@both_executors
def test_a_launch_that_cannot_work_says_why(scheduler: Scheduler) -> None:
    """The agent's message is in the pod's termination history."""
    scheduler.client.add(
        {
            "id": "/no-image",
            "containers": [container("box", "true", image={"kind": "DOCKER", "id": "no-such-image:1"})],
        }
    )
    history = scheduler.wait(
        "a termination of /no-image", lambda: scheduler.client.status("/no-image").get("terminationHistory")
    )
    assert "no-such-image" in history[0]["message"]


@both_executors
def test_sigterm_reaches_a_container_and_the_grace_period_ends_one_that_ignores_it(scheduler: Scheduler) -> None:
    """The polite container ends at once; the stubborn one is killed after its own grace period.

    They tell of it on stdout: a disk that other tests keep busy may hold a new file back for seconds.
    """
    polite = "trap 'echo asked $(date +%s.%N); exit 0' TERM; echo ready; while true; do sleep 0.1; done"
    stubborn = (
        "trap 'echo asked $(date +%s.%N)' TERM; echo ready; while true; do sleep 0.1; echo alive $(date +%s.%N); done"
    )
    status = scheduler.run(
        {
            "id": "/graceful",
            "containers": [
                container("polite", polite, lifecycle={"killGracePeriodSeconds": 30}),
                container("stubborn", stubborn, lifecycle={"killGracePeriodSeconds": 3}),
            ],
        }
    )
    outputs = {name: scheduler.sandbox(status, name) / "stdout" for name in ("polite", "stubborn")}
    for name in outputs:
        scheduler.output(status, name, "ready")
    started = time.time()
    scheduler.remove("/graceful")
    told = {name: file.read_text() for name, file in outputs.items()}
    executor_log = (outputs["polite"].parents[2] / "stderr").read_text()

    def last(name: str, what: str) -> float:
        times = re.findall(rf"^{what} (\d+\.\d+)\n", told[name], re.MULTILINE)
        assert times, f"{name} never told {what!r}: {told[name]!r}\n--- executor's log:\n{executor_log}"
        return float(times[-1])

    assert 0 <= last("polite", "asked") - started < 10
    assert 2.5 <= last("stubborn", "alive") - last("stubborn", "asked") < 10


@both_executors
def test_every_status_names_the_nested_container(scheduler: Scheduler) -> None:
    """The master's task has the container id and its parent, which tools need to reach the container."""
    status = scheduler.run({"id": "/nested", "containers": [container("only", "exec sleep 100")]})
    task_id = status["instances"][0]["containers"][0]["containerId"]
    tasks = httpx2.get(f"http://{scheduler.cluster.leader().address}/tasks?limit=1000", timeout=5).json()["tasks"]
    (task,) = [each for each in tasks if each["id"] == task_id]
    container_id = task["statuses"][-1]["container_status"]["container_id"]
    assert re.match(r"only-[0-9a-f]{8}$", container_id["value"])
    assert container_id["parent"]["value"]


BIG = {"resources": {"cpus": 0.9, "mem": 32}}


@both_executors
def test_the_end_of_a_big_container_leaves_its_small_siblings_alone(scheduler: Scheduler, tmp_path: Path) -> None:
    """The agent then lowers the pod's CPU quota, and destroys it if the kernel still counts the ended container."""
    tmp_path.chmod(0o777)
    drain = "trap 'sleep 1; touch marks/drained.$MESOS_TASK_ID; exit 0' TERM; touch marks/up.$MESOS_TASK_ID"
    drains = container(
        "drains",
        f"{drain}; while :; do sleep 0.1; done",
        lifecycle={"killGracePeriodSeconds": 60},
        volumeMounts=[{"name": "marks", "mountPath": "marks"}],
    )
    stopped = {
        "id": "/unequal/stopped",
        "scaling": {"kind": "fixed", "instances": 4},
        "volumes": [{"name": "marks", "host": str(tmp_path)}],
        "containers": [container("big", "exec sleep 1000", **BIG), drains],
    }
    ending = {
        "id": "/unequal/ending",
        "scaling": {"kind": "fixed", "instances": 6},
        "containers": [container("big", "sleep 1", **BIG), container("small", "exec sleep 1000")],
    }

    def ended() -> bool:
        instances = scheduler.client.status("/unequal/ending").get("instances", ())
        states = [{each["name"]: each["status"] for each in found.get("containers", ())} for found in instances]
        return states == [{"big": "TASK_FINISHED", "small": "TASK_RUNNING"}] * 6

    for pod in (stopped, ending):
        scheduler.client.add(pod)
    try:
        scheduler.wait("all big containers have ended, and no other", ended)
    except AssertionError as error:
        raise AssertionError(f"{error}\n--- status: {scheduler.client.status('/unequal/ending')}") from None
    assert "terminationHistory" not in scheduler.client.status("/unequal/ending"), "no instance was lost with them"
    up = scheduler.wait("all have begun", lambda: (found := sorted(tmp_path.glob("up.*")))[3:] and found)
    scheduler.remove("/unequal/stopped", "/unequal/ending")
    drained = sorted(file.name.replace("drained", "up") for file in tmp_path.glob("drained.*"))
    assert drained == [file.name for file in up], "each had its grace period, though its sibling ended at once"


def check_results(scheduler: Scheduler, pod_id: str) -> list[dict[str, str]]:
    """Latest results of the checks of the first instance's first container."""
    for instance in scheduler.client.status(pod_id).get("instances", ()):
        for shown in instance.get("containers", ()):
            found: list[dict[str, str]] = shown.get("podexec", {}).get("checks", [])
            return found
    return []


def test_why_a_container_is_not_healthy_is_told_within_the_grace_period(scheduler: Scheduler) -> None:
    """HTTP, TCP and a command, as health checks, readiness check and check."""
    often = {"intervalSeconds": 6, "timeoutSeconds": 5, "delaySeconds": 0}
    complains = "printf 'cannot\\tread \\377\\n' >&2; exit 3"
    web = container(
        "web",
        "mkdir www && cd www && exec busybox httpd -f -p $ENDPOINT_HTTP",
        endpoints=[{"name": "http", "hostPort": 0}, {"name": "closed", "hostPort": 0}],
        healthCheck={"http": {"endpoint": "http", "path": "/wrong"}, **often},
        healthChecks=[{"tcp": {"endpoint": "closed"}, **often}],
        readinessCheck={"exec": {"command": {"shell": "sleep 60"}}, **often, "timeoutSeconds": 1},
        check={"exec": {"command": {"shell": complains}}, **often},
    )
    pod = {"id": "/why", "networks": [{"mode": "host"}], "containers": [web]}
    scheduler.client.add(pod)

    def found() -> dict[str, str] | None:
        results = {each["check"]: each["result"] for each in check_results(scheduler, "/why")}
        return results if len(results) == 4 and results["health check"].endswith("/wrong: 404") else None

    results = scheduler.wait("all checks have found something, and the server has begun", found)
    assert results["health check 2"].endswith("Connection refused")
    assert results["readiness check"] == "the command took longer than 1 s"
    assert results["check"] == "the command exited with 3: cannot read \N{REPLACEMENT CHARACTER}"


def test_what_mesos_tells_of_a_check_is_told_with_its_own_executor(shared_schedulers: Callable[..., Scheduler]) -> None:
    scheduler = shared_schedulers(DEFAULT)
    check = {"exec": {"command": {"shell": "exit 3"}}, "intervalSeconds": 1, "delaySeconds": 0}
    scheduler.client.add({"id": "/told", "containers": [container("main", "exec sleep 1000", check=check)]})
    try:
        shown = scheduler.wait("the result of the check", lambda: check_results(scheduler, "/told"))
        assert shown == [{"check": "check", "passed": False, "result": "the command exited with 3"}]
    finally:
        scheduler.remove("/told")


def test_a_memory_limit_is_one_line_with_the_statistics_as_its_detail(scheduler: Scheduler) -> None:
    hog = f"sleep 1; exec {shlex.quote(sys.executable)} -c 'bytearray(256 << 20)'"
    calm = container("calm", "exec sleep 1000")
    scheduler.client.add({"id": "/hog", "containers": [container("hog", hog), calm]})
    history = scheduler.wait(
        "the pod's end", lambda: scheduler.client.status("/hog").get("terminationHistory"), deadline=90
    )
    ended = {each["containerId"].split(".")[-2]: each for each in history[-1]["containers"]}
    messages = [history[-1]["message"], *(each["termination"]["message"] for each in ended.values())]
    assert [message for message in messages if "\n" in message or "STATISTICS" in message] == []
    assert "Memory limit exceeded" in ended["hog"]["termination"]["message"]
    assert "Memory limit exceeded" in ended["calm"]["termination"]["message"]
    assert "MEMORY STATISTICS" in ended["hog"]["podexec"]["detail"]
    assert "podexec" not in ended["calm"]
