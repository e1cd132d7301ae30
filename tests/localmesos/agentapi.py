"""Containers on an agent without a framework: what Mesos calls standalone containers."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from localmesos import Member

DEADLINE_SECONDS = 30.0


def call(agent: Member, request: dict[str, Any]) -> Any:
    """One call of the agent's operator API, which has to succeed."""
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
    """Start a container; its id."""
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
    """The standalone containers of an agent, by id."""
    answer = call(agent, {"type": "GET_CONTAINERS", "get_containers": {"show_standalone": True}})
    return {one["container_id"]["value"]: one for one in answer["get_containers"].get("containers", [])}


def wait_for_end(agent: Member, container: str) -> Any:
    """What WAIT_CONTAINER says."""
    request = {"type": "WAIT_CONTAINER", "wait_container": {"container_id": {"value": container}}}
    return call(agent, request)["wait_container"]


def eventually(look: Callable[[], Any], what: str) -> Any:
    """The first true answer of `look`; fails at the deadline with what was seen last."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, (
            f"{what} did not happen within {DEADLINE_SECONDS:.0f} s; last seen: {seen!r}"
        )
        time.sleep(0.05)
    return seen
