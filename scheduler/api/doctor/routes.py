"""The checks, and the route that answers with their results.

What the scheduler knows already is looked at; only for the quota of roles is the master asked.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.doctor.failures import of_failures
from scheduler.api.doctor.finding import FAILED, MOST_NAMED, OK, WARNING, Finding
from scheduler.api.doctor.quotas import of_quotas
from scheduler.api.errors import json_response
from scheduler.api.info import ServerInfo
from scheduler.api.needs import everywhere
from scheduler.api.routes import routes
from scheduler.core.facts.conditions import condition
from scheduler.core.lifecycle.arrival import on_hold
from scheduler.core.offer import isolators
from scheduler.core.world import World
from scheduler.loop.inside import InsideError
from scheduler.loop.roles import Roles
from scheduler.model.json import Json
from scheduler.model.records import Condition

_LITTLE_SPACE, _TOO_LITTLE_SPACE = 1 << 30, 100 << 20  # bytes
_TESTED = "1.11"
_SQLITE = "sqlite:///"


AskRoles = Callable[[], Awaitable[Roles]]  # of the master; raises InsideError


def doctor_routes(info: ServerInfo, world: World, ask_roles: AskRoles | None) -> list[Route]:
    """The route. It names pods and agents, so it needs the permission to view all."""

    async def show(request: Request) -> Response:
        store = str(info.config.get("store") or "")
        space = await asyncio.to_thread(_of_store, store)
        quota = await _of_quota(world, ask_roles)
        found = [*_of_mesos(world), *_of_framework(info, world), *_of_pods(world), *quota]
        found += [*_of_executor(info, world), *of_failures(world), space]
        return json_response({"checks": [_shown(each) for each in found]})

    return routes("/v2/doctor", show, needs=everywhere(Permission.VIEW))


def _shown(finding: Finding) -> Json:
    shown: Json = {"check": finding.check, "result": finding.result, "message": finding.message}
    return shown | ({"advice": finding.advice} if finding.advice else {})


def _of_mesos(world: World) -> Iterator[Finding]:
    connection = world.volatile.connection
    if not connection.subscribed:
        yield Finding(
            "master",
            FAILED,
            "no Mesos master accepts the subscription",
            "Check --master, that a master leads, and the scheduler's log, which has the master's reason.",
        )
        return
    version = connection.mesos_version or "of an unknown version"
    is_tested = version == _TESTED or version.startswith(f"{_TESTED}.")
    yield Finding(
        "master",
        OK if is_tested else WARNING,
        f"subscribed at {connection.master}, Mesos {version}",
        "" if is_tested else f"podexec is tested with Mesos {_TESTED}.",
    )
    held = on_hold(world)
    if held is not None:
        message = f"nothing is launched yet: {held}"
        yield Finding("arrival", WARNING, message, "Wait for it; the scheduler's log says more.")


def _of_framework(info: ServerInfo, world: World) -> Iterator[Finding]:
    framework = world.framework
    if framework is None:
        yield Finding("framework", FAILED, "the store has no framework id: Mesos has never accepted this scheduler")
    elif world.volatile.namesakes:
        others = ", ".join(each.id for each in world.volatile.namesakes[:MOST_NAMED])
        yield Finding(
            "framework",
            WARNING,
            f"{framework.id}; others of the name {info.name} have running tasks: {others}",
            "If the store was lost, stop the scheduler and restore a backup; otherwise tear the others down.",
        )
    else:
        yield Finding("framework", OK, f"{framework.id}, as in the store")
    if world.volatile.orphans:
        yield Finding(
            "orphans",
            WARNING,
            f"{len(world.volatile.orphans)} running tasks or executors are on no record",
            "podexec orphan list",
        )


def _of_pods(world: World) -> Iterator[Finding]:
    """The roles whose resources are needed, and what agents must be able to do."""
    subscribed = ", ".join(world.roles())
    unanswered = sorted(world.volatile.connection.unanswered)
    if unanswered:
        yield Finding(
            "roles",
            WARNING,
            f"subscribed to {subscribed}; no offers have come for {', '.join(unanswered[:MOST_NAMED])}",
            "Check the master's quota, weights and ACLs for it, and whether agents have unused resources.",
        )
    else:
        yield Finding("roles", OK, f"subscribed to {subscribed}; no role waits for offers")
    agents = world.volatile.isolators.values()
    problems = [
        (pod.id, path, message)
        for pod in world.pods.values()
        for path, message in isolators.problems(agents, world.current(pod))
    ]
    for pod_id, path, message in problems[:MOST_NAMED]:
        yield Finding("isolators", FAILED, f"{pod_id} {path}: {message}", "Add it to the --isolation of agents.")
    if len(problems) > MOST_NAMED:
        yield Finding("isolators", FAILED, f"{len(problems) - MOST_NAMED} more such problems")
    if not problems:
        known = len(world.volatile.isolators)
        message = (
            f"{known} agents are known, and can run the {len(world.pods)} pods" if known else "no agent is known yet"
        )
        yield Finding("isolators", OK if known or not world.pods else WARNING, message)


async def _of_quota(world: World, ask_roles: AskRoles | None) -> Iterable[Finding]:
    """Nothing if there is no master to ask, which is a finding of its own."""
    if ask_roles is None or not world.volatile.connection.subscribed:
        return ()
    try:
        roles = await ask_roles()
    except InsideError as error:
        advice = "If the master has ACLs, allow view_roles for the scheduler's principal."
        return (Finding("quota", WARNING, f"the quota of roles is not known: {error}", advice),)
    return of_quotas(world, roles)


def _of_executor(info: ServerInfo, world: World) -> Iterator[Finding]:
    running = [each for each in world.instances.values() if condition(each) is Condition.RUNNING]
    agents = {each.agent.id for each in running if each.agent is not None}
    kind = str(info.config.get("executor") or "default")
    if agents:
        yield Finding("executor", OK, f"{kind}; it runs on {len(agents)} agents")
        return
    failed = next((each.terminations[-1].message for each in world.pods.values() if each.terminations), "")
    yield Finding(
        "executor",
        WARNING if failed or world.pods else OK,
        f"{kind}; it runs nowhere now" + (f"; the last instance ended: {failed}" if failed else ""),
        "podexec pod logs ID --executor shows why executors fail; agents must reach its URI, and have its Python."
        if failed
        else "",
    )


def _of_store(store: str) -> Finding:
    if not store.startswith(_SQLITE):
        return Finding("store", OK, f"{store or 'unknown'}: not on a disk of this machine")
    folder = Path(store.removeprefix(_SQLITE)).absolute().parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("store", FAILED, f"{folder}: {error.strerror or error}", "Check the disk of the store.")
    message = f"{store}: {free >> 20} MiB are free"
    if free < _TOO_LITTLE_SPACE:
        return Finding("store", FAILED, message, "Make room on that disk: without it, the scheduler stops.")
    is_little = free < _LITTLE_SPACE
    return Finding("store", WARNING if is_little else OK, message, "Make room on that disk." if is_little else "")
