"""``/v2/pods/ID::usage``: the resources that a pod's containers use and request.

CPU time is a running total: current use is the difference between two answers.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.errors import json_response
from scheduler.api.inside import queries
from scheduler.api.inside.guard import Guard
from scheduler.api.inside.targets import Target, targets
from scheduler.api.needs import on_pod
from scheduler.api.pods import existing_pod
from scheduler.api.routes import routes
from scheduler.core.frame import definition_key
from scheduler.core.world import World
from scheduler.loop.inside import Inside, InsideError, Run, Usage
from scheduler.model.definition import Container
from scheduler.model.json import Json
from scheduler.model.records import Pod

_AT_ONCE = 8


class UsageOfPods:
    """The route."""

    def __init__(self, world: World, inside: Inside, guard: Guard) -> None:
        self._world = world
        self._inside = inside
        self._guard = guard

    def routes(self) -> list[Route]:
        """The route."""
        return routes("/v2/pods/{pod_id:path}::usage", self.show, ["GET"], needs=on_pod(Permission.USAGE))

    async def show(self, request: Request, pod_id: str) -> Response:
        """The use of every instance."""
        pod = existing_pod(self._world, pod_id)
        instance = queries.text(request, "instance")
        by_instance: dict[str, list[Target]] = {}
        for target in targets(self._world, pod, instance, None):
            by_instance.setdefault(target.instance_id, []).append(target)
        self._guard.permit(request, Permission.USAGE, pod.id, instance=instance)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def measured(members: list[Target]) -> Json:
            async with turns:
                return await self._of_instance(pod, members)

        with self._guard.place(request):
            return json_response(await asyncio.gather(*(measured(each) for each in by_instance.values())))

    async def _of_instance(self, pod: Pod, members: list[Target]) -> Json:
        shown: Json = {"instance": members[0].instance_id}
        try:
            runs = {each.container: await self._inside.run_of(each.task_id) for each in members}
            used = await self._inside.usage(next(iter(runs.values())))
        except InsideError as error:
            return shown | {"containers": [], "message": str(error)}
        asked = self._containers(pod, members[0].instance_id)
        return shown | {
            "agent": next(iter(runs.values())).agent,
            "total": _shown(used.get("", Usage(0))),
            "containers": [_container(each, runs[each.container], used, asked) for each in members],
        }

    def _containers(self, pod: Pod, instance_id: str) -> Mapping[str, Container]:
        version = self._world.instances[instance_id].version if instance_id in self._world.instances else pod.version
        definition = self._world.definitions.get(definition_key(pod.id, version), self._world.current(pod))
        return {each.name: each for each in definition.containers}


def _container(target: Target, run: Run, used: Mapping[str, Usage], asked: Mapping[str, Container]) -> Json:
    shown: Json = {"name": target.container, "used": {}}
    usage = used.get(run.container_id["value"])
    if usage is not None and not run.ended:
        shown["used"] = _shown(usage)
    if target.container in asked:
        resources = asked[target.container].resources
        shown["requested"] = {"cpus": resources.cpus, "mem": resources.mem}
    return shown


def _shown(usage: Usage) -> Json:
    """The measurements; an agent may have none for a single container."""
    measured: dict[str, Any] = {
        "takenAt": usage.taken_at or None,
        "cpuSeconds": usage.cpu_seconds,
        "cpusLimit": usage.cpus_limit,
        "memoryBytes": usage.memory_bytes,
        "memoryLimitBytes": usage.memory_limit_bytes,
        "processes": usage.processes,
    }
    return {name: value for name, value in measured.items() if value is not None}
