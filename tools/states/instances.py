"""Instances: the conditions of their tasks, their phases, the actions by goal and phase, and their buckets."""

from collections.abc import Iterator
from itertools import product

from msgspec.structs import replace

from scheduler.core.events import StatusUpdated
from scheduler.core.facts.conditions import RANK, UNCHECKED, Phase, phase, task_state
from scheduler.core.facts.roster import Bucket, bucket_of
from scheduler.core.lifecycle import backoff, statuses
from scheduler.core.lifecycle.instances import _ACTIONS
from scheduler.core.placement import constraints
from scheduler.model.records import Condition, Goal, Instance, Task
from tools.states.text import diagram, meanings, table, words

# The conditions that a status may report.
_REPORTED = [each for each in RANK if each is not Condition.PROVISIONED]


def page() -> Iterator[str]:
    """The part of the page on instances."""
    yield "## Conditions of tasks"
    yield (
        "A terminal task ignores every later status. An instance has the condition of its tasks that comes first here; "
        "without tasks it is `Scheduled`, and if it has been unreachable so long that a replacement was started it is "
        "`UnreachableInactive`."
    )
    yield table(
        ("condition", "Mesos' task state", "terminal", "delays the relaunch", "counts for constraints"), _conditions()
    )
    yield "## Phases"
    yield (
        "The phase of an incarnation follows from all its tasks. The arrows show how a status of one of two tasks "
        "changes it."
    )
    yield table(("phase", "meaning"), ((f"`{name}`", text) for name, text in meanings(Phase).items()))
    yield diagram(_edges())
    yield "## Actions"
    yield (
        "Whenever an instance changes, its goal and its phase decide the next action. The actions are functions of "
        "`scheduler/core/lifecycle/instances.py`, or of the named module."
    )
    yield table(("goal", *(f"`{each.name}`" for each in Phase)), _actions())
    yield "## Buckets"
    yield "Deployments and scaling depend only on the number of a pod's instances in each bucket."
    yield table(("bucket", "meaning"), ((f"`{name}`", text) for name, text in meanings(Bucket).items()))
    yield table(("goal", *(f"`{each.name}`" for each in Phase)), _buckets())


def _conditions() -> Iterator[tuple[str, ...]]:
    for each in RANK:
        yield (
            f"`{each.value}`",
            f"`{task_state(each)}`",
            _tick(each.terminal),
            _tick(each in backoff._FAILURES),  # noqa: SLF001 - the table is to be shown
            _tick(each not in constraints._NOT_PLACED),  # noqa: SLF001
        )


def _edges() -> dict[tuple[str, str], list[str]]:
    """The transitions between phases, by the conditions that cause them, found by trying every status on all pairs."""
    found: dict[tuple[Phase, Phase], set[Condition]] = {}
    seen: set[tuple[Condition, ...]] = set()
    left: list[tuple[Condition, ...]] = [(Condition.PROVISIONED,) * 2]
    while left:
        pair = left.pop()
        if pair in seen:
            continue
        seen.add(pair)
        before = _instance(*pair)
        for number, reported in product(range(2), _REPORTED):
            status = StatusUpdated(before.tasks[number].id, reported, None, None, 0.0)
            moved = statuses._apply(before, before.tasks[number], status, 0.0).condition  # noqa: SLF001
            after = tuple(moved if index == number else each for index, each in enumerate(pair))
            left.append(after)
            if phase(before) is not phase(_instance(*after)):
                found.setdefault((phase(before), phase(_instance(*after))), set()).add(reported)
    edges: dict[tuple[str, str], list[str]] = {
        ("[*]", Phase.WAITING.name): [],
        (Phase.WAITING.name, Phase.ALIVE.name): ["launch"],
    }
    for way in product(Phase, Phase):
        if way in found:
            edges[way[0].name, way[1].name] = [each.value for each in RANK if each in found[way]]
    for goal, target in ((Goal.RUNNING, Phase.WAITING.name), (Goal.DECOMMISSIONED, "[*]")):
        edges[Phase.ENDED.name, target] = [f"{_action(goal, Phase.ENDED)} (goal {goal.value})"]
    return edges


def _actions() -> Iterator[tuple[str, ...]]:
    for goal in Goal:
        yield (f"`{goal.value}`", *(_action(goal, each) for each in Phase))


def _action(goal: Goal, at: Phase) -> str:
    """The name of the function, with its module's if that is not the table's."""
    action = _ACTIONS[goal, at]
    if action is None:
        return "-"
    module = action.__module__.rpartition(".")[2]
    return words(action.__name__) if module == "instances" else f"{module}: {words(action.__name__)}"


def _buckets() -> Iterator[tuple[str, ...]]:
    """The buckets of samples of every phase, with and without an instance's flags."""
    samples = [
        _instance(*conditions, killing=killing, inactive=inactive)
        for conditions in ((), *product(RANK), *product(RANK, RANK))
        for killing, inactive in ((False, False), (True, False), (False, True))
    ]
    for goal in Goal:
        found: dict[Phase, set[Bucket]] = {each: set() for each in Phase}
        for sample in samples:
            if sample.inactive and phase(sample) is not Phase.UNREACHABLE:
                continue  # only an unreachable instance is inactive
            if goal is Goal.RUNNING and phase(sample) is Phase.ENDED:
                continue  # it is relaunched at once
            found[phase(sample)].add(bucket_of(replace(sample, goal=goal), UNCHECKED))
        cells = (" or ".join(f"`{each.name}`" for each in Bucket if each in found[at]) for at in Phase)
        yield (f"`{goal.value}`", *(cell or "-" for cell in cells))


def _instance(*conditions: Condition, killing: bool = False, inactive: bool = False) -> Instance:
    return Instance(
        id="i",
        pod_id="/p",
        version="",
        goal=Goal.RUNNING,
        incarnation=1,
        created_at=0.0,
        since=0.0,
        role="*",
        tasks=tuple(Task(f"t{number}", "c", each, 0.0, 0.0) for number, each in enumerate(conditions)),
        killing=killing,
        inactive=inactive,
    )


def _tick(fact: bool) -> str:
    return "yes" if fact else ""
