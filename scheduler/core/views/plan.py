"""What a change of a pod would do, as the API shows it before it is made. Changes nothing.

The decisions are those of the change itself: ``rollout.intent``, ``rollout.upgrade`` and ``placement.matching``.
"""

from collections.abc import Sequence

from scheduler.core.events import Rollout
from scheduler.core.facts.roster import Bucket
from scheduler.core.offer.demand import demand
from scheduler.core.placement.fitting import Fit, fit
from scheduler.core.rollout import deployments
from scheduler.core.rollout.forecast import Forecast, forecast
from scheduler.core.rollout.intent import Intent, intended, is_as_defined
from scheduler.core.rollout.upgrade import Counts
from scheduler.core.views.queue import nearest
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.policy.judgement import Finding
from scheduler.model.records import Action

_WANTED = (Bucket.READY, Bucket.UNREADY)


def plan_view(world: World, asked: PodDefinition, rollout: Rollout, now: float, found: Sequence[Finding]) -> Json:
    """The plan of a change that would be accepted, without the differences; ``found``: what the policy warns about."""
    intent = intended(world, asked, world.wall(now))
    roster = world.roster(asked.id)
    there, wanted = roster.everyone(*_WANTED), asked.scaling.instances
    if intent.before is not None and not intent.is_new_version and is_as_defined(world, intent.before):
        action = "none"
    else:
        action = _action(intent)
    course = _course(world, intent, rollout) if action == "replace" else None
    room = _room(world, intent, action, course, there, now)
    return {
        "id": asked.id,
        **({} if intent.before is None else {"basedOn": intent.before.version}),
        "changes": action != "none",
        "action": action,
        "instances": {"now": there, "ready": roster.everyone(Bucket.READY), "asked": wanted},
        **({} if course is None else {"rollout": _rollout(intent, course)}),
        "summary": _summary(intent, action, there, wanted, course),
        "conflicts": [each.id for each in deployments.conflicting(world, [asked.id])] if action != "none" else [],
        "warnings": [{"path": each.path, "error": each.error} for each in found],
        **({} if room is None else {"fit": _fit(room)}),
    }


def _action(intent: Intent) -> str:
    if intent.before is None:
        return "create"
    for step in intent.steps:
        for action, _ in step:
            return "replace" if action is Action.RESTART else "scale"
    return "store"


def _course(world: World, intent: Intent, rollout: Rollout) -> Forecast:
    roster, current = world.roster(intent.after.id), intent.after.config_version
    counts = Counts(
        new=roster.current(current, *_WANTED),
        new_ready=roster.current(current, Bucket.READY),
        old=roster.outdated(current, *_WANTED),
        old_ready=roster.outdated(current, Bucket.READY),
        ending=roster.outdated(current, Bucket.ENDING),
    )
    definition = intent.definition
    return forecast(
        definition.scaling.instances,
        definition.scheduling.upgrade,
        counts,
        resident=definition.resident,
        batch=rollout.batch_size,
    )


def _rollout(intent: Intent, course: Forecast) -> Json:
    return {
        "replaced": course.replaced,
        "batches": course.batches,
        "largestBatch": course.largest_batch,
        "lowestReady": course.lowest_ready,
        "most": course.most,
        "inPlace": intent.definition.resident,
    }


def _summary(intent: Intent, action: str, there: int, wanted: int, course: Forecast | None) -> str:
    if action == "none":
        return "nothing changes"
    if action == "create":
        return f"the pod is created with {_instances(wanted)}"
    if course is not None:
        how = "restarted on their agents" if intent.definition.resident else "replaced"
        first = f"{_instances(course.replaced)} {how} in {_number(course.batches, 'batch', 'batches')}"
        size = f" of up to {course.largest_batch}" if course.batches > 1 else ""
        return f"{first}{size}; at least {course.lowest_ready} ready on the way, at most {course.most} at a time"
    if action == "scale":
        more = wanted - there
        return f"no instance restarts; {abs(more)} {'more' if more > 0 else 'fewer'}: {there} -> {wanted}"
    return "no instance restarts; the change applies to later launches"


def _instances(count: int) -> str:
    return _number(count, "instance", "instances")


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _room(world: World, intent: Intent, action: str, course: Forecast | None, there: int, now: float) -> Fit | None:
    """Whether the instances fit that need room while the present ones run; None: there are none."""
    wanted = intent.definition.scaling.instances
    more = {"create": wanted, "scale": wanted - there, "replace": course.most - there if course else 0}.get(action, 0)
    if more <= 0 and action == "replace" and _grows(world, intent):
        unknown = "each instance takes the room of one that ends, and asks for more than that has"
        return Fit(course.largest_batch if course else 0, None, unknown=unknown)
    return fit(world, intent.after, intent.definition, more, world.wall(now)) if more > 0 else None


def _grows(world: World, intent: Intent) -> bool:
    """Whether an instance asks for more of something than one of the current definition."""
    if intent.before is None:
        return False
    before = dict(world.demand(world.current(intent.before)).total)
    return any(amount > before.get(name, 0) for name, amount in demand(intent.definition, world.settings).total)


def _fit(found: Fit) -> Json:
    return {
        "asked": found.asked,
        **({} if found.placed is None else {"placed": found.placed}),
        "agents": found.agents,
        **({"unknown": found.unknown} if found.unknown else {}),
        "nearest": list(nearest(found.refusals)) if found.placed is not None and found.placed < found.asked else [],
    }
