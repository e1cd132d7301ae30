"""The handlers of offers: launch waiting instances on them, decline the rest.

An offer is made to one role and used only for pods of that role: Mesos refuses others. A turn launches a limited number
of instances, so that a flood of offers and instances delays nothing else; the rest follows in the next turn, at once.
Very many offers arrive in several events, and no demand is tried twice on the same offer. Offers that fit no waiting
instance are held for a while: instances that are asked for meanwhile are launched at once, and each need not bring all
agents' offers anew. Then they are declined, as those that cannot be read are at once.
"""

from collections.abc import Iterable, Mapping, Sequence

from scheduler.core.due import Due
from scheduler.core.effects import Accept, Decline
from scheduler.core.events import OfferRescinded, OffersReceived
from scheduler.core.lifecycle import arrival
from scheduler.core.offer import shape
from scheduler.core.offer.demand import Demand
from scheduler.core.offer.openoffers import OfferQueue, OpenOffer
from scheduler.core.offer.refusals import MatchRound, QueueHistory
from scheduler.core.placement import constraints, revive
from scheduler.core.placement.launching import QueueLaunch, ResidentQueueLaunch
from scheduler.core.placement.residents import Residents
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.shapes import identifier, shown

MOST_HELD = 2000  # some 20 MB


def on_offers_received(turn: Turn, event: OffersReceived) -> None:
    """Launch the instances that fit, hold the rest."""
    world = turn.world
    if not arrival.is_over(turn.world):  # there was no request for offers
        known = tuple(offer["id"]["value"] for offer in event.offers if identifier(offer.get("id")) is None)
        turn.emit(Decline(known, world.settings.decline_offer_duration))
        return
    progress = world.volatile.match_progress
    if not progress.more:
        progress.since = turn.now
    progress.batch += 1
    progress.more = event.more
    for offer in event.offers:
        complaint = shape.complaint(offer)
        if complaint is None:
            revive.on_offered(turn, offer["allocation_info"]["role"])
            world.volatile.offers[offer["id"]["value"]] = OpenOffer.of(offer, turn.now, progress.batch)
        else:
            _refuse_unreadable(turn, offer, complaint)
    place(turn)


def _refuse_unreadable(turn: Turn, offer: Json, complaint: str) -> None:
    """Decline an unreadable offer, if its id can be read."""
    refuse = turn.world.settings.decline_offer_duration
    agent_id = offer.get("agent_id")
    is_known = identifier(offer.get("id")) is None
    turn.log(
        "error",
        "offer cannot be read, declining it" if is_known else "offer cannot be read",
        offer_id=shown(offer["id"]["value"]) if is_known else "",
        agent_id=shown(agent_id.get("value")) if isinstance(agent_id, dict) else "",
        error=f"offer{complaint}",
    )
    if is_known:
        turn.emit(Decline((offer["id"]["value"],), refuse))


def on_offer_rescinded(turn: Turn, event: OfferRescinded) -> None:
    """Forget an offer that is no longer valid."""
    turn.world.volatile.offers.pop(event.offer_id, None)


def on_demand_grown(turn: Turn) -> None:
    """Try the open offers again: for the queues whose demand grew, and where other instances or reservations decide
    what fits. Whatever else waits was tried on them and does not fit, however much that is.
    """
    progress = turn.world.volatile.match_progress
    queues = dict.fromkeys((*progress.exhausted_queues, *turn.grown))
    progress.exhausted_queues.clear()
    place(turn, None if progress.is_cut_short else queues)


def place(turn: Turn, queues: Iterable[str] | None = None) -> None:
    """Launch on the open offers from these queues, else from all, unless this turn has launched as many as it may."""
    if turn.world.volatile.offers and turn.launches_left > 0:
        _Placing(turn).run(turn.world.queues.launchable_among(queues))


def on_held(turn: Turn, _key: str) -> None:
    """Some offers have been held for long enough."""
    turn.world.volatile.match_progress.decline_waits = False
    _decline(turn)


