"""The launch queue as the API shows it: the instances waiting for an offer, and why they are still pending.

Marathon's funnel counts the declined offers per reason; only the first reason of an offer counts. The extra ``nearest``
shows the best offer for each reason, and ``lastTermination`` why the instance that waits first has a back-off.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from scheduler.core import mesos_json
from scheduler.core.offer.refusals import REASONS, QueueHistory, Refusal
from scheduler.core.offer.resources import role_of
from scheduler.core.queues import pod_of_queue
from scheduler.core.views.entries import MESSAGE, entry
from scheduler.core.views.extras import extras
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition, render
from scheduler.model.json import Json
from scheduler.model.records import Instance
from scheduler.model.times import timestamp

# By agent id: why its last offer was not used.
_Refusals = dict[str, Sequence[Refusal]]


def queue_view(
    world: World,
    now: float,
    *,
    with_offers: bool = False,
    with_extras: bool = False,
    shown: Callable[[str], bool] | None = None,
) -> list[Json]:
    """An entry for every queue; ``with_offers``: including the last unused offers; ``shown``: only for these pods."""
    queues = (each for each in world.queues.waiting if shown is None or shown(pod_of_queue(each)))
    return [_any_entry(world, queue, now, with_offers, with_extras) for queue in queues]


def _any_entry(world: World, queue: str, now: float, with_offers: bool, with_extras: bool) -> Json:
    waiting = world.queues.waiting[queue]
    first = world.instances[next(iter(waiting))]
    instead = {
        "count": len(waiting),
        "role": first.role,
        "delay": {"timeLeftSeconds": 0, "overdue": True},
        "since": timestamp(0),
        "processedOffersSummary": _summary(world, QueueHistory(0.0), {}),
        "pod": {"id": first.pod_id},
        "message": MESSAGE,
    }
    return entry(world, queue, lambda: _entry(world, queue, now, with_offers, with_extras), instead)


def _entry(world: World, queue: str, now: float, with_offers: bool, with_extras: bool) -> Json:
    waiting = world.queues.waiting[queue]
    first = world.instances[next(iter(waiting))]
    attempt = world.queues.histories.get(queue) or QueueHistory(first.since)
    last = _last_refusals(attempt)
    shown: Json = {
        "count": len(waiting),
        "role": first.role,
        "delay": _delay(world, queue, now),
        "since": timestamp(world.wall(first.since)),
        "processedOffersSummary": _summary(world, attempt, last),
        "pod": render(_definition(world, first)),
        **extras(
            asked=with_extras,
            nearest=list(nearest(last.values())) or None,
            lastTermination=_last_termination(world, first),
        ),
    }
    if with_offers:
        shown["lastUnusedOffers"] = _unused_offers(world, attempt)
    return shown


def _last_termination(world: World, waiting: Instance) -> str | None:
    """The message with which the last launch of the instance ended, if that is remembered."""
    ended = (each for each in reversed(world.pods[waiting.pod_id].terminations) if each.instance_id == waiting.id)
    return next((each.message for each in ended if each.message), None)


def _definition(world: World, waiting: Instance) -> PodDefinition:
    """The definition with which the instance will be launched."""
    pod = world.pods[waiting.pod_id]
    is_current = waiting.config_version == pod.config_version
    return world.current(pod) if is_current else world.definition(waiting.pod_id, waiting.version)


def _delay(world: World, queue: str, now: float) -> Json:
    delay = world.queues.delays.get(queue)
    left = max(0, math.ceil(delay.until - now)) if delay is not None else 0
    return {"timeLeftSeconds": left, "overdue": left == 0}


# ----------------------------------------------------------------------------- refusals


def _last_refusals(attempt: QueueHistory) -> _Refusals:
    last: _Refusals = {}
    for tried in attempt.rounds:
        last.update(tried.refusals)
    return last


def _summary(world: World, attempt: QueueHistory, last: _Refusals) -> Json:
    summary: Json = {
        "processedOffersCount": attempt.offers,
        "unusedOffersCount": attempt.declined.total(),
        "rejectSummaryLastOffers": list(_funnel(len(last), _first_reasons(last.values()))),
        "rejectSummaryLaunchAttempt": list(_funnel(attempt.offers, attempt.declined)),
    }
    if attempt.last_unused_at is not None:
        summary["lastUnusedOfferAt"] = timestamp(world.wall(attempt.last_unused_at))
    if attempt.last_used_at is not None:
        summary["lastUsedOfferAt"] = timestamp(world.wall(attempt.last_used_at))
    return summary


def _first_reasons(refused: Iterable[Sequence[Refusal]]) -> Counter[str]:
    return Counter(min((refusal.reason for refusal in refusals), key=REASONS.index) for refusals in refused)


def _funnel(offers: int, declined: Mapping[str, int]) -> Iterator[Json]:
    """For each reason, how many offers reached it, and how many of those it removed."""
    for reason in REASONS:
        taken = declined.get(reason, 0)
        yield {"reason": reason, "declined": taken, "processed": offers}
        offers -= taken


def nearest(refused: Iterable[Sequence[Refusal]]) -> Iterator[Json]:
    """For each reason that occurred: on how many agents, and the best offer among them."""
    by_reason: dict[str, list[Refusal]] = {}
    for refusal in (each for refusals in refused for each in refusals):
        by_reason.setdefault(refusal.reason, []).append(refusal)
    for reason in sorted(by_reason, key=REASONS.index):
        given = by_reason[reason]
        best = max(given, key=lambda each: _number(each.offered))
        yield {"reason": reason, "asked": best.asked, "offered": best.offered, "agents": len(given)}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -math.inf


# ------------------------------------------------------------------------------- offers


def _unused_offers(world: World, attempt: QueueHistory) -> list[Json]:
    """The last unused offer of each agent among the samples, newest last."""
    kept: dict[str, Json] = {}
    for tried in attempt.rounds:
        for agent_id, offer in tried.samples.items():
            kept.pop(agent_id, None)
            kept[agent_id] = {
                "timestamp": timestamp(world.wall(tried.at)),
                "reason": list(dict.fromkeys(refusal.reason for refusal in tried.refusals[agent_id])),
                "offer": _offer(offer),
            }
    return list(kept.values())


def _offer(offer: Json) -> Json:
    return {
        "id": offer["id"]["value"],
        "hostname": offer["hostname"],
        "agentId": offer["agent_id"]["value"],
        "resources": [
            {"name": each["name"], "role": role_of(each), **_value(each)} for each in offer.get("resources", ())
        ],
        "attributes": [{"name": each["name"], **_value(each)} for each in offer.get("attributes", ())],
    }


def _value(of: Json) -> Json:
    """The value of a resource or an attribute, by its type."""
    kind = of["type"].lower()
    value = of.get(kind, {})
    match kind:
        case "ranges":
            return {"ranges": [{"begin": begin, "end": end} for begin, end in mesos_json.ranges(value)]}
        case "set":
            return {"set": list(value.get("item", ()))}
        case "text":
            return {"text": value["value"]}
        case _:
            return {"scalar": value["value"]}
