"""The smallest framework there is: takes one offer and launches one executor, which never registers.

Such an executor runs for --executor_registration_timeout (a minute): enough to look at what Mesos puts
around a process that a framework launches, such as its network, which containers without a framework do not get.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TIMEOUT_SECONDS = 30.0
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def events(stream: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """Records of a subscription: a length, a newline, and that many bytes."""
    while length := stream.readline():
        yield json.loads(stream.read(int(length)))


@contextmanager
def executor(master: str, command: str | None, container: dict[str, Any]) -> Iterator[None]:
    """A process in a container of its own, launched by a framework that ends with the context.

    Without a command it is the agent's default executor.
    """
    host, _, port = master.rpartition(":")
    subscription = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_SECONDS)
    framework = {"user": "root", "name": "test", "roles": ["*"], "capabilities": [{"type": "MULTI_ROLE"}]}
    request = {"type": "SUBSCRIBE", "subscribe": {"framework_info": framework}}
    subscription.request("POST", "/api/v1/scheduler", json.dumps(request), HEADERS)
    stream = subscription.getresponse()
    assert stream.status == 200, stream.read()
    heard = events(stream)
    try:
        framework_id = next(e for e in heard if e["type"] == "SUBSCRIBED")["subscribed"]["framework_id"]
        offer = next(e for e in heard if e["type"] == "OFFERS")["offers"]["offers"][0]
        operation = launch(task(framework_id, offer, command, container))
        accept = {"offer_ids": [offer["id"]], "operations": [operation]}
        call = {"type": "ACCEPT", "framework_id": framework_id, "accept": accept}
        answer = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_SECONDS)
        answer.request(
            "POST",
            "/api/v1/scheduler",
            json.dumps(call),
            {**HEADERS, "Mesos-Stream-Id": stream.headers["Mesos-Stream-Id"]},
        )
        assert answer.getresponse().status == 202
        answer.close()
        yield
    finally:
        stream.close()
        subscription.close()


def launch(info: dict[str, Any]) -> dict[str, Any]:
    """The operation that launches a task: default executors accept only groups."""
    if info["executor"]["type"] == "CUSTOM":
        return {"type": "LAUNCH", "launch": {"task_infos": [info]}}
    group = {"executor": info.pop("executor"), "task_group": {"tasks": [info]}}
    return {"type": "LAUNCH_GROUP", "launch_group": group}


def task(framework_id: Any, offer: Any, command: str | None, container: dict[str, Any]) -> dict[str, Any]:
    """A task, which is needed to start its executor."""
    resources = [
        {"name": name, "type": "SCALAR", "scalar": {"value": value}}
        for name, value in (("cpus", 0.1), ("mem", 32), ("disk", 1))
    ]
    kind = {"type": "DEFAULT"} if command is None else {"type": "CUSTOM", "command": {"shell": True, "value": command}}
    return {
        "name": "test",
        "task_id": {"value": "test"},
        "agent_id": offer["agent_id"],
        "resources": resources,
        "executor": {
            **kind,
            "executor_id": {"value": "test"},
            "framework_id": framework_id,
            "container": container,
            "resources": resources,
        },
    }
