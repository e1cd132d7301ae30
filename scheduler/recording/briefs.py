"""Events, changes and effects in one line each, with the ids that explain them."""

from collections.abc import Collection, Iterator, Sequence
from enum import Enum
from typing import Any

from msgspec.structs import fields

from scheduler.core.effects import Accept, Effect, Log, Operation, Publish, Reply, as_json
from scheduler.core.events import Event, OffersReceived, StatusUpdated
from scheduler.core.facts.conditions import condition
from scheduler.core.frame import Change, Delete, key_of
from scheduler.core.ids import instance_of
from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.json import Json
from scheduler.model.records import Goal, Instance, NetworkAddress
from scheduler.store.codec import KINDS

_SHOWN = 3  # members of a list


def of_event(event: Event) -> str:
    """Its name and members, except large and empty ones."""
    if isinstance(event, OffersReceived):
        offers = [f"{_id(offer, 'id')}@{_id(offer, 'agent_id')}" for offer in event.offers]
        return " ".join(("OffersReceived", _list("offers", offers), *([f"more={event.more}"] if event.more else [])))
    return _line(type(event).__name__, _members(event))


def of_change(change: Change) -> str:
    """The record that is stored or deleted; for an instance, also its state."""
    if isinstance(change, Delete):
        return f"delete {KINDS[change.kind]} {change.key}".rstrip()
    kind, key = key_of(change.record)
    state = f": {state_of(change.record)}" if isinstance(change.record, Instance) else ""
    return f"put {KINDS[kind]} {key}".rstrip() + state


def of_effect(effect: Effect) -> str:
    """The effect's name and members."""
    match effect:
        case Accept(offer_id, operations):
            return _line("Accept", (f"offer_id={offer_id}", *map(of_operation, operations)))
        case Reply(request, answer):
            return _line("Reply", (f"request={request}", type(answer).__name__, *_members(answer)))
        case Publish(kind, content):
            return _line("Publish", (kind, *_pairs((name, value) for name, value in content.items() if value != kind)))
        case Log(level, text, fields):
            return _line("Log", (level, repr(text), *_pairs(fields)))
    return _line(type(effect).__name__, _members(effect))


def of_operation(operation: Operation) -> str:
    """The type of an offer operation; for a launch, also the instance."""
    shown = as_json(operation)
    kind = str(shown.get("type"))
    tasks = shown.get("launch_group", {}).get("task_group", {}).get("tasks", ())
    return " ".join((kind, *{instance_of(_id(task, "task_id")): None for task in tasks}))


def state_of(instance: Instance | None) -> str:
    """The state of an instance, and its agent. ``None`` stands for an instance that does not exist."""
    if instance is None:
        return "does not exist"
    agent = instance.agent if instance.tasks else None
    where = "" if agent is None else f" on {agent.hostname} (agent {agent.id})"
    parts = [condition(instance).value + where]
    if instance.incarnation:
        parts.append(f"incarnation {instance.incarnation}")
    if instance.goal is not Goal.RUNNING:
        parts.append(f"goal {instance.goal.value}")
    if instance.killing:
        parts.append("being relaunched")
    return ", ".join(parts)


def _line(name: str, rest: Collection[str] | Iterator[str]) -> str:
    return " ".join((name, *rest))


def _members(value: Any) -> Iterator[str]:
    """The fields of a value that differ from their defaults."""
    for field in fields(value):
        member = getattr(value, field.name)
        if member != field.default:
            yield from _member(field.name, member)


def _member(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, PodDefinition):
        yield f"pod_id={value.id}"
    elif isinstance(value, Frozen):
        yield from _members(value)
    elif isinstance(value, tuple | list | frozenset):
        yield _list(name, [_name(each) for each in (sorted(value) if isinstance(value, frozenset) else value)])
    else:
        yield from _pairs([(name, value)])


def _name(value: Any) -> str:
    """A short name for one of several values."""
    if isinstance(value, tuple):
        return _name(value[0]) if value else ""
    if isinstance(value, NetworkAddress):
        return "+".join(value.addresses)
    if isinstance(value, StatusUpdated):
        return f"{value.task_id}:{value.condition.value}"
    return str(getattr(value, "id", None) or getattr(value, "name", None) or getattr(value, "check", value))


def _list(name: str, names: Sequence[str]) -> str:
    more = f",… ({len(names)})" if len(names) > _SHOWN else ""
    return f"{name}={','.join(names[:_SHOWN])}{more}"


def _pairs(fields: Any) -> Iterator[str]:
    for name, value in fields:
        if isinstance(value, Enum):
            yield f"{name}={value.value}"
        elif isinstance(value, str):
            yield f"{name}={value!r}" if " " in value else f"{name}={value}"
        elif isinstance(value, int | float):
            yield f"{name}={value}"


def _id(value: Json, name: str) -> str:
    """The id in Mesos' JSON."""
    return str(value.get(name, {}).get("value", ""))
