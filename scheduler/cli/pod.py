"""``podexec pod``: add, list, show and remove pods through the scheduler's API."""

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import render, validate
from scheduler.cli.errors import CommandError
from scheduler.cli.options import DEFAULT_URL, Json, Url, option

if TYPE_CHECKING:
    from scheduler.cli.client import Accepted, Client

app = typer.Typer(name="pod", help="Add, look at and remove pods.", no_args_is_help=True)
app.command()(render.render)
app.command()(validate.validate)
app.command()(validate.schema)

_POLL = 0.5

File = Annotated[str, typer.Argument(help="JSON or YAML with one or more pod definitions; - is standard input.")]
PodId = Annotated[str, typer.Argument(metavar="ID", help="The pod's id, with or without the first slash.")]
Wait = Annotated[bool, option("--wait/--no-wait", "Return when all instances are stable.")]
Timeout = Annotated[float, option("--timeout", "How long to wait, in seconds.", min=0)]


@app.command()
def add(
    file: File, wait: Wait = False, timeout: Timeout = 300.0, url: Url = DEFAULT_URL, as_json: Json = False
) -> None:
    """Add pods from a file."""
    with _client(url) as client:
        pod_ids = _submit(file, client.add, "added", as_json)
        if wait:
            _wait(client, pod_ids, timeout)


@app.command()
def update(
    file: File, wait: Wait = False, timeout: Timeout = 300.0, url: Url = DEFAULT_URL, as_json: Json = False
) -> None:
    """Change pods, or add those that do not exist, to be as a file says."""
    with _client(url) as client:
        pod_ids = _submit(file, client.update, "updated", as_json)
        if wait:
            _wait(client, pod_ids, timeout)


@app.command(name="list")
def list_pods(url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """List the pods with their state."""
    with _client(url) as client:
        statuses = client.statuses()
    if as_json:
        _print_json(statuses)
    elif not statuses:
        typer.echo("There are no pods. Add one with 'podexec pod add FILE'.")
    else:
        from scheduler.cli import tables

        tables.console().print(tables.pods(statuses))


@app.command()
def show(
    pod_id: PodId,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show a pod: its instances, their containers, and how the last ones ended."""
    with _client(url) as client:
        status = client.status(pod_id)
    if as_json:
        _print_json(status)
        return
    from scheduler.cli import tables

    tables.console().print(*tables.pod(status), sep="\n")


@app.command()
def remove(
    pod_id: PodId,
    yes: Annotated[bool, option("--yes", "Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Remove a pod and end its instances."""
    if not yes:
        if not sys.stdin.isatty():
            raise CommandError(f"will not remove {pod_id} without being sure", advice="Give --yes.", code=2)
        typer.confirm(f"Remove pod {pod_id} and end its instances?", abort=True, err=True)
    with _client(url) as client:
        accepted = client.remove(pod_id)
    if as_json:
        _print_json({"deploymentId": accepted.deployment_id})
    else:
        typer.echo(f"Pod {pod_id} is removed; its instances are ending (deployment {accepted.deployment_id}).")


def _client(url: str) -> "Client":
    from scheduler.cli.client import Client

    return Client(url)


def _submit(file: str, change: Callable[[Any], "Accepted"], done: str, as_json: bool) -> list[str]:
    """Send every definition of a file; gives the ids of the pods."""
    from scheduler.cli import definitions

    pod_ids = []
    for document in definitions.read(file):
        accepted = change(document)
        pod_id = accepted.pod["id"]
        pod_ids.append(pod_id)
        if as_json:
            _print_json(accepted.pod)
        else:
            typer.echo(f"Pod {pod_id} is {done} (deployment {accepted.deployment_id}).")
            typer.echo(f"See it with: podexec pod show {pod_id}", err=True)
    return pod_ids


def _wait(client: "Client", pod_ids: list[str], timeout: float) -> None:
    """Return when the pods are stable; tell on standard error what changes until then."""
    deadline = time.monotonic() + timeout
    for pod_id in pod_ids:
        told = ""
        while (status := client.status(pod_id))["status"] != "STABLE":
            now = _progress(status)
            if now != told:
                typer.echo(now, err=True)
                told = now
            if time.monotonic() + _POLL > deadline:
                raise CommandError(f"gave up waiting for {now}", advice=f"It goes on: podexec pod show {pod_id}")
            time.sleep(_POLL)
        typer.echo(_progress(status), err=True)


def _progress(status: dict[str, Any]) -> str:
    """One line: how far a pod is, and why not further if that is known."""
    from scheduler.cli import tables

    line = f"{status['id']}: {status['status']}, {tables.counts(status)} instances stable"
    causes = [ending["message"] for ending in status.get("terminationHistory", ()) if "message" in ending]
    return f"{line} (the last ended: {causes[0]})" if causes else line


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))
