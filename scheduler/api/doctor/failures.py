"""Why launches failed, where podexec knows the cause by its signs: ACLs, fetching, and the Python of agents."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from scheduler.api.doctor.finding import FAILED, MOST_NAMED, Finding
from scheduler.core.facts.conditions import condition
from scheduler.core.world import World
from scheduler.model.records import Condition, Pod, Termination, What


class _Cause(NamedTuple):
    """A cause that an end shows; ``sign``: in its message."""

    check: str
    sign: re.Pattern[str] | None
    what: str
    advice: str


_RESERVATION = _Cause(
    "acl",
    None,
    "the master refuses launches with their reservations",
    "Allow reserve_resources and create_volumes in the master's ACLs, for the scheduler's principal and the role.",
)
_CAUSES = (
    _Cause(
        "acl",
        re.compile(r"not authorized|unauthorized", re.IGNORECASE),
        "the master does not authorize launches",
        "Allow them in the master's ACLs: run_tasks for the scheduler's principal and the pod's user.",
    ),
    _Cause(
        "fetching",
        re.compile(r"failed to fetch", re.IGNORECASE),
        "agents cannot fetch a file",
        "If it is the executor, agents must reach its URI (--executor-base-url); if an artifact, check its uri.",
    ),
    _Cause(
        "python",
        re.compile(r"python[\w./-]*['\"]?: (?:command )?(?:not found|no such file|permission denied)", re.IGNORECASE),
        "agents have no Python for the executor",
        "Install it there, name another (--executor-python), or use the static executor, which needs none "
        "(--executor auto).",
    ),
)


def of_failures(world: World) -> Iterator[Finding]:
    """A finding for each known cause for which pods are not running, with the agents."""
    failed = [(pod, pod.terminations[-1]) for pod in world.pods.values() if pod.terminations and _is_short(world, pod)]
    for cause in (*_CAUSES, _RESERVATION):
        found = [(pod, end) for pod, end in failed if _cause(world, pod, end) is cause]
        if found:
            where = sorted({host for _, end in found if (host := _host(world, end))})
            pods = sorted(pod.id for pod, _ in found)
            agents = f" ({_some(where)})" if where else ""
            message = f"{cause.what}{agents}: {_some(pods)} ended with: {found[-1][1].message}"
            yield Finding(cause.check, FAILED, message, cause.advice)


def _cause(world: World, pod: Pod, end: Termination) -> _Cause | None:
    """What the end shows as its cause. A reservation that is refused is not named: the launch is invalid without it."""
    named = next((each for each in _CAUSES if each.sign is not None and each.sign.search(end.message)), None)
    is_invalid = any(each.condition is Condition.ERROR for each in end.tasks)
    return _RESERVATION if named is None and is_invalid and world.current(pod).resident else named


def _is_short(world: World, pod: Pod) -> bool:
    """Whether instances of the pod are not running; an end is no finding once its successor runs."""
    return any(condition(each) is not Condition.RUNNING for each in world.instances_of(pod.id))


def _host(world: World, end: Termination) -> str:
    """The agent of an ended run, if it is still known."""
    instance = world.instances.get(end.instance_id)
    if instance is None:
        return ""
    if instance.ended is not None and instance.ended.agent is not None:
        return instance.ended.agent.hostname
    return next((each.where for each in reversed(instance.story) if each.what is What.LAUNCHED), "")


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
