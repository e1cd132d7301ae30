"""Deployments: their plans, and how they end. Both are found by calling the core."""

import json
from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from scheduler.core.effects import Publish
from scheduler.core.events import (
    DeploymentCancelled,
    DeploymentPaused,
    DeploymentResumed,
    Event,
    GroupDeleted,
    PodDeleted,
    PodPosted,
    PodPut,
    PodRestarted,
    Rollout,
    StatusUpdated,
    Ticked,
)
from scheduler.core.frame import Frame, Record
from scheduler.core.settings import ExecutorCommand, Settings
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Action, Condition, Deployment, Goal, Instance, Pod, PodChange, Task
from tools.states.text import diagram, meanings, table

_OLD, _NEW = "2024-01-01T00:00:00.000Z", "2024-01-02T00:00:00.000Z"
_DATABASE, _APP = "/shop/db", "/shop/app"
_NOW = 2_000_000_000.0
_DEADLINE = _NOW + 60
_ANOTHER: Json = {"environment": {"VERSION": "2"}}
_STATES = ("waiting", "running", "paused")


def page() -> Iterator[str]:
    """The part of the page on deployments."""
    yield "## Deployments"
    yield "A deployment is a plan of steps, carried out one after the other; the actions of a step run in parallel."
    yield table(("action", "meaning"), ((f"`{each.value}`", meanings(Action)[each.name]) for each in Action))
    yield f"The plans for some requests; `{_APP}` depends on `{_DATABASE}`, and both have one instance:"
    yield table(("request", "steps"), _plans())
    yield (
        "An action starts when the pod's dependencies are ready; a step is done when all its actions are. "
        "The states of a deployment in its last step:"
    )
    yield diagram(_edges())


# -------------------------------------------------------------------------------- plans


def _plans() -> Iterator[tuple[str, str]]:
    asked: list[tuple[str, Event]] = [
        ("a new pod", PodPosted(1, _definition("/new"))),
        ("another number of instances", PodPut(1, _definition(_APP, instances=3))),
        ("a change that restarts instances", PodPut(1, _definition(_APP, changes=_ANOTHER))),
        ("such a change, with zero instances", PodPut(1, _definition(_APP, instances=0, changes=_ANOTHER))),
        (
            "a change that affects only later launches",
            PodPut(1, _definition(_APP, changes={"executorResources": {"cpus": 0.2}})),
        ),
        ("the same definition again", PodPut(1, _definition(_APP))),
        ("a restart", PodRestarted(1, _APP)),
        ("removal of a pod", PodDeleted(1, _APP)),
        ("removal of the group", GroupDeleted(1, "/shop")),
    ]
    for request, event in asked:
        yield request, _steps(step(_world(), event, _NOW))
    removal = _world()
    step(removal, GroupDeleted(1, "/shop"), _NOW)
    (deployment_id,) = removal.deployments
    yield "rollback of that", _steps(step(removal, DeploymentCancelled(2, deployment_id), _NOW))


def _steps(frame: Frame) -> str:
    plans = [each.content["plan"] for each in frame.effects if isinstance(each, Publish) and "plan" in each.content]
    shown = [" and ".join(f"`{each['action']}` {each['pod']}" for each in one["actions"]) for one in plans[-1]["steps"]]
    return ", then ".join(shown) or "none: it finishes at once"


# --------------------------------------------------------------------------------- ends


