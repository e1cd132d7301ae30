"""Says in words what a pod is doing, and why it is not stable, from what the API shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scheduler.cli import tables, waiting
from scheduler.cli.client import ChangeRefusedError, Client
from scheduler.core.views.extras import KEY
from scheduler.observe.visible import visible

Json = dict[str, Any]

_MOST_ENDINGS = 3
_NOT_FOUND = 404


def explain(client: Client, pod_id: str) -> str:
    """One line with the pod's status, and one for each thing that keeps it from being stable."""
    try:
        status = client.status(pod_id)
    except ChangeRefusedError as error:
        if error.status == _NOT_FOUND:
            return f"there is no pod {pod_id}"
        raise
    lines = [f"{pod_id} is {status['status']}, {tables.counts(status)} instances stable", *_reasons(client, status)]
    return "\n  ".join(visible(line) for line in lines)


def _reasons(client: Client, status: Json) -> Iterator[str]:
    yield from tables.on_hold(status)
    for instance in status.get("instances", ()):
        for container in instance.get("containers", ()):
            message = f": {container['message']}" if container.get("message") else ""
            yield f"{instance['id']} {container['name']}: {container['status']}{message}"
    yield from tables.failing(status)
    for ending in status.get("terminationHistory", ())[:_MOST_ENDINGS]:
        yield f"{ending['instanceID']} ended: {waiting.cause(ending)}"
    for entry in client.queue():
        if entry["pod"]["id"] == status["id"]:
            yield from _waiting(entry)


def _waiting(entry: Json) -> Iterator[str]:
    """Why instances wait to be launched."""
    delay = entry["delay"]["timeLeftSeconds"]
    retry = f", retried in {delay} s" if delay else ""
    yield f"{entry['count']} waiting to be launched{retry}"
    yield from (tables.reason(each) for each in entry.get(KEY, {}).get("nearest", ()))
