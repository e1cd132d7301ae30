"""``podexec pod``: add, inspect, change, kill and remove pods."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import render, screen, validate
from scheduler.cli.errors import CommandError
from scheduler.cli.inside import commands as inside
from scheduler.cli.options import (
    DEFAULT_URL,
    BatchSize,
    Deadline,
    Force,
    ForceRemoval,
    Json,
    PodId,
    Timeout,
    Url,
    WaitForEnd,
    Yes,
    option,
)
from scheduler.cli.output import client_of, require_confirmation
from scheduler.core.views.extras import KEY

if TYPE_CHECKING:
    from scheduler.cli.client import Accepted, Client

app = typer.Typer(name="pod", help="Add, inspect, change and remove pods.", no_args_is_help=True)
app.command()(render.render)
app.command()(validate.validate)
app.command()(validate.schema)
inside.add_to(app)

File = Annotated[str, typer.Argument(help="JSON or YAML with one or more pod definitions; - for standard input.")]
Wait = Annotated[bool, option("--wait/--no-wait", "Wait until the deployment is done and all instances are stable.")]


@app.command()
def add(
    file: File,
    wait: Wait = False,
    timeout: Timeout = 300.0,
    force: Force = False,
    batch_size: BatchSize = None,
    deadline: Deadline = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Add pods from a file."""
    from scheduler.cli import definitions
    from scheduler.cli.client import WriteOptions

    how = WriteOptions(force, batch_size, deadline)
    with client_of(url) as client:
        documents = definitions.read(file, client.is_strict)
        accepted = _submit(documents, lambda document: client.add(document, how), "added", as_json)
        if wait:
            _wait(client, accepted, timeout)


@app.command()
def update(
    file: File,
    wait: Wait = False,
    timeout: Timeout = 300.0,
    force: Force = False,
    batch_size: BatchSize = None,
    deadline: Deadline = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Update pods from a file, adding those that do not exist."""
    from scheduler.cli import definitions
    from scheduler.cli.client import WriteOptions

    how = WriteOptions(force, batch_size, deadline)
    with client_of(url) as client:
        documents = definitions.read(file, client.is_strict)
        accepted = _submit(documents, lambda document: client.update(document, how), "updated", as_json)
        if wait:
            _wait(client, accepted, timeout)


@app.command(name="list")
def list_pods(url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """List all pods and their status."""
    with client_of(url) as client:
        statuses = client.statuses()
        info = {} if statuses else client.info()
    if as_json:
        screen.print_json(statuses)
    elif not statuses:
        screen.say("There are no pods. Add one with 'podexec pod add FILE'.")
        for old in info.get(KEY, {}).get("namesakes", ()):
            screen.tell(
                f"Framework {old['id']} has the same name and has running tasks, which are not in this scheduler's "
                "store. If the store was lost, stop the scheduler and restore a backup; the log shows other ways."
            )
    else:
        from scheduler.cli import tables

        screen.show(tables.pods(statuses))


@app.command()
def show(pod_id: PodId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Show a pod's instances and containers, and how its last instances ended."""
    with client_of(url) as client:
        status = client.status(pod_id)
    if as_json:
        screen.print_json(status)
        return
    from scheduler.cli import tables

    screen.show(*tables.pod(status))


@app.command()
def versions(
    pod_id: PodId,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="Print the definition of this version.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List the stored versions of a pod and how many instances run each, or print the definition of one."""
    with client_of(url) as client:
        if version is not None:
            screen.print_json(client.version(pod_id, version))
            return
        kept = client.versions(pod_id)
        status = client.status(pod_id)
    if as_json:
        screen.print_json(kept)
        return
    from scheduler.cli import tables

    screen.show(tables.versions(kept, status))


@app.command()
def kill(
    pod_id: PodId,
    instance_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INSTANCE]...", help="Ids of instances; default: all instances of the pod."),
    ] = None,
    wipe: Annotated[bool, typer.Option("--wipe", help="Destroy and replace the instances and their volumes.")] = False,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Kill instances of a pod.

    They are relaunched; with --wipe they are destroyed together with their volumes and replaced.
    """
    with client_of(url) as client:
        asked = instance_ids or [instance["id"] for instance in client.status(pod_id).get("instances", ())]
        if wipe:
            require_confirmation(
                yes, f"wipe instances of {pod_id}", f"Destroy {len(asked)} instances and their volumes?"
            )
        elif not instance_ids:
            require_confirmation(
                yes, f"kill all instances of {pod_id}", f"Kill all {len(asked)} instances of {pod_id}?"
            )
        killed = client.kill(pod_id, asked, wipe)
    if as_json:
        screen.print_json(killed)
    else:
        for instance in killed:
            screen.say(f"Instance {instance['instanceId']} is being killed.")
    missing = set(asked) - {instance["instanceId"] for instance in killed}
    if missing:
        raise CommandError(f"{pod_id} has no such instances", details=tuple(sorted(missing)))


@app.command()
def remove(
    pod_id: PodId,
    yes: Yes = False,
    wait: WaitForEnd = False,
    timeout: Timeout = 300.0,
    force: ForceRemoval = False,
    deadline: Deadline = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Remove a pod and end its instances."""
    from scheduler.cli.client import WriteOptions

    require_confirmation(yes, f"remove {pod_id}", f"Remove pod {pod_id} and end its instances?")
    with client_of(url) as client:
        accepted = client.remove(pod_id, WriteOptions(force=force, deadline=deadline))
        if as_json:
            screen.print_json({"deploymentId": accepted.deployment_id})
        else:
            screen.say(f"Pod {pod_id} is removed; its instances are ending (deployment {accepted.deployment_id}).")
        if wait:
            from scheduler.cli import waiting

            waiting.for_end(client, accepted.deployment_id, timeout)


def _submit(documents: list[Any], change: Callable[[Any], "Accepted"], done: str, as_json: bool) -> list["Accepted"]:
    """Send every definition; returns the accepted changes."""
    all_accepted = []
    for document in documents:
        accepted = change(document)
        all_accepted.append(accepted)
        if accepted.warning:
            screen.tell(f"warning: {accepted.warning}")
        if as_json:
            screen.print_json(accepted.pod)
        else:
            pod_id = accepted.pod["id"]
            screen.say(f"Pod {pod_id} is {done} (deployment {accepted.deployment_id}).")
            screen.tell(f"To see it: podexec pod show {pod_id}")
    return all_accepted


def _wait(client: "Client", all_accepted: list["Accepted"], timeout: float) -> None:
    from scheduler.cli import waiting

    for accepted in all_accepted:
        waiting.for_pod(client, accepted.pod["id"], accepted.pod["version"], accepted.deployment_id, timeout)
