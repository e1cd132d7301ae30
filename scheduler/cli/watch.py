"""The live table of `podexec up`; if the output is not a terminal, a line for each change."""

import time
from collections.abc import Iterator

from scheduler.cli import screen
from scheduler.cli.client import Client
from scheduler.cli.errors import CommandError
from scheduler.cli.tables import word
from scheduler.model.json import Json

_REFRESH_SECONDS = 0.5
_COLUMNS = ("POD", "INSTANCE", "STATUS", "CONTAINERS", "AGENT", "ENDPOINTS")


def watch(client: Client) -> None:
    """Show all pods until interrupted."""
    if screen.is_terminal():
        screen.redraw([table(statuses, trouble)] for statuses, trouble in _polls(client))
    last: dict[str, str] = {}
    for statuses, trouble in _polls(client):
        current = {each["id"]: each["status"] for each in statuses} if not trouble else {"": trouble}
        for pod_id in [key for key, value in current.items() if last.get(key) != value]:
            screen.say(f"{pod_id} {current[pod_id]}")
        last = current


def _polls(client: Client) -> Iterator[tuple[list[Json], str]]:
    """The status of every pod, repeatedly, with the error if it could not be read."""
    statuses: list[Json] = []
    while True:
        trouble = ""
        try:
            statuses = client.statuses()
        except CommandError as error:
            trouble = str(error)
        yield statuses, trouble
        time.sleep(_REFRESH_SECONDS)


def table(statuses: list[Json], trouble: str) -> screen.Grid:
    """One row for each instance."""
    shown = screen.Grid(_COLUMNS, note=trouble or "Ctrl-C takes everything down", ruled=False)
    for pod in statuses:
        instances = pod.get("instances", ())
        if not instances:
            shown.add(pod["id"], "-", word(pod["status"]), "", "", "")
        for instance in instances:
            shown.add(
                pod["id"],
                instance["id"].rpartition("instance-")[2][:8],
                word(instance["status"]),
                " ".join(_container(each) for each in instance.get("containers", ())),
                instance.get("agentHostname", "-"),
                " ".join(_endpoints(instance)),
            )
    return shown


def _container(container: Json) -> str:
    return f"{container['name']}:{container['status'].removeprefix('TASK_').lower()}"


def _endpoints(instance: Json) -> Iterator[str]:
    for container in instance.get("containers", ()):
        for endpoint in container.get("endpoints", ()):
            if "allocatedHostPort" in endpoint:
                yield f"{endpoint['name']}={instance['agentHostname']}:{endpoint['allocatedHostPort']}"
