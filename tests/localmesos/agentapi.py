"""Calls for Mesos' standalone containers, which need no framework."""

from __future__ import annotations

import base64
import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from localmesos import Member

DEADLINE_SECONDS = 30.0


def call(agent: Member, request: dict[str, Any]) -> Any:
    """Send a call to the agent's operator API, which must succeed."""
    host, _, port = agent.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=DEADLINE_SECONDS)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    try:
        connection.request("POST", "/api/v1", json.dumps(request), headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    assert response.status == 200, f"{request['type']} was answered with {response.status}: {body.decode()}"
    return json.loads(body) if body else None


def launch(agent: Member, command: str, **more: Any) -> str:
    """Start a container, and return its id."""
    container = f"test-{uuid.uuid4()}"
    resources = [
        {"name": name, "type": "SCALAR", "scalar": {"value": value}} for name, value in (("cpus", 0.1), ("mem", 32))
    ]
    request = {
        "container_id": {"value": container},
        "command": {"shell": True, "value": command},
        "resources": resources,
        **more,
    }
    call(agent, {"type": "LAUNCH_CONTAINER", "launch_container": request})
    return container


def containers(agent: Member) -> dict[str, Any]:
    """Standalone containers of an agent, by id."""
    answer = call(agent, {"type": "GET_CONTAINERS", "get_containers": {"show_standalone": True}})
    return {one["container_id"]["value"]: one for one in answer.get("get_containers", {}).get("containers", [])}


def executor_container(agent: Member) -> dict[str, Any]:
    """Container id of the first executor on an agent; empty while there is none."""
    answer = call(agent, {"type": "GET_CONTAINERS"})
    running = [
        one
        for one in answer.get("get_containers", {}).get("containers", [])  # absent if it would be empty
        if "executor_pid" in one.get("container_status", {})
    ]
    found: dict[str, Any] = running[0]["container_id"] if running else {}
    return found


@contextmanager
def session(agent: Member, parent: dict[str, Any], command: str) -> Iterator[Iterator[str]]:
    """Run a command in a container, and yield its output in pieces."""
    connection = http.client.HTTPConnection(agent.host, int(agent.address.rpartition(":")[2]), timeout=DEADLINE_SECONDS)
    container = {"value": f"session-{uuid.uuid4()}", "parent": parent}
    request = {"container_id": container, "command": {"shell": True, "value": command}, "container": {"type": "MESOS"}}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/recordio",
        "Message-Accept": "application/json",
    }
    call_type = "LAUNCH_NESTED_CONTAINER_SESSION"
    connection.request("POST", "/api/v1", json.dumps({"type": call_type, call_type.lower(): request}), headers)
    stream = connection.getresponse()
    try:
        assert stream.status == 200, f"{call_type} was answered with {stream.status}: {stream.read().decode()}"
        yield output(stream)
    finally:
        stream.close()
        connection.close()


def output(stream: http.client.HTTPResponse) -> Iterator[str]:
    """Texts in a stream of PROCESS_IO records."""
    while length := stream.readline():
        record = json.loads(stream.read(int(length)))
        if "data" in record:
            yield base64.b64decode(record["data"]["data"]).decode()


def wait_for_end(agent: Member, container: str) -> Any:
    """The answer to WAIT_CONTAINER."""
    request = {"type": "WAIT_CONTAINER", "wait_container": {"container_id": {"value": container}}}
    return call(agent, request)["wait_container"]


def eventually(look: Callable[[], Any], what: str) -> Any:
    """The first true result of `look`; fails at the deadline with the last result."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, (
            f"{what} did not happen within {DEADLINE_SECONDS:.0f} s; last seen: {seen!r}"
        )
        time.sleep(0.05)
    return seen
