"""``podexec pod``: add, inspect, change, kill and remove pods."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import (
    addresses,
    awaiting,
    completion,
    explain,
    plan,
    render,
    scaling,
    screen,
    story,
    template,
    validate,
    why,
)
from scheduler.cli.errors import CommandError
from scheduler.cli.inside import commands as inside
from scheduler.cli.look import TABLE, Output, Utc, View, Watch, look_of, print_value
from scheduler.cli.look import show as show_view
from scheduler.cli.options import (
    DEFAULT_URL,
    BatchSize,
    Deadline,
    Force,
    ForceRemoval,
    IfVersion,
    Json,
    PodId,
    Timeout,
    Url,
    Wait,
    WaitForEnd,
    Yes,
)
from scheduler.cli.output import client_of, require_confirmation
from scheduler.cli.short_ids import resolved
from scheduler.cli.variables import Var, Variables
from scheduler.core.views.extras import KEY

if TYPE_CHECKING:
    from scheduler.cli.client import Accepted, Client

app = typer.Typer(name="pod", help="Add, inspect, change and remove pods.", no_args_is_help=True)
app.command()(render.render)
app.command()(validate.validate)
app.command()(validate.schema)
app.command()(explain.explain)
app.command()(template.init)
inside.add_to(app)
plan.add_to(app)
scaling.add_to(app)
app.command()(awaiting.wait)
story.add_to(app)
app.command()(addresses.endpoints)
why.add_to(app)

File = Annotated[str, typer.Argument(help="JSON or YAML with one or more pod definitions; - for standard input.")]


@app.command()
def add(
    file: File,
    var: Var = None,
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

    how, variables = WriteOptions(force, batch_size, deadline), Variables(var)
    with client_of(url) as client:
        documents = definitions.read(file, client.is_strict, variables)
        variables.require_used()
        accepted = _submit(documents, lambda document: client.add(document, how), "added", as_json)
        if wait:
            _wait(client, accepted, timeout)


@app.command()
def update(
    file: File,
    var: Var = None,
    wait: Wait = False,
    timeout: Timeout = 300.0,
    force: Force = False,
    batch_size: BatchSize = None,
    deadline: Deadline = None,
    if_version: IfVersion = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Update pods from a file, adding those that do not exist."""
    from scheduler.cli import definitions
    from scheduler.cli.client import WriteOptions

    how, variables = WriteOptions(force, batch_size, deadline, if_version), Variables(var)
    with client_of(url) as client:
        documents = definitions.read(file, client.is_strict, variables)
        variables.require_used()
        if if_version is not None and len(documents) > 1:
            raise CommandError(f"--if-version is for one pod, but {file} has {len(documents)}", code=2)
        accepted = _submit(documents, lambda document: client.update(document, how), "updated", as_json)
        if wait:
            _wait(client, accepted, timeout)


@app.command(name="list")
def list_pods(
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List all pods and their status."""
    show_view(url, look_of(form, as_json, utc), pods_view, watch=watch)


def pods_view(client: "Client") -> View:
    """All pods."""
    from scheduler.cli import tables

    statuses = client.statuses()
    names = sorted(str(each["id"]) for each in statuses)
    if statuses:
        return View(statuses, names, lambda look: [tables.pods(statuses, look)])
    hints = [
        f"Framework {old['id']} has the same name and has running tasks, which are not in this scheduler's "
        "store. If the store was lost, stop the scheduler and restore a backup; the log shows other ways."
        for old in client.info().get(KEY, {}).get("namesakes", ())
    ]
    return View(statuses, names, lambda look: ["There are no pods. Add one with 'podexec pod add FILE'."], hints)


@app.command()
def show(
    pod_id: PodId,
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show a pod's instances and containers, and how its last instances ended."""
    show_view(url, look_of(form, as_json, utc), lambda client: pod_view(client, pod_id), watch=watch)


def pod_view(client: "Client", pod_id: str) -> View:
    """A pod, by the ids of its instances."""
    from scheduler.cli import tables

    status = client.status(pod_id)
    ids = [each["id"] for each in status.get("instances", ())]
    return View(status, ids, lambda look: tables.pod(status, look))


@app.command()
def versions(
    pod_id: PodId,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERSION]", help="Print the definition of this version.", autocompletion=completion.versions
        ),
    ] = None,
    form: Output = TABLE,
    watch: Watch = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List the stored versions of a pod and how many instances run each, or print the definition of one."""
    look = look_of(form, as_json)
    if version is not None:
        with client_of(url) as client:
            definition = client.version(pod_id, version)
        print_value(definition, look)
        return

    def fetch(client: "Client") -> View:
        from scheduler.cli import tables

        kept, status = client.versions(pod_id), client.status(pod_id)
        return View(kept, kept, lambda look: [tables.versions(kept, status, look)])

    show_view(url, look, fetch, watch=watch)


@app.command()
def history(
    pod_id: PodId,
    diff: Annotated[bool, typer.Option("--diff", help="Show the fields that each change set.")] = False,
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List the last changes of a pod: who asked for them, from where, and the deployments that made them."""

    def fetch(client: "Client") -> View:
        from scheduler.cli import tables

        changes = client.history(pod_id)
        changes = plan.with_differences(client, pod_id, changes) if diff else changes
        return View(changes, [each["version"] for each in changes], lambda look: [tables.history(changes, look)])

    show_view(url, look_of(form, as_json, utc), fetch, watch=watch)


@app.command()
def kill(
    pod_id: PodId,
    instance_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INSTANCE]...",
            help="Ids of instances, or the first characters of their UUIDs; default: all instances of the pod.",
            autocompletion=completion.instance_ids,
        ),
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
        known = [instance["id"] for instance in client.status(pod_id).get("instances", ())]
        asked = [resolved(each, known, pod_id) for each in instance_ids or ()] or known
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
