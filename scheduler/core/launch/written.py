"""Writes LAUNCH_GROUP operations as JSON text.

All launches of a definition have nearly the same text: they differ in ids, the agent, and the resources, of which each
offer has others. So the text is made once, by ``TaskGroupTemplate`` for a launch with marks in place of all that, and
cut at the marks. A launch on host ports also differs elsewhere, and is written as a whole, without such a text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from scheduler.core.effects import LaunchGroup
from scheduler.core.launch.taskgroup import TaskGroupTemplate
from scheduler.core.settings import Settings
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent, Condition, Goal, Instance, Task

# A mark is a string that starts with NUL, which definitions must not contain (model.rules.nul).
_GAP = re.compile(rb'"\\u0000([a-z_]+[0-9]*)"')

Write = Callable[[Instance], LaunchGroup]

_json = msgspec.json.encode  # writes whatever JSON can hold, also integers of any size out of a hostile offer


class LaunchWriter:
    """Writes the launches of one definition."""

    def __init__(self, settings: Settings, definition: PodDefinition) -> None:
        self._template = TaskGroupTemplate(settings, definition)
        endpoints = (endpoint for container in definition.containers for endpoint in container.endpoints)
        has_host_ports = any(endpoint.host_port is not None for endpoint in endpoints)
        has_nul = "\\u0000" in definition.model_dump_json()  # a stored definition may be older than the rule
        is_whole = has_host_ports or has_nul
        self._text = None if is_whole else _Text.of(_operation_with_gaps(self._template, definition))

    def on(
        self, agent: Agent, framework_id: Json, executor: Sequence[Json], containers: Sequence[Sequence[Json]]
    ) -> Write:
        """A function that writes the launch of an instance placed on the agent with these resources.

        They are the executor's, including all host ports of the pod, and those of each container.
        """
        if self._text is None:
            return partial(self._whole, framework_id, executor, containers)
        values = {
            b"agent_id": _json(agent.id),
            b"hostname": _json(agent.hostname),
            b"framework_id": _json(framework_id),
            b"executor": _items(executor),
        }
        values.update((b"container%d" % index, _items(each)) for index, each in enumerate(containers))
        return self._text.filled(values).launch_group

    def _whole(
        self,
        framework_id: Json,
        executor: Sequence[Json],
        containers: Sequence[Sequence[Json]],
        instance: Instance,
    ) -> LaunchGroup:
        operation = self._template.launch_group(instance, framework_id, executor, containers)
        return LaunchGroup(_json(operation), len(instance.tasks))


class _Text:
    """A text with gaps: ``pieces`` are by turns text and the name of the gap behind it."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._gaps = pieces[1::2]

    @classmethod
    def of(cls, operation: Json) -> "_Text":
        return cls(_GAP.split(_json(operation)))

    def filled(self, values: Mapping[bytes, bytes]) -> "_Text":
        """The text in which these gaps are filled; others are left."""
        pieces = self._pieces[:1]
        for name, text in zip(self._gaps, self._pieces[2::2], strict=True):
            if name in values:
                pieces[-1] += values[name] + text
            else:
                pieces += name, text
        return _Text(pieces)

    def launch_group(self, instance: Instance) -> LaunchGroup:
        """The operation, once only ids of the instance are missing."""
        ids = {b"executor_id": _json(instance.executor_id)}
        for index, task in enumerate(instance.tasks):
            ids[b"task%d" % index] = _json(task.id)
        pieces = self._pieces.copy()
        pieces[1::2] = [ids[name] for name in self._gaps]
        return LaunchGroup(b"".join(pieces), len(instance.tasks))


def _operation_with_gaps(template: TaskGroupTemplate, definition: PodDefinition) -> Json:
    instance = Instance(
        id="",
        pod_id=definition.id,
        version=definition.version or "",
        goal=Goal.RUNNING,
        incarnation=1,
        created_at=0.0,
        since=0.0,
        role="",
        agent=Agent(id=_gap("agent_id"), hostname=_gap("hostname")),
        executor_id=_gap("executor_id"),
        tasks=tuple(
            Task(_gap(f"task{index}"), container.name, Condition.PROVISIONED, staged_at=0.0, since=0.0)
            for index, container in enumerate(definition.containers)
        ),
    )
    containers = [[_gap(f"container{index}")] for index, _ in enumerate(definition.containers)]
    return template.launch_group(instance, _gap("framework_id"), [_gap("executor")], containers)


def _items(resources: Sequence[Json]) -> bytes:
    """What is between the brackets of a list."""
    return _json(resources)[1:-1]


def _gap(name: str) -> Any:
    """A string in place of any value."""
    return f"\0{name}"