def _edges() -> dict[tuple[str, str], Sequence[str]]:
    """The transitions between states, by the events that cause them."""
    events: dict[str, Callable[[], Event]] = {
        "dependencies ready": lambda: _running(_DATABASE),
        "all instances ready": lambda: _running(_APP),
        "pause": lambda: DeploymentPaused(1, "d"),
        "resume": lambda: DeploymentResumed(1, "d"),
        "stop": lambda: DeploymentCancelled(1, "d", rollback=False),
        "roll back": lambda: DeploymentCancelled(1, "d"),
        "deadline": Ticked,
        "later change with force": lambda: PodPut(
            1, _definition(_APP, changes={"user": "nobody"}), Rollout(force=True)
        ),
    }
    found: dict[tuple[str, str], list[str]] = {("[*]", "waiting"): [], ("[*]", "running"): []}
    for before in _STATES:
        for cause, event in events.items():
            world = _world(before)
            frame = step(world, event(), _DEADLINE if cause == "deadline" else _NOW)
            after = _state(world, frame)
            if after != before:
                found.setdefault((before, after), []).append(cause)
    ends = dict.fromkeys(after for _, after in found if after not in _STATES)
    edges = {(_name(before), _name(after)): labels for (before, after), labels in found.items()}
    return {**edges, **{(_name(end), "[*]"): [] for end in ends}}


def _state(world: World, frame: Frame) -> str:
    deployment = world.deployments.get("d")
    if deployment is not None:
        return "paused" if deployment.paused else "running" if deployment.released else "waiting"
    if any(each.reverts == "d" for each in world.deployments.values()):
        return "rolled back"
    kinds = {each.kind for each in frame.effects if isinstance(each, Publish)}
    return "finished" if "deployment_success" in kinds and "deployment_failed" not in kinds else "cancelled"


def _name(state: str) -> str:
    return state.replace(" ", "_")


# -------------------------------------------------------------------------------- worlds


def _world(state: str | None = None) -> World:
    """Two running pods; with a state, a deployment in that state restarts the one that depends on the other."""
    records: list[Record] = [
        Pod(_DATABASE, _OLD, _OLD),
        _definition(_DATABASE, _OLD),
        _instance(_DATABASE, Condition.STAGING if state == "waiting" else Condition.RUNNING),
        _definition(_APP, _OLD),
    ]
    if state is None:
        records += [Pod(_APP, _OLD, _OLD), _instance(_APP, Condition.RUNNING)]
        return World(_settings(), 0, records)
    changed = _definition(_APP, _NEW, changes=_ANOTHER)
    # The old instance, unreachable and decommissioned, no longer counts.
    old = replace(_instance(_APP, Condition.UNREACHABLE), id="app-old", goal=Goal.DECOMMISSIONED)
    new = replace(_instance(_APP, Condition.STAGING), version=_NEW, config_version=_NEW)
    deployment = Deployment(
        id="d",
        version=_NEW,
        created_at=_NOW,
        changes=(PodChange(_APP, (_OLD, _OLD), _NEW),),
        steps=(((Action.RESTART, _APP),),),
        released=() if state == "waiting" else (_APP,),
        paused=state == "paused",
        deadline=None if state == "paused" else _DEADLINE,
    )
    old = replace(old, tasks=tuple(replace(each, id=f"{each.id}-old") for each in old.tasks))
    return World(_settings(), 0, [*records, changed, Pod(_APP, _NEW, _NEW), old, new, deployment])


def _settings() -> Settings:
    return Settings(executor=ExecutorCommand(command=None))


def _definition(
    pod_id: str, version: str | None = None, *, instances: int = 1, changes: Json | None = None
) -> PodDefinition:
    document = {
        "id": pod_id,
        "version": version,
        "role": "*",
        "containers": [{"name": "main", "resources": {}}],
        "scaling": {"kind": "fixed", "instances": instances},
        "dependencies": [_DATABASE] if pod_id == _APP else [],
        **(changes or {}),
    }
    return PodDefinition.model_validate_json(json.dumps(document))


def _instance(pod_id: str, condition: Condition) -> Instance:
    return Instance(
        id=pod_id,
        pod_id=pod_id,
        version=_OLD,
        goal=Goal.RUNNING,
        incarnation=1,
        created_at=0.0,
        since=0.0,
        role="*",
        tasks=(Task(f"{pod_id}.main.1", "main", condition, 0.0, 0.0),),
        config_version=_OLD,
    )


def _running(pod_id: str) -> StatusUpdated:
    return StatusUpdated(f"{pod_id}.main.1", Condition.RUNNING, "A1", None, _NOW)
