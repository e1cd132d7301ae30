"""Accepted definitions can start: those just within each limit run on a real Mesos at the first attempt."""

from typing import Any

import httpx2

from scheduler.model.sizes import LARGEST_LAUNCH
from tests.cluster.support import Json, Scheduler, container

ROOM = LARGEST_LAUNCH - 5_000  # for what podexec adds
IMAGE = {"kind": "DOCKER", "id": "busybox:1.35"}


def _mounting(*paths: str, **more: Any) -> Json:
    mounts = [{"name": f"v{index}", "mountPath": path} for index, path in enumerate(paths)]
    only = container("only", "exec sleep 1000", volumeMounts=mounts, **more)
    return {"containers": [only], "volumes": [{"name": f"v{index}"} for index in range(len(paths))]}


def _large(**more: Any) -> Json:
    resources = {"cpus": 0.1, "mem": 128}
    return {"containers": [container("only", "exec sleep 1000", **{"resources": resources, **more})]}


ACCEPTED: dict[str, Json] = {
    "line": _large(exec={"command": {"shell": "exec sleep 1000 #" + "x" * ROOM}}),
    "image-variable": _large(environment={"A": "x" * ROOM}, image=IMAGE),
    "escaped-variable": _large(environment={"A": "\n" * (ROOM // 2)}),
    "variables": _large(environment={f"A{number}": "" for number in range(2_500)}),
    "paths": _mounting("a/../b", "c//d/", "c/d/e", "x" * 255, "stdout2"),
    "image-paths": _mounting("/a", "/a/b", "/mnt/mesos/sandbox/c", image=IMAGE),
    "artifacts": {
        "containers": [
            container(
                "only",
                "test -e a:b,c && test -e stdout && exec sleep 1000",
                artifacts=[
                    {"uri": "file://localhost/etc/passwd", "destPath": path} for path in ("a:b,c", "d/e", "v/x")
                ],
                volumeMounts=[{"name": "v", "mountPath": "v"}],
            )
        ],
        "volumes": [{"name": "v"}],
    },
    "system-folders": {
        "containers": [
            container("fills", "cp -r /etc/. v", volumeMounts=[{"name": "v", "mountPath": "v"}], essential=False),
            container(
                "only",
                "exec sleep 1000",
                volumeMounts=[{"name": "v", "mountPath": "/etc"}, {"name": "proc", "mountPath": "/proc"}],
                dependsOn=[{"container": "fills", "condition": "succeeded"}],
            ),
        ],
        "volumes": [{"name": "v"}, {"name": "proc", "host": "/proc"}],
    },
    "system-folders-of-an-image": _mounting("/dev", "/sys", "/etc", image=IMAGE),
    "protocol": {
        "containers": [
            container(
                "only",
                "exec sleep 1000",
                endpoints=[{"name": "http", "containerPort": 80, "hostPort": 0, "protocol": ["HTTP"]}],
            )
        ],
        "networks": [{"mode": "container/bridge"}],
    },
}


def test_what_is_accepted_starts(scheduler: Scheduler) -> None:
    try:
        for name, pod in ACCEPTED.items():
            answer = httpx2.post(f"{scheduler.client.url}/v2/pods", json={"id": f"/limits/{name}", **pod}, timeout=20)
            assert answer.status_code == 201, answer.text
        for name in ACCEPTED:
            assert "terminationHistory" not in scheduler.stable(f"/limits/{name}"), name
    finally:
        scheduler.remove_all()
