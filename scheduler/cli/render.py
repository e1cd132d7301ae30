"""``podexec pod render``: prints what would be sent to Mesos for a definition, without sending it."""

import json
import random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.parameters import scheduler_options, settings_of
from scheduler.cli.variables import Var, Variables
from scheduler.model.json import Json

if TYPE_CHECKING:
    from scheduler.core.offer.allotment import Match
    from scheduler.core.offer.refusals import Refusal
    from scheduler.core.settings import Settings
    from scheduler.model.definition import PodDefinition
    from scheduler.model.records import Instance

# Values that only a running scheduler knows are made up, the same every time.
_UUID = "00000000-0000-0000-0000-000000000000"
_TIME = 0.0
_VERSION = "1970-01-01T00:00:00.000Z"
_IDENTITY = {
    "id": {"value": "offer"},
    "agent_id": {"value": "agent"},
    "framework_id": {"value": "framework"},
    "hostname": "agent.example",
}
_DYNAMIC_PORTS = (31000, 32000)


@scheduler_options(
    "executor",
    "executor_python",
    "mesos_role",
    "new_group_enforce_role",
    "mesos_authentication_principal",
    "default_network_name",
    "mesos_bridge_name",
    "env_vars_prefix",
)
def render(
    file: Annotated[str, typer.Argument(help="JSON or YAML with one or more pod definitions; - for standard input.")],
    offer: Annotated[
        str | None,
        typer.Option("--offer", help="File with the Mesos offer to launch on, in v1 JSON; default: one that fits."),
    ] = None,
    var: Var = None,
    **written: Any,
) -> None:
    """Print the LAUNCH_GROUP of a pod's first instance, as it would be sent to Mesos. Needs no scheduler."""
    from scheduler.cli import definitions

    settings = _with_executor(settings_of(written), written)
    given = None if offer is None else _read_offer(offer)
    variables = Variables(var)
    documents = definitions.read(file, variables=variables)
    variables.require_used()
    for document in documents:
        screen.print_json(launch_group(settings, _definition(document, settings), given))


def _with_executor(settings: "Settings", written: Json) -> "Settings":
    """The settings with the executor that a scheduler would use. Raises CommandError and typer.BadParameter."""
    from msgspec import structs

    from scheduler.cli.executor import AUTO, checked_uri, command_for
    from scheduler.cli.executor_file import checked

    executor = written["executor"] or ""
    if executor == AUTO:
        raise typer.BadParameter(
            "auto needs a running scheduler: give the URI that it logs, followed by #sha256= and the URI's last part",
            param_hint="--executor",
        )
    asked = checked_uri(executor)
    if asked is None:
        return settings
    return structs.replace(settings, executor=command_for(checked(asked), written["executor_python"], "info"))


def launch_group(settings: "Settings", definition: "PodDefinition", given: Json | None) -> Json:
    """The LAUNCH_GROUP of a pod's first instance on the given offer, or on one made up to fit.

    Raises CommandError with every reason why the offer does not fit.
    """
    from scheduler.core.launch.taskgroup import TaskGroupTemplate
    from scheduler.core.offer import agents
    from scheduler.core.offer.allotment import Match
    from scheduler.core.offer.demand import demand
    from scheduler.core.offer.refusals import Refusal
    from scheduler.core.offer.resources import Ledger
    from scheduler.core.placement.constraints import ConstraintState
    from scheduler.core.placement.launching import placed
    from scheduler.core.placement.matching import Surroundings, match, unfulfilled, unsuitable

    offer = _sufficient_offer(definition, settings) if given is None else given
    asked = demand(definition, settings)
    try:
        agent, ledger = agents.of_offer(offer), Ledger(offer)
        role = offer.get("allocation_info", {}).get("role", definition.role)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CommandError(f"the offer is not valid Mesos v1 JSON: {error!r}", code=2) from error
    against = unsuitable(asked, settings, offer, ledger, agent, Surroundings(None, agent.region, _TIME))
    if given is not None:
        against += unfulfilled(ConstraintState(definition, [], [agent]), agent)
    if role != definition.role:
        against.insert(0, Refusal("UnfulfilledRole", definition.role or "*", str(role)))
    waiting = _waiting(definition)
    outcome = match(definition, asked, ledger, random.Random(0))
    if isinstance(outcome, Match) and asked.volumes:
        outcome = _settle(outcome, definition if given is not None else _anywhere(definition), waiting, offer, settings)
    if against or not isinstance(outcome, Match):
        refusals = [*against, *([] if isinstance(outcome, Match) else outcome)]
        raise CommandError(
            f"the offer does not fit {definition.id}",
            details=tuple(f"{each.reason}: wanted {each.asked}; offered {each.offered}" for each in refusals),
        )
    instance = placed(waiting, definition, agent, outcome, _TIME)
    return TaskGroupTemplate(settings, definition).launch_group(
        instance, offer["framework_id"], outcome.executor, outcome.containers
    )


