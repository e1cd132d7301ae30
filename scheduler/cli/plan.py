"""``podexec pod plan``, ``diff`` and ``rollback``: what changes do, before and after they are made."""

import functools
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.options import DEFAULT_URL, BatchSize, Deadline, Force, Json, PodId, Timeout, Url, Wait, Yes
from scheduler.cli.output import client_of, require_confirmation
from scheduler.cli.variables import Var, Variables
from scheduler.model.json import Json as Document

if TYPE_CHECKING:
    from scheduler.cli.client import Client

_FAILED, _CHANGES = 2, 1  # exit codes


def add_to(app: typer.Typer) -> None:
    """Add the commands to ``podexec pod``."""
    app.command()(plan)
    app.command()(diff)
    app.command()(rollback)


def plan(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="JSON or YAML with pod definitions; - for standard input."),
    ],
    var: Var = None,
    batch_size: BatchSize = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show what 'pod update' would change, without changing anything.

    Exits with 0 if nothing would change, 1 if something would, and 2 on an error.
    """
    try:
        planned = _plans(files, Variables(var), batch_size, url)
    except CommandError as error:
        error.code = _FAILED
        raise
    if as_json:
        screen.print_json(planned)
    else:
        for each in planned:
            screen.show(*lines(each))
            if each["changes"] and "basedOn" in each:
                screen.tell(f"To update only if this is still the version: --if-version {each['basedOn']}")
    if any(each["changes"] for each in planned):
        raise typer.Exit(_CHANGES)


def diff(
    pod_id: PodId,
    first: Annotated[str | None, typer.Argument(metavar="[V1]", help="A version; default: the previous one.")] = None,
    second: Annotated[str | None, typer.Argument(metavar="[V2]", help="A version; default: the current one.")] = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show the fields that differ between two versions of a pod."""
    from scheduler.cli import tables
    from scheduler.model.differences import differences as compared
    from scheduler.model.differences import shown

    with client_of(url) as client:
        kept = client.versions(pod_id) if first is None or second is None else []
        current = second if second is not None else _current(client, pod_id)
        before = first if first is not None else _previous(kept, current, pod_id)
        old, new = (client.version(pod_id, each) for each in (before, current))
    found = shown(compared(old, new))
    if as_json:
        screen.print_json({"id": new["id"], "before": old["version"], "after": new["version"], **found})
        return
    screen.say(f"{new['id']}: {old['version']} -> {new['version']}")
    screen.show(*(tables.differences(found) or ["The definitions are the same."]))


def rollback(
    pod_id: PodId,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="The version to return to; default: the previous one.")
    ] = None,
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = 300.0,
    force: Force = False,
    batch_size: BatchSize = None,
    deadline: Deadline = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Change a pod back to an earlier version.

    Shows the plan and asks first. Nothing is done if the pod was changed in the meantime.
    """
    from scheduler.cli import waiting
    from scheduler.cli.client import WriteOptions

    with client_of(url) as client:
        current = _current(client, pod_id)
        target = version if version is not None else _previous(client.versions(pod_id), current, pod_id)
        definition = client.version(pod_id, target)
        planned = client.plan(definition, WriteOptions(batch_size=batch_size))
        if planned["differences"] or planned["changes"]:
            screen.tell_lines(lines(planned))
        if not planned["changes"]:
            screen.say(
                f"Pod {planned['id']} already has the definition of version {definition['version']}; nothing changes."
            )
            return
        require_confirmation(
            yes, f"roll {planned['id']} back", f"Change {planned['id']} back to version {definition['version']}?"
        )
        accepted = client.update(definition, WriteOptions(force, batch_size, deadline, planned.get("basedOn")))
        if accepted.warning:
            screen.tell(f"warning: {accepted.warning}")
        if as_json:
            screen.print_json(accepted.pod)
        else:
            now = f"as version {accepted.pod['version']}"
            screen.say(
                f"Pod {accepted.pod['id']} is changed back to {definition['version']}, {now} "
                f"(deployment {accepted.deployment_id})."
            )
        if wait:
            waiting.for_pod(client, accepted.pod["id"], accepted.pod["version"], accepted.deployment_id, timeout)


def _current(client: "Client", pod_id: str) -> str:
    """The pod's version now."""
    return str(client.status(pod_id)["spec"]["version"])


def _previous(kept: list[str], current: str, pod_id: str) -> str:
    """The version before the current one. Raises CommandError if none is kept."""
    earlier = [each for each in kept if each < current]
    if not earlier:
        raise CommandError(
            f"no version of {pod_id} before {current} is stored",
            advice=f"To see the stored versions: podexec pod versions {pod_id}",
        )
    return earlier[-1]


def _plans(files: list[str], variables: Variables, batch_size: int | None, url: str) -> list[Document]:
    """The plans of all definitions, in their order."""
    from scheduler.cli import definitions
    from scheduler.cli.client import WriteOptions

    how = WriteOptions(batch_size=batch_size)
    with client_of(url) as client:
        documents = [each for file in files for each in definitions.read(file, client.is_strict, variables)]
        variables.require_used()
        planned: list[Document] = []
        for document in documents:
            created = {each["id"] for each in planned if each["action"] == "create"}
            planned.append(client.plan(document, how, _dependencies(document, created)))
        return planned


def _dependencies(document: Any, created: Collection[str]) -> list[str]:
    """Those of the created pods on which a definition depends."""
    named = document.get("dependencies") if isinstance(document, dict) else None
    found = (each for each in named if isinstance(each, str)) if isinstance(named, list) else ()
    return [each for each in found if each in created or f"/{each}" in created]


def lines(planned: Document) -> list[str]:
    """A plan as people read it."""
    from scheduler.cli import tables

    based_on = planned.get("basedOn")
    told = [f"{planned['id']}: {planned['summary']}" + (f" (now version {based_on})" if based_on else "")]
    told += [f"  {each}" for each in tables.differences(planned)]
    if "fit" in planned:
        told += [f"  {each}" for each in _fit(planned["fit"])]
    if planned["conflicts"]:
        told.append(f"  requires --force, which cancels conflicting deployments: {', '.join(planned['conflicts'])}")
    told += [f"  warning: {each['path']}: {each['error']}" for each in planned["warnings"]]
    return told


def with_differences(client: "Client", pod_id: str, changes: list[Document]) -> list[Document]:
    """Changes of a pod's history, each that made a new version with its differences from the one before.

    Versions that are no longer kept are left out.
    """
    from scheduler.model.differences import differences as compared
    from scheduler.model.differences import shown

    kept = client.versions(pod_id)
    before = dict(zip(kept[1:], kept, strict=False))
    definition = functools.cache(lambda version: client.version(pod_id, version))
    told, seen = [], ""
    for each in changes:
        version = each["version"]
        if version != seen and version in before:
            found = shown(compared(definition(before[version]), definition(version)))
            told.append(each | found if found["differences"] else each)  # a restart makes a version, too
        else:
            told.append(each)
        seen = version
    return told


def _fit(found: Document) -> list[str]:
    from scheduler.cli import tables

    asked = found["asked"]
    if "placed" not in found:
        return [f"room for {asked} more: not known: {found['unknown']}"]
    placed = found["placed"]
    if placed >= asked:
        agents = found["agents"]
        return [f"room for {asked} more: yes, on {agents} {'agent' if agents == 1 else 'agents'}"]
    there = f"only for {placed} now" if placed else "none now"
    return [f"room for {asked} more: {there}", *(f"  {tables.reason(each)}" for each in found["nearest"])]
