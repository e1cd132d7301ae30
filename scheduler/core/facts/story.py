"""The story of an instance: what happened to it, beyond what its other fields say.

The normal course of the current incarnation - created, launched, running - follows from the times in the record, and is
entered only when the incarnation has ended. So an instance to which nothing happens has no story (ADR 27).
"""

from collections.abc import Iterable

from msgspec.structs import replace

from scheduler.core.facts.conditions import RANK
from scheduler.model.records import Condition, Happening, Instance, Task, What

MOST = 50  # happenings kept of each instance, and of each pod
_CYCLES = (1, 2, 3, 4, 5)  # the longest: waited, launched, running, killed, ended
_LONGEST = 200  # characters of a cause
_AWAY = frozenset({Condition.UNREACHABLE, Condition.UNKNOWN})

Happenings = tuple[Happening, ...]


def told(instance: Instance, *more: Happening) -> Instance:
    """The instance with more happenings."""
    return replace(instance, story=grown(instance.story, more))


def grown(story: Happenings, more: Iterable[Happening]) -> Happenings:
    """A story with more happenings, of which the last are kept. What only repeats is counted, not added: a container
    that always ends in the same way does not fill the story.
    """
    longer = (*story, *more)
    for length in _CYCLES:
        if len(longer) < 2 * length:
            break
        if _is_same(longer[-1 - length], longer[-1]):  # as a rule it is not, and nothing else has to be compared
            last, before = longer[-length:], longer[-2 * length : -length]
            if all(map(_is_same, before, last)):
                return (*longer[: -2 * length], *map(_counted, before, last))
    return longer[-MOST:]


def _is_same(before: Happening, after: Happening) -> bool:
    return before.what is after.what and before.about == after.about and before.cause == after.cause


def _counted(before: Happening, after: Happening) -> Happening:
    first = before.at if before.first is None else before.first
    return replace(after, cause=before.cause, times=before.times + after.times, first=first)


def happening(at: float, what: What, about: str = "", cause: str = "", where: str = "") -> Happening:
    """A happening; the cause is cut if it is long."""
    return Happening(at, what, about, cause if len(cause) <= _LONGEST else f"{cause[: _LONGEST - 1]}…", where)


def of_status(instance: Instance, before: Task, after: Task, now: float) -> Happenings:
    """The instance's story after a status of one of its tasks."""
    if _is_quiet(before, after):
        return instance.story
    found = tuple(happening(now, what, about, cause) for what, about, cause in _of_status(instance, before, after))
    return grown(instance.story, found) if found else instance.story


def _is_quiet(before: Task, after: Task) -> bool:
    """Whether a change is of the normal course, as nearly all are."""
    return (
        before.condition not in _AWAY
        and after.condition not in _AWAY
        and before.healthy is not False
        and after.healthy is not False
        and before.ready is not False
        and after.ready is not False
        and before.restarts == after.restarts
        and (after.essential or not after.condition.terminal or after.condition is Condition.FINISHED)
    )


def _of_status(instance: Instance, before: Task, after: Task) -> Iterable[tuple[What, str, str]]:
    if after.restarts > before.restarts:
        yield What.RESTARTED, after.container, after.message
    if before.healthy is not False and after.healthy is False:
        yield What.UNHEALTHY, after.container, after.message
    elif before.healthy is False and after.healthy:
        yield What.HEALTHY, after.container, ""
    if before.ready and after.ready is False:
        yield What.NOT_READY, after.container, after.message
    elif before.ready is False and after.ready:
        yield What.READY, after.container, ""
    was_away, is_away = before.condition in _AWAY, after.condition in _AWAY
    others = any(task.condition in _AWAY for task in instance.tasks if task is not before)
    if is_away and not was_away and not others:
        yield What.UNREACHABLE, "", after.message
    elif was_away and not is_away and not after.condition.terminal and not others:
        yield What.REACHABLE, "", ""
    if not after.essential and after.condition.terminal and after.condition is not Condition.FINISHED:
        yield What.FAILED, after.container, after.message


def course(instance: Instance) -> Happenings:
    """What follows from the tasks of the current incarnation, or of the one that has just ended."""
    tasks = instance.tasks
    if not tasks:
        return ()
    where = instance.agent.hostname if instance.agent is not None else ""
    launched = Happening(tasks[0].staged_at, What.LAUNCHED, where=where)  # all are launched together
    latest = launched.at
    for task in tasks:
        if task.started_at is None:
            return (launched,)
        latest = max(latest, task.started_at)
    return launched, Happening(latest, What.RUNNING)


def folded(instance: Instance, now: float) -> Happenings:
    """The story with the current incarnation, which has ended."""
    if not instance.tasks:
        return instance.story
    story = instance.story
    first = next((place + 1 for place in reversed(range(len(story))) if story[place].what is What.ENDED), 0)
    latest = sorted((*course(instance), *story[first:]), key=lambda each: each.at)
    return grown(story[:first], (*latest, end(instance, now)))


def end(instance: Instance, now: float, about: str = "") -> Happening:
    """The end of the current incarnation, with its cause: why it was killed, or how the first container ended."""
    if not instance.tasks:
        return happening(now, What.ENDED, about, _kill(instance.story, instance.created_at))
    cause = instance.tasks[0]
    for task in instance.tasks:
        if (RANK[task.condition], task.since) < (RANK[cause.condition], cause.since):
            cause = task
    if cause.condition in (Condition.KILLED, Condition.FINISHED):
        killed = _kill(instance.story, instance.tasks[0].staged_at)
        if killed:
            return happening(now, What.ENDED, about, killed)
    return happening(now, What.ENDED, about, f"{cause.container}: {cause.message or cause.condition.value.lower()}")


def _kill(story: Happenings, since: float) -> str:
    """Why the instance was killed last, if it was since then."""
    killed = (each.cause for each in reversed(story) if each.what is What.KILLED and each.at >= since)
    return next(killed, "")
