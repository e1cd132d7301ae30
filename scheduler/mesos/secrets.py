"""Replaces the references to secrets in launches by their values, right before they are sent.

Masters show a task's container to everyone, and agents its command while the executor starts. If that is podexec's own,
both keep their references, and the executor gets the values in ``TaskInfo.data``, which Mesos shows nowhere.
"""

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from podexec.wire import TaskData
from scheduler.core.effects import Decline
from scheduler.core.events import Event, StatusUpdated
from scheduler.core.ids import instance_of, pod_of
from scheduler.loop.ports import MesosCall, SecretError, Secrets
from scheduler.model.json import Json
from scheduler.model.records import Condition
from scheduler.model.sizes import excess, of_task

_REFERENCE = "REFERENCE"
_LAUNCH = "LAUNCH_GROUP"


Forbids = Callable[[str, str], str | None]  # of a pod and a source: why the pod may not use it, if so


def nothing(_pod_id: str, _source: str) -> None:
    """Forbid nothing."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A launch that was not sent, and why."""

    task_ids: tuple[str, ...]
    agent_id: str
    message: str


def with_secrets(
    call: Json, secrets: Secrets | None, forbids: Forbids = nothing
) -> tuple[Json, tuple[Undelivered, ...]]:
    """The call with values for references, and the launches omitted because a value is missing or forbidden.

    Each value is fetched once. Without ``secrets``, references stay. An ACCEPT without any launch left becomes a
    DECLINE. The given call is not modified.
    """
    if call["type"] != "ACCEPT":
        return call, ()
    values: dict[str, bytes | SecretError] = {}

    def ask(source: str) -> bytes:
        if source not in values:
            assert secrets is not None
            try:
                values[source] = secrets.value(source)
            except SecretError as error:
                values[source] = error
        value = values[source]
        if isinstance(value, SecretError):
            raise SecretError(f"secret {source!r} cannot be delivered: {value}")
        return value

    accept = call["accept"]
    operations, undelivered = [], []
    for operation in accept["operations"]:
        try:
            _require_allowed(operation, forbids)
            operations.append(operation if secrets is None else _launch(operation, ask))
        except SecretError as error:
            undelivered.append(_undelivered(operation, str(error)))
    if operations:
        return {**call, "accept": {**accept, "operations": operations}}, tuple(undelivered)
    decline = {name: member for name, member in accept.items() if name != "operations"}
    rest = {name: member for name, member in call.items() if name not in ("type", "accept")}
    return {**rest, "type": "DECLINE", "decline": decline}, tuple(undelivered)


class Launches:
    """Prepares launches for the master. For those that are not made, the core gets the statuses a master would send."""

    def __init__(
        self,
        secrets: Secrets | None,
        submit: Callable[[Sequence[Event]], None],
        perform: Callable[[Sequence[MesosCall]], None],
        forbids: Forbids = nothing,
    ) -> None:
        """``secrets`` has the values for references; without it the references themselves are sent."""
        self._secrets = secrets
        self._forbids = forbids
        self._submit = submit
        self._perform = perform

    def prepare(self, accept: Json) -> Json:
        """The ACCEPT with its secrets, without the launches for which one is missing or forbidden."""
        call, undelivered = with_secrets(accept, self._secrets, self._forbids)
        self._not_made(undelivered)
        return call

    def refused(self, accept: bytes, why: str) -> None:
        """The master refused an ACCEPT, and still counts its offers as ours: decline them."""
        call = orjson.loads(accept)["accept"]
        launches = [operation for operation in call["operations"] if operation["type"] == _LAUNCH]
        self._not_made([_undelivered(launch, f"the master refused the launch: {why}") for launch in launches])
        offer_ids = tuple(offer_id["value"] for offer_id in call["offer_ids"])
        self._perform((Decline(offer_ids, call["filters"]["refuse_seconds"]),))

    def _not_made(self, launches: Iterable[Undelivered]) -> None:
        now = time.time()
        statuses = [
            StatusUpdated(task_id, Condition.ERROR, launch.agent_id, None, now, launch.message)
            for launch in launches
            for task_id in launch.task_ids
        ]
        if statuses:
            self._submit(statuses)


_Ask = Callable[[str], bytes]


def _require_allowed(operation: Json, forbids: Forbids) -> None:
    """Raise SecretError if the pod may not use one of the secrets that it refers to.

    Requests for that are refused when they are made. But the policy may have changed since.
    """
    if operation["type"] != _LAUNCH:
        return
    for task in operation["launch_group"]["task_group"]["tasks"]:
        pod_id = pod_of(instance_of(task["task_id"]["value"]))
        for source in _sources(task):
            reason = forbids(pod_id, source)
            if reason is not None:
                raise SecretError(f"secret {source!r} is not delivered: {reason}")


def _sources(part: Any) -> Iterator[str]:
    """The source of every reference."""
    if isinstance(part, list):
        for member in part:
            yield from _sources(member)
    elif isinstance(part, dict):
        if part.get("type") == _REFERENCE and "reference" in part:
            yield part["reference"]["name"]
        for member in part.values():
            yield from _sources(member)


def _launch(operation: Json, ask: _Ask) -> Json:
    if operation["type"] != _LAUNCH:
        return operation
    group = operation["launch_group"]
    is_ours = group["executor"]["type"] == "CUSTOM"
    tasks = [_task(task, is_ours, ask) for task in group["task_group"]["tasks"]]
    return {**operation, "launch_group": {**group, "task_group": {**group["task_group"], "tasks": tasks}}}


def _task(task: Json, is_ours: bool, ask: _Ask) -> Json:
    """The task with its values."""
    asks: Mapping[str, _Ask] = {"command": lambda source: _text(source, ask(source)), "container": ask}
    valued = {part: _valued(task[part], asks[part]) for part in asks if part in task}
    changed = {part: value for part, value in valued.items() if value != task[part]}
    fault = excess(of_task({**task, **changed})) if "command" in changed else None
    if fault is not None:
        raise SecretError(
            f"container {task['name']!r} cannot be started: with its command, its environment with the values of "
            f"its secrets, and its mounts it {fault}"
        )
    if changed and is_ours:
        data = TaskData.decode(task["data"]) if "data" in task else TaskData()
        return {**task, "data": TaskData(changed, data.behaviour).encode()}
    return {**task, **changed}


def _valued(part: Any, ask: _Ask) -> Any:
    """The part with every reference replaced by its value."""
    if isinstance(part, list):
        return [_valued(member, ask) for member in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == _REFERENCE and "reference" in part:
        data = base64.b64encode(ask(part["reference"]["name"])).decode("ascii")
        return {"type": "VALUE", "value": {"data": data}}
    return {name: _valued(member, ask) for name, member in part.items()}


def _text(source: str, value: bytes) -> bytes:
    """The value, if a variable can contain it. Raises SecretError."""
    try:
        value.decode()
    except UnicodeDecodeError:
        raise SecretError(f"secret {source!r} cannot be delivered in a variable: it is not UTF-8 text") from None
    if b"\0" in value:
        raise SecretError(f"secret {source!r} cannot be delivered in a variable: it contains a NUL byte")
    return value


def _undelivered(operation: Json, message: str) -> Undelivered:
    tasks = operation["launch_group"]["task_group"]["tasks"]
    return Undelivered(tuple(task["task_id"]["value"] for task in tasks), str(tasks[0]["agent_id"]["value"]), message)