def _decline(turn: Turn) -> None:
    """Decline the offers that were held for long enough, or are too many."""
    world = turn.world
    offers, progress, settings = world.volatile.offers, world.volatile.match_progress, world.settings
    declined: list[str] = []
    for each in offers.values():  # oldest first
        if each.since + settings.hold_offer_duration > turn.now and len(offers) - len(declined) <= MOST_HELD:
            break
        declined.append(each.id)
    if declined:
        turn.emit(Decline(tuple(declined), settings.decline_offer_duration))
        for offer_id in declined:
            del offers[offer_id]
    if not offers and not progress.more:
        progress.forget_rounds()
    elif offers and not progress.decline_waits:
        progress.decline_waits = True
        world.deadlines.set(next(iter(offers.values())).since + settings.hold_offer_duration, Due.DECLINE)


class _Placing:
    """The launches of one turn."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._world = turn.world
        self._residents: Residents | None = None
        self._offers = list(turn.world.volatile.offers.values())

    def run(self, launchable: Mapping[str, Sequence[str]]) -> None:
        """Launch from these queues, given by role, then accept the offers that were used and hold the others."""
        if self._world.queues.freeing:
            self.residents.free()
        for role, queues in launchable.items():
            mine = OfferQueue(
                [each for each in self._offers if each.role == role],
                self._world.settings.placement,
                self._world.volatile.match_progress.more,
            )
            for queue in queues if mine else ():
                if self._turn.launches_left <= 0:
                    break
                self._launch_from(queue, mine)
                if self._turn.launches_left <= 0:
                    self._world.queues.put_last(queue)
        self._answer()

    def _launch_from(self, queue: str, candidates: OfferQueue) -> None:
        world = self._world
        definition = _definition_of(world, queue)
        demand = world.demand(definition)
        progress = world.volatile.match_progress
        earlier = progress.rounds(queue, demand)
        tried = earlier[-1] if earlier else None
        if tried is None or (tried.batch < progress.batch and constraints.may_allow_later(definition)):
            tried = MatchRound(self._turn.now)
        elif tried.at < progress.since:
            tried = MatchRound(self._turn.now, tried.batch)
        new = candidates.since(tried.batch)
        if new:
            before = tried.launches
            self._queue(queue, definition, demand, new, tried).launch(before + self._turn.launches_left)
            self._turn.launches_left -= tried.launches - before
            if queue in world.queues.waiting and self._turn.launches_left > 0:
                tried.batch = progress.batch
                progress.exhaust(queue, demand, tried)
        if queue in world.queues.waiting:
            history = world.queues.histories.get(queue)
            if history is None:
                history = world.queues.histories[queue] = QueueHistory(self._turn.now)
                for each in earlier:  # of another queue that asks for the same: they tell why this one waits, too
                    history.add(each)
            history.add(tried)

    def _queue(
        self, queue: str, definition: PodDefinition, demand: Demand, candidates: OfferQueue, tried: MatchRound
    ) -> QueueLaunch:
        if demand.volumes:
            return ResidentQueueLaunch(self._turn, queue, definition, demand, candidates, tried, self.residents)
        return QueueLaunch(self._turn, queue, definition, demand, candidates, tried)

    @property
    def residents(self) -> Residents:
        """The reservations in the offers: computed only if some instance has volumes."""
        if self._residents is None:
            self._residents = Residents(self._turn, self._offers)
        return self._residents

    def _answer(self) -> None:
        turn, world = self._turn, self._world
        refuse = world.settings.decline_offer_duration
        for each in self._offers:
            if each.operations:
                # The rest may be offered again at once if it might fit an instance that is still waiting.
                turn.emit(
                    Accept(each.id, tuple(each.operations), 0.0 if each.role in world.queues.launchable else refuse)
                )
                del world.volatile.offers[each.id]
        world.volatile.match_progress.is_cut_short = turn.launches_left <= 0
        if turn.launches_left <= 0:
            world.deadlines.set(turn.now, Due.PLACE)
        else:
            _decline(turn)


def _definition_of(world: World, queue: str) -> PodDefinition:
    """The definition with which a queue's instances are launched: the newest one of their configuration."""
    first = world.instances[next(iter(world.queues.waiting[queue]))]
    pod = world.pods[first.pod_id]
    if first.config_version == pod.config_version:
        return world.current(pod)
    return world.definition(first.pod_id, first.version)