def _settle(
    taken: "Match", definition: "PodDefinition", waiting: "Instance", offer: Json, settings: "Settings"
) -> "Match | list[Refusal]":
    """The match as it is after its resources are reserved for the instance, with persistent volumes."""
    from scheduler.core.offer import agents
    from scheduler.core.offer.allotment import Match
    from scheduler.core.offer.disks import Disks
    from scheduler.core.placement import residents
    from scheduler.model.records import Reservation

    names = [volume.name for volume in definition.volumes if volume.persistent is not None]
    volumes = residents.new_volumes(definition.id, names, lambda: _UUID)
    reservation = Reservation(agents.of_offer(offer), volumes, confirmed=False, since=_TIME)
    settled = residents.settle(
        taken, definition, waiting, reservation, Disks.of_offer(offer), offer, settings.principal
    )
    return settled if isinstance(settled, Match) else [settled]


def _anywhere(definition: "PodDefinition") -> "PodDefinition":
    """The definition without constraints on the disks of its volumes."""
    volumes = tuple(
        volume
        if volume.persistent is None
        else volume.model_copy(update={"persistent": volume.persistent.model_copy(update={"constraints": ()})})
        for volume in definition.volumes
    )
    return definition.model_copy(update={"volumes": volumes})


def _definition(document: Any, settings: "Settings") -> "PodDefinition":
    """A definition as the scheduler would store it."""
    from scheduler.model.normalisation import normalise
    from scheduler.model.problems import Problems
    from scheduler.model.rules import Site
    from scheduler.model.validation import parse

    site = Site(
        settings.role,
        settings.default_network_name,
        settings.known_networks,
        new_group_enforce_role=settings.new_group_enforce_role,
        own_executor=settings.executor.is_own,
    )
    definition = parse(json.dumps(document).encode(), site)
    if isinstance(definition, Problems):
        details = tuple(f"{problem.path}: {problem.error}" for problem in definition.items)
        raise CommandError("the definition is not valid", details=details)
    return normalise(definition, site).model_copy(update={"version": _VERSION})


def _waiting(definition: "PodDefinition") -> "Instance":
    from scheduler.core import ids
    from scheduler.model.records import Goal, Instance

    return Instance(
        id=ids.instance_id(definition.id, _UUID),
        pod_id=definition.id,
        version=_VERSION,
        goal=Goal.RUNNING,
        incarnation=0,
        created_at=_TIME,
        since=_TIME,
        role=definition.role or "*",
    )


def _read_offer(file: str) -> Json:
    from scheduler.cli import definitions

    offers = definitions.read(file)
    if len(offers) != 1 or not isinstance(offers[0], dict):
        raise CommandError(f"{file} must contain one offer, in Mesos v1 JSON", code=2)
    return _IDENTITY | offers[0]


def _sufficient_offer(definition: "PodDefinition", settings: "Settings") -> Json:
    """An offer of twice what the pod asks for, with its ports, for a role it accepts."""
    from scheduler.core.offer.demand import accepted_roles

    asked = [definition.executor_resources, *(container.resources for container in definition.containers)]
    roles = accepted_roles(definition, settings)
    role = "*" if "*" in roles else min(roles)
    ownership: Json = {"allocation_info": {"role": definition.role or "*"}}
    if role != "*":
        ownership["reservations"] = [{"type": "STATIC", "role": role}]
    scalars = [
        {"name": name, "type": "SCALAR", "scalar": {"value": 2 * total}, **ownership}
        for name in ("cpus", "mem", "disk", "gpus")
        if (total := sum(getattr(each, name, 0) for each in asked))
    ]
    fixed = {endpoint.host_port for container in definition.containers for endpoint in container.endpoints}
    first, last = _DYNAMIC_PORTS
    ranges = [{"begin": port, "end": port} for port in sorted(filter(None, fixed)) if not first <= port <= last]
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [*ranges, {"begin": first, "end": last}]}}
    return {**_IDENTITY, "resources": [*scalars, *_disks(definition, ownership), {**ports, **ownership}]}


def _disks(definition: "PodDefinition", ownership: Json) -> list[Json]:
    """One disk for each persistent volume."""
    disks: list[Json] = []
    for volume in definition.volumes:
        asked = volume.persistent
        if asked is not None:
            disk: Json = {"name": "disk", "type": "SCALAR", "scalar": {"value": asked.size}, **ownership}
            if asked.type in ("path", "mount"):
                source: Json = {"type": asked.type.upper(), asked.type: {"root": f"/disks/{volume.name}"}}
                if asked.profile_name is not None:
                    source["profile"] = asked.profile_name
                disk["disk"] = {"source": source}
            disks.append(disk)
    return disks
