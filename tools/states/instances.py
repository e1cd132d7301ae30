"""Instances: the conditions of their tasks, how far an incarnation is, what is done about it, what it counts as."""

from collections.abc import Iterator
from itertools import product

from scheduler.core.events import StatusUpdated
from scheduler.core.facts.conditions import RANK, UNCHECKED, Phase, phase, task_state
from scheduler.core.facts.roster import Bucket, bucket_of
from scheduler.core.lifecycle import backoff, statuses
from scheduler.core.lifecycle.instances import _ACTIONS
from scheduler.core.placement import constraints
from scheduler.model.records import Condition, Goal, Instance, Task
from tools.states.text import diagram, meanings, table, words

# What a status may say: the rest is known without one.
_TOLD = [each for each in RANK if each is not Condition.PROVISIONED]


def page() -> Iterator[str]:
    """The part of the page on instances."""
    yield "## Conditions of tasks"
    yield (
        "A terminal task ignores every later update. An instance takes the condition that comes first here among its "
        "tasks'; without tasks it is `Scheduled`, and `UnreachableInactive` where it is out of reach for so long that "
        "it is replaced."
    )
    yield table(
        ("condition", "Mesos' word", "terminal", "delays the relaunch", "counts for constraints"), _conditions()
    )
    yield "## How far an incarnation is"
    yield "An instance's phase follows from all its tasks. The arrows are what news of one of two tasks does to it."
    yield table(("phase", "meaning"), ((f"`{name}`", text) for name, text in meanings(Phase).items()))
    yield diagram(_edges())
    yield "## What is done about it"
    yield (
        "By what is wanted of the instance, and its phase; asked whenever something of it changes. These are functions "
        "of `scheduler/core/lifecycle/instances.py`, or of the module that is named."
    )
    yield table(("goal", *(f"`{each.name}`" for each in Phase)), _actions())
    yield "## What an instance counts as"
    yield "Deployments and scaling look at the numbers of these, and at nothing else."
    yield table(("bucket", "meaning"), ((f"`{name}`", text) for name, text in meanings(Bucket).items()))
    yield table(("goal", *(f"`{each.name}`" for each in Phase)), _standings())


def _conditions() -> Iterator[tuple[str, ...]]:
    for each in RANK:
        yield (
            f"`{each.value}`",
            f"`{task_state(each)}`",
            _tick(each.terminal),
            _tick(each in backoff._FAILURES),  # noqa: SLF001 - the table is to be shown
            _tick(each not in constraints._NOT_THERE),  # noqa: SLF001
        )


def _edges() -> dict[tuple[str, str], list[str]]:
    """From phase to phase, by the conditions that lead there; found by trying every update on every pair of tasks."""
    found: dict[tuple[Phase, Phase], set[Condition]] = {}
    seen: set[tuple[Condition, ...]] = set()
    left: list[tuple[Condition, ...]] = [(Condition.PROVISIONED,) * 2]
    while left:
        pair = left.pop()
        if pair in seen:
            continue
        seen.add(pair)
        before = _instance(*pair)
        for number, told in product(range(2), _TOLD):
            news = StatusUpdated(before.tasks[number].id, told, None, None, 0.0)
            moved = statuses._apply(before, before.tasks[number], news, 0.0).condition  # noqa: SLF001
            after = tuple(moved if index == number else each for index, each in enumerate(pair))
            left.append(after)
            if phase(before) is not phase(_instance(*after)):
                found.setdefault((phase(before), phase(_instance(*after))), set()).add(told)
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
    """The name of the function, with its module's where that is another than the table's."""
    action = _ACTIONS[goal, at]
    if action is None:
        return "-"
    module = action.__module__.rpartition(".")[2]
    return words(action.__name__) if module == "instances" else f"{module}: {words(action.__name__)}"


def _standings() -> Iterator[tuple[str, ...]]:
    """Of samples of every phase, with and without the marks an instance may have."""
    samples = [
        _instance(*conditions, killing=killing, inactive=inactive)
        for conditions in ((), *product(RANK), *product(RANK, RANK))
        for killing, inactive in ((False, False), (True, False), (False, True))
    ]
    for goal in Goal:
        found: dict[Phase, set[Bucket]] = {each: set() for each in Phase}
        for sample in samples:
            if sample.inactive and phase(sample) is not Phase.UNREACHABLE:
                continue  # it is so only out of reach
            if goal is Goal.RUNNING and phase(sample) is Phase.ENDED:
                continue  # it is launched again at once
            found[phase(sample)].add(bucket_of(_of_goal(sample, goal), UNCHECKED))
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


def _of_goal(instance: Instance, goal: Goal) -> Instance:
    return Instance(**{name: getattr(instance, name) for name in Instance.__slots__} | {"goal": goal})


def _tick(fact: bool) -> str:
    return "yes" if fact else ""
