"""``podexec pod scale``, ``stop``, ``start`` and ``restart``: the instances of a pod, without a file."""

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.options import DEFAULT_URL, BatchSize, Deadline, Force, Json, PodId, Timeout, Url, Wait, Yes
from scheduler.cli.output import client_of, require_confirmation
from scheduler.model.json import Json as Object

if TYPE_CHECKING:
    from scheduler.cli.client import Accepted, Client


def scale(
    pod_id: PodId,
    instances: Annotated[int, typer.Argument(metavar="N", help="The number of instances.", min=0)],
    wait: Wait = False,
    timeout: Timeout = 300.0,
    force: Force = False,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Change the number of instances of a pod. Volumes are kept. Asks before it stops all of them."""
    with client_of(url) as client:
        definition = client.definition(pod_id)
        if not instances:
            _confirm_stop(definition, yes)
        accepted = _scaled(client, definition, instances, force)
        _report(accepted, f"is scaled to {instances} {_instances(instances)}", as_json)
        if wait:
            _wait(client, accepted, timeout)


def stop(
    pod_id: PodId,
    wait: Wait = False,
    timeout: Timeout = 300.0,
    force: Force = False,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Stop all instances of a pod, which keeps its definition and volumes, until 'podexec pod start'."""
    with client_of(url) as client:
        definition = client.definition(pod_id)
        _confirm_stop(definition, yes)
        accepted = _scaled(client, definition, 0, force)
        _report(accepted, "is stopped", as_json)
        if wait:
            _wait(client, accepted, timeout)


def start(
    pod_id: PodId,
    wait: Wait = False,
    timeout: Timeout = 300.0,
    force: Force = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Start a stopped pod with as many instances as it had before."""
    with client_of(url) as client:
        definition = client.definition(pod_id)
        now = _number(definition)
        if now:
            raise CommandError(
                f"{definition['id']} is not stopped: its definition asks for {now} {_instances(now)}",
                advice="To replace them: podexec pod restart; to change their number: podexec pod scale",
            )
        instances = _number_before(client, definition)
        accepted = _scaled(client, definition, instances, force)
        _report(accepted, f"is started with {instances} {_instances(instances)}", as_json)
        if wait:
            _wait(client, accepted, timeout)


def restart(
    pod_id: PodId,
    wait: Wait = False,
    timeout: Timeout = 300.0,
    force: Force = False,
    batch_size: BatchSize = None,
    deadline: Deadline = None,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Replace all instances of a pod by new ones of the same definition, as its upgrade strategy allows."""
    from scheduler.cli.client import WriteOptions

    with client_of(url) as client:
        if not yes:
            definition = client.definition(pod_id)
            require_confirmation(
                yes,
                f"restart {definition['id']}",
                f"Replace {_count(definition)} of {definition['id']}, as its upgrade strategy allows?",
            )
        accepted = client.restart(pod_id, WriteOptions(force, batch_size, deadline))
        _report(accepted, "is restarting", as_json)
        if wait:
            _wait(client, accepted, timeout)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (scale, restart, stop, start):
        app.command()(command)


def _scaled(client: "Client", definition: Object, instances: int, force: bool) -> "Accepted":
    """Change nothing but the number, and not if the pod was changed meanwhile."""
    from scheduler.cli.client import WriteOptions

    scaling = {**definition.get("scaling", {}), "instances": instances}
    how = WriteOptions(force, if_version=definition["version"])
    return client.update({**definition, "scaling": scaling}, how)


def _number_before(client: "Client", definition: Object) -> int:
    """The number of instances in the newest stored version that asks for any. Raises CommandError."""
    for version in reversed(client.versions(definition["id"])):
        instances = _number(client.version(definition["id"], version))
        if instances:
            return instances
    raise CommandError(
        f"no stored version of {definition['id']} asks for any instances",
        advice=f"Say how many: podexec pod scale {definition['id']} N",
    )


def _confirm_stop(definition: Object, yes: bool) -> None:
    if _number(definition):
        pod_id = definition["id"]
        require_confirmation(yes, f"stop {_count(definition)} of {pod_id}", f"Stop {_count(definition)} of {pod_id}?")


def _report(accepted: "Accepted", done: str, as_json: bool) -> None:
    if accepted.warning:
        screen.tell(f"warning: {accepted.warning}")
    if as_json:
        screen.print_json(accepted.pod)
    else:
        screen.say(f"Pod {accepted.pod['id']} {done} (deployment {accepted.deployment_id}).")


def _wait(client: "Client", accepted: "Accepted", timeout: float) -> None:
    from scheduler.cli import waiting

    waiting.for_pod(client, accepted.pod["id"], accepted.pod["version"], accepted.deployment_id, timeout)


def _number(definition: Object) -> int:
    return int(definition["scaling"]["instances"])


def _count(definition: Object) -> str:
    """E.g. ``its only instance`` or ``all 3 instances``."""
    number = _number(definition)
    return "its only instance" if number == 1 else f"all {number} instances"


def _instances(number: int) -> str:
    return "instance" if number == 1 else "instances"
