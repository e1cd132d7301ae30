"""The live table of `podexec up`; where the output is no terminal, a line for each change instead."""

import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from scheduler.cli.client import Client
from scheduler.cli.errors import CommandError

_REFRESH_SECONDS = 0.5
_COLOURS = {"STABLE": "green", "DEGRADED": "red", "TERMINAL": "red", "STAGING": "yellow", "PENDING": "yellow"}


def watch(client: Client) -> None:
    """Show all pods until the user interrupts."""
    console = Console(highlight=False)
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for statuses, trouble in _polls(client):
                live.update(table(statuses, trouble), refresh=True)
    else:
        last: dict[str, str] = {}
        for statuses, trouble in _polls(client):
            present = {each["id"]: each["status"] for each in statuses} if not trouble else {"": trouble}
            for pod_id in [key for key, value in present.items() if last.get(key) != value]:
                print(pod_id, present[pod_id], flush=True)  # noqa: T201 - this is the command's output
            last = present


def _polls(client: Client) -> Iterator[tuple[list[dict[str, Any]], str]]:
    """Every pod's status, again and again; and what kept it from being read."""
    statuses: list[dict[str, Any]] = []
    while True:
        trouble = ""
        try:
            statuses = client.statuses()
        except CommandError as error:
            trouble = str(error)
        yield statuses, trouble
        time.sleep(_REFRESH_SECONDS)


def table(statuses: list[dict[str, Any]], trouble: str) -> Table:
    """One row an instance."""
    shown = Table(
        box=None, header_style="bold", caption=trouble or "Ctrl-C takes everything down", caption_justify="left"
    )
    for column in ("POD", "INSTANCE", "STATUS", "CONTAINERS", "AGENT", "ENDPOINTS"):
        shown.add_column(column, overflow="fold")
    for pod in statuses:
        instances = pod.get("instances", ())
        if not instances:
            shown.add_row(pod["id"], "-", _coloured(pod["status"]), "", "", "")
        for instance in instances:
            shown.add_row(
                pod["id"],
                instance["id"].rpartition("instance-")[2][:8],
                _coloured(instance["status"]),
                " ".join(_container(each) for each in instance.get("containers", ())),
                instance.get("agentHostname", "-"),
                " ".join(_endpoints(instance)),
            )
    return shown


def _coloured(status: str) -> str:
    return f"[{_COLOURS.get(status, 'white')}]{status}[/]"


def _container(container: dict[str, Any]) -> str:
    return f"{container['name']}:{container['status'].removeprefix('TASK_').lower()}"


def _endpoints(instance: dict[str, Any]) -> Iterator[str]:
    for container in instance.get("containers", ()):
        for endpoint in container.get("endpoints", ()):
            if "allocatedHostPort" in endpoint:
                yield f"{endpoint['name']}={instance['agentHostname']}:{endpoint['allocatedHostPort']}"
