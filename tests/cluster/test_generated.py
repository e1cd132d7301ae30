"""Generated valid definitions are accepted and run by a real Mesos; one example is tested in full."""

from typing import Any

import httpx2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from localmesos.images.busybox import make_busybox_image
from tests.cluster.support import Json, Scheduler
from tests.model.strategies import definitions

AT_ONCE = 5
CHECKS = {"check", "healthCheck", "healthChecks", "readinessCheck"}

# The worked example of Marathon's behaviour, but for one word: Mesos mounts at an absolute path of a container without
# image only where the agent has that folder, and every agent has /mnt.
WORKED_EXAMPLE: Json = {
    "id": "/product/frontend",
    "labels": {"team": "a b"},
    "environment": {"MODE": "prod"},
    "networks": [{"mode": "container", "name": "dcos"}],
    "containers": [
        {
            "name": "web",
            "resources": {"cpus": 0.5, "mem": 64},
            "image": {"kind": "DOCKER", "id": "nginx:1"},
            "endpoints": [
                {
                    "name": "http-main",
                    "containerPort": 80,
                    "hostPort": 0,
                    "protocol": ["tcp"],
                    "labels": {"VIP_0": "/f:80"},
                }
            ],
            "healthCheck": {"http": {"endpoint": "http-main", "path": "/"}},
            "volumeMounts": [{"name": "scratch", "mountPath": "data"}],
            "environment": {"MODE": "web"},
        },
        {
            "name": "side",
            "resources": {"cpus": 0.1, "mem": 32},
            "exec": {"command": {"argv": ["sleep", "100"]}},
            "volumeMounts": [{"name": "scratch", "mountPath": "/mnt", "readOnly": True}],
        },
    ],
    "volumes": [{"name": "scratch"}],
    "scaling": {"kind": "fixed", "instances": 2},
}


@settings(
    max_examples=3,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a smaller one that fails too would take minutes to find
    suppress_health_check=list(HealthCheck),
)
@given(drawn=st.lists(definitions(), min_size=AT_ONCE, max_size=AT_ONCE))
def test_valid_definitions_run_on_real_mesos(scheduler: Scheduler, drawn: list[dict[str, Any]]) -> None:
    """Accepted and launched at the first attempt: no task ended in between, none with TASK_ERROR."""
    pods = [definition | {"id": f"/generated/p{number}"} for number, definition in enumerate(drawn)]
    try:
        for pod in pods:
            answer = httpx2.post(f"{scheduler.client.url}/v2/pods", json=pod, timeout=10)
            assert answer.status_code == 201, f"{answer.text}\n{pod}"
        for pod in pods:
            status = _running(scheduler, pod)
            assert "terminationHistory" not in status, f"{status['terminationHistory']}\n{pod}"
            # The checks of these definitions start after an hour; until then a pod is not stable.
            checked = any(CHECKS & each.keys() for each in pod["containers"])
            assert status["status"] == ("DEGRADED" if checked else "STABLE"), f"{status}\n{pod}"
    finally:
        scheduler.remove_all()


def _running(scheduler: Scheduler, pod: Json) -> Json:
    """The pod's status once all its containers run, or once an instance has ended."""

    def probe() -> Json | None:
        status = scheduler.client.status(pod["id"])
        containers = [each for instance in status.get("instances", ()) for each in instance.get("containers", ())]
        running = len(containers) == len(pod["containers"]) and {each["status"] for each in containers} == {
            "TASK_RUNNING"
        }
        return status if running or "terminationHistory" in status else None

    return scheduler.wait(f"{pod} runs", probe)


def test_the_worked_example(scheduler: Scheduler) -> None:
    """Two instances become healthy, serve the page of the image's own command, and see what the example lists."""
    make_busybox_image(
        scheduler.cluster.images_dir,
        "nginx:1",
        cmd=("sh", "-c", "env; touch $MESOS_SANDBOX/data/written && echo told; exec httpd -f -p 80 -h /www"),
        files={"www/index.html": "served by the image\n"},
    )
    stored = httpx2.post(f"{scheduler.client.url}/v2/pods", json=WORKED_EXAMPLE, timeout=10).json()
    web, side = stored["containers"]
    assert stored["role"] == "*"
    assert web["resources"] == {"cpus": 0.5, "mem": 64, "disk": 0, "gpus": 0}
    assert web["volumeMounts"][0]["readOnly"] is False
    assert side["volumeMounts"][0]["readOnly"] is True
    assert web["healthCheck"]["delaySeconds"] == 15
    status = scheduler.stable("/product/frontend")
    assert len(status["instances"]) == 2
    for instance in status["instances"]:
        port = instance["containers"][0]["endpoints"][0]["allocatedHostPort"]
        assert httpx2.get(f"http://{instance['agentHostname']}:{port}/", timeout=5).text == "served by the image\n"
        uuid = instance["id"].removeprefix("product_frontend.instance-")
        variables = scheduler.output({"instances": [instance]}, "web", "told").splitlines()
        expected = {
            "MODE=web",
            f"HOST={instance['agentHostname']}",
            f"MESOS_TASK_ID=product_frontend.instance-{uuid}.web.1",
            f"MESOS_EXECUTOR_ID=instance-product_frontend.{uuid}",
            "MARATHON_APP_ID=/product/frontend",
            f"MARATHON_APP_VERSION={stored['version']}",
            "MARATHON_CONTAINER_ID=web",
            "MARATHON_APP_ENFORCE_GROUP_ROLE=FALSE",
            "MARATHON_CONTAINER_RESOURCE_CPUS=0.5",
            "MARATHON_CONTAINER_RESOURCE_MEM=64.0",
            "MARATHON_CONTAINER_RESOURCE_DISK=0.0",
            "MARATHON_CONTAINER_RESOURCE_GPUS=0",
            "MARATHON_APP_LABELS=TEAM",
            "MARATHON_APP_LABEL_TEAM=a b",
            "ENDPOINT_HTTP_MAIN=80",
            f"EP_HOST_HTTP_MAIN={port}",
            "EP_CONTAINER_HTTP_MAIN=80",
        }
        assert expected <= set(variables), sorted(expected - set(variables))
