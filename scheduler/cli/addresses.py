"""``podexec pod endpoints``: where the endpoints of a pod can be reached."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scheduler.cli.look import TABLE, Look, Output, View, Watch, look_of, show
from scheduler.cli.options import DEFAULT_URL, Json, PodId, Url
from scheduler.cli.screen import Grid, Word
from scheduler.model.json import Json as Document

if TYPE_CHECKING:
    from scheduler.cli.client import Client

_HEALTH = {True: Word("healthy", "green"), False: Word("unhealthy", "red")}


def endpoints(
    pod_id: PodId, form: Output = TABLE, watch: Watch = False, url: Url = DEFAULT_URL, as_json: Json = False
) -> None:
    """List the endpoints of a pod's instances with their addresses; with -o name, only the addresses."""

    def fetch(client: "Client") -> View:
        status = client.status(pod_id)
        found = list(_endpoints(status))
        names = [each["address"] for each in found if each["address"]]
        return View(found, names, lambda look: [_table(found, look) if found else f"{status['id']} has no endpoints."])

    show(url, look_of(form, as_json), fetch, watch=watch)


def _endpoints(status: Document) -> Iterator[Document]:
    ports = {
        (container["name"], endpoint["name"]): endpoint.get("containerPort")
        for container in status["spec"]["containers"]
        for endpoint in container.get("endpoints", ())
    }
    for instance in status.get("instances", ()):
        for container in instance.get("containers", ()):
            for endpoint in container.get("endpoints", ()):
                port = ports.get((container["name"], endpoint["name"]))
                yield {
                    "instance": instance["id"],
                    "container": container["name"],
                    "name": endpoint["name"],
                    "address": _address(instance, endpoint, port),
                    "healthy": endpoint.get("healthy"),
                }


def _address(instance: Document, endpoint: Document, container_port: int | None) -> str:
    """On the agent if a port of it is allocated, otherwise on the container's network; empty if there is none yet."""
    own = [each for network in instance.get("networks", ()) for each in network.get("addresses", ())]
    if "allocatedHostPort" in endpoint:
        host, port = instance.get("agentHostname", ""), endpoint["allocatedHostPort"]
    else:
        host, port = (own[0] if own else ""), container_port
    if not host or port is None:
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _table(found: list[Document], look: Look) -> Grid:
    shown = look.ids(each["instance"] for each in found)
    table = Grid(("INSTANCE", "CONTAINER", "ENDPOINT", "ADDRESS", "HEALTH"))
    for each in found:
        health = _HEALTH.get(each["healthy"], "")
        table.add(shown[each["instance"]], each["container"], each["name"], each["address"], health)
    return table
