"""What people read: tables and lines about pods. Colours only on a terminal, and not with NO_COLOR."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scheduler.model.json import Json

_COLOURS = {"STABLE": "green", "DEGRADED": "red", "TERMINAL": "dim", "STAGING": "yellow", "PENDING": "yellow"}
_ENDED = ("TASK_FAILED", "TASK_ERROR", "TASK_GONE", "TASK_DROPPED")


def console() -> Console:
    """Standard output. As wide as the terminal, or as its lines need where there is none."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=200)


def pods(statuses: list[Json]) -> Table:
    """One row for each pod."""
    table = _table("POD", "STATUS", "INSTANCES", "CONTAINERS", "VERSION", "SINCE")
    for status in sorted(statuses, key=lambda status: str(status["id"])):
        names = ", ".join(container["name"] for container in status["spec"]["containers"])
        since = status["statusSince"]
        table.add_row(status["id"], _word(status["status"]), counts(status), names, status["spec"]["version"], since)
    return table


def counts(status: Json) -> str:
    """How many instances are stable, of how many that are wanted."""
    stable = sum(instance["status"] == "STABLE" for instance in status.get("instances", ()))
    return f"{stable}/{status['spec']['scaling']['instances']}"


def pod(status: Json) -> Iterator[Table | Text | str]:
    """One pod with its instances, their containers, and how the last ones ended."""
    yield Text.assemble(status["id"], "  ", _word(status["status"]), f"  {counts(status)} instances stable")
    yield f"version {status['spec']['version']}, role {status['spec']['role']}"
    if status.get("instances"):
        yield _instances(status)
    else:
        yield "No instance is launched yet."
    if status.get("terminationHistory"):
        yield _endings(status)


def _instances(status: Json) -> Table:
    table = _table("INSTANCE", "CONTAINER", "STATUS", "WHERE", "ENDPOINTS", "SINCE", "MESSAGE")
    for instance in status["instances"]:
        where = instance.get("agentHostname", "-")
        message = instance.get("message", "")
        table.add_row(instance["id"], "", _word(instance["status"]), where, "", instance["statusSince"], message)
        for container in instance.get("containers", ()):
            table.add_row(
                "",
                container["name"],
                _word(container["status"]),
                _addresses(instance),
                _endpoints(container),
                container["statusSince"],
                container.get("message", ""),
            )
    return table


def _addresses(instance: Json) -> str:
    return ", ".join(address for network in instance.get("networks", ()) for address in network.get("addresses", ()))


def _endpoints(container: Json) -> str:
    told = []
    for endpoint in container.get("endpoints", ()):
        port = f":{endpoint['allocatedHostPort']}" if "allocatedHostPort" in endpoint else ""
        health = {True: " healthy", False: " unhealthy", None: ""}[endpoint.get("healthy")]
        told.append(f"{endpoint['name']}{port}{health}")
    return ", ".join(told)


def _endings(status: Json) -> Table:
    table = _table("ENDED", "CONTAINER", "HOW", "MESSAGE", title="How the last instances ended")
    for ending in status["terminationHistory"]:
        table.add_row(ending["terminatedAt"], "", "", ending.get("message", ""))
        for container in ending.get("containers", ()):
            message = container.get("termination", {}).get("message", "")
            table.add_row("", container["containerId"], _word(container["lastKnownState"]), message)
    return table


def _word(status: str) -> Text:
    colour = "red" if status in _ENDED else _COLOURS.get(status, "")
    return Text(status, style=colour)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
