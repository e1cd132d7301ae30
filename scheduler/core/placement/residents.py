"""Residents (instances with persistent volumes): their volumes are created, found again and released.

All resources of an instance, including its host ports, are reserved for it on one agent by the ACCEPT of its first
launch, and recorded before that is sent. From then on it is launched there, on its volumes, and nowhere else. Later
offers of that agent show whether the reservation was made, or was released. Volumes are destroyed only for an instance
that is no longer wanted; reservations for unknown instances, or for instances with volumes elsewhere, are not touched.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from msgspec.structs import replace

from scheduler.core import ids
from scheduler.core.lifecycle import kept_volumes
from scheduler.core.offer.allotment import Match, ReservedPlacement
from scheduler.core.offer.demand import Demand
from scheduler.core.offer.disks import Disks
from scheduler.core.offer.openoffers import OpenOffer
from scheduler.core.offer.refusals import Refusal
from scheduler.core.offer.reservations import giving_back, kept_by, kept_for, making, reserved, volume_of, with_volume
from scheduler.core.offer.resources import Ledger
from scheduler.core.placement.constraints import ConstraintState
from scheduler.core.placement.matching import Surroundings, match, unfulfilled, unsuitable
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent, Instance, LocalVolume, Reservation


class Residents:
    """The reservations and volumes in the offers of one turn."""

    def __init__(self, turn: Turn, offers: Sequence[OpenOffer]) -> None:
        self._turn = turn
        self._offers = offers
        self._kept = _kept(turn.world, offers)
        self._log_strangers()

    def free(self) -> None:
        """Release the reservations of deleted instances, and forget the instances whose reservation is gone."""
        for instance_id in list(self._turn.world.queues.freeing):
            instance = self._turn.world.instances[instance_id]
            if instance_id in self._kept:
                self._give_back(instance)
            elif self._is_gone(instance):
                self._turn.put(replace(instance, reservation=None))

    def at_home(
        self, instance: Instance, definition: PodDefinition, demand: Demand, placement: ConstraintState
    ) -> Iterator[tuple[OpenOffer, Match | list[Refusal]]]:
        """The offers with reservations for a waiting instance, and whether it can be launched there.

        ``placement``: of the other instances.
        """
        found = self._kept.pop(instance.id, [])
        has_volumes = any(_volumes(resources) for _, resources in found)
        if kept_volumes.is_unconfirmed(instance) and not has_volumes and self._is_gone(instance):
            self._start_again(instance, found)
            return
        for on, resources in found:
            yield on, self._launch_at_home(instance, definition, demand, placement, on, resources)

    def settle(
        self, instance: Instance, definition: PodDefinition, demand: Demand, on: OpenOffer
    ) -> Match | list[Refusal]:
        """What a waiting instance without volumes takes of an offer to be launched there, on new volumes."""
        world = self._turn.world
        outcome = match(definition, demand, on.ledger, world.random)
        if not isinstance(outcome, Match):
            return outcome
        disks = on.disks or Disks.of_offer(on.offer)
        volumes = new_volumes(definition.id, demand.volumes, world.new_uuid)
        reservation = Reservation(world.agent(on.agent), volumes, confirmed=False, since=self._turn.now)
        settled = settle(outcome, definition, instance, reservation, disks, on.offer, world.settings.principal)
        return [settled] if isinstance(settled, Refusal) else settled

    # ------------------------------------------------------------------------ helpers

    def _give_back(self, instance: Instance) -> None:
        """Release the reservation, unless that was tried a moment ago, or its executor still uses the resources."""
        turn, found = self._turn, self._kept.pop(instance.id)
        again_at = turn.world.volatile.given_back.get(instance.id, turn.now)
        if again_at > turn.now or any(_is_still_there(instance, on) for on, _ in found):
            return
        for on, resources in found:
            on.operations.extend(giving_back(resources))
        turn.log(
            "info",
            "releasing the reservation of a deleted instance",
            pod_id=instance.pod_id,
            instance_id=instance.id,
            agent_id=found[0][0].agent_id,
        )
        kept_volumes.doubt(turn, instance)
        turn.world.volatile.given_back[instance.id] = turn.world.volatile.doubts[instance.id]

    def _start_again(self, instance: Instance, found: list[tuple[OpenOffer, list[Json]]]) -> None:
        """Its volumes were never created: release any reservation, and let it wait for an offer without volumes."""
        for on, resources in found:
            on.operations.extend(giving_back(resources))
        reason = "volumes were not created, trying again"
        self._turn.log("warning", reason, pod_id=instance.pod_id, instance_id=instance.id)
        self._turn.put(replace(instance, reservation=None))

    def _is_gone(self, instance: Instance) -> bool:
        """Whether an offer from its agent, made after the reservation should show up, does not contain it."""
        reservation = instance.reservation
        if reservation is None or not kept_volumes.is_overdue(self._turn, instance):
            return False
        return any(
            on.agent_id == reservation.agent.id and on.role == instance.role and not _is_still_there(instance, on)
            for on in self._offers
        )

    def _launch_at_home(
        self,
        instance: Instance,
        definition: PodDefinition,
        demand: Demand,
        placement: ConstraintState,
        on: OpenOffer,
        resources: list[Json],
    ) -> Match | list[Refusal]:
        world, agent = self._turn.world, on.agent
        reservation = self._recognised(instance, demand, agent, resources)
        if reservation is None:
            return [_no_reservation(demand, ", ".join(each.name for each in _volumes(resources)))]
        if instance.reservation != reservation:
            self._turn.put(replace(instance, reservation=reservation))
        own = Ledger(on.offer, instance.id)
        demand = replace(demand, roles=frozenset({instance.role}))  # the role of its reservation
        around = Surroundings(world.volatile.isolators.get(agent.id), world.volatile.connection.region, self._turn.wall)
        refusals = unsuitable(demand, world.settings, on.offer, own, agent, around) + unfulfilled(placement, agent)
        outcome = match(definition, demand, own, world.random)
        if not isinstance(outcome, Match):
            return refusals + outcome
        if refusals:
            return refusals
        made = [each for each in resources if volume_of(each) is not None]
        return replace(
            outcome, executor=(*outcome.executor, *made), rest=on.ledger, home=ReservedPlacement(reservation)
        )

    def _recognised(
        self, instance: Instance, demand: Demand, agent: Agent, resources: list[Json]
    ) -> Reservation | None:
        """The instance's reservation, if these are all its volumes; the agent may have another id than before."""
        found = _volumes(resources)
        known = instance.reservation
        if known is None:
            by_name = {each.name: each for each in found}
            if by_name.keys() != set(demand.volumes) or len(found) != len(by_name):
                return None
            return Reservation(agent, tuple(by_name[name] for name in demand.volumes), True, self._turn.now)
        if set(found) != set(known.volumes):
            return None
        if known.confirmed and known.agent.id == agent.id:
            return known
        return replace(known, agent=agent, confirmed=True, since=self._turn.now)

    def _log_strangers(self) -> None:
        """Log each foreign reservation once: only an operator can decide whether it may be destroyed."""
        world = self._turn.world
        for owner, found in self._kept.items():
            if owner not in world.volatile.strangers and not _is_known(world.instances.get(owner), found):
                world.volatile.strangers[owner] = found[0][0].agent_id
                self._turn.log(
                    "warning",
                    "agent has reservations for an unknown instance, or one with volumes elsewhere; not touching them",
                    instance_id=owner,
                    agent_id=found[0][0].agent_id,
                    volumes=", ".join(each.persistence_id for _, resources in found for each in _volumes(resources)),
                )


def new_volumes(pod_id: str, names: Iterable[str], new_uuid: Callable[[], str]) -> tuple[LocalVolume, ...]:
    """New volumes for an instance, with unique ids: ``<safe id>#<name>#<uuid>``."""
    return tuple(LocalVolume(name, f"{ids.safe_id(pod_id)}#{name}#{new_uuid()}") for name in names)


def settle(
    taken: Match,
    definition: PodDefinition,
    instance: Instance,
    reservation: Reservation,
    disks: Disks,
    offer: Json,
    principal: str | None,
) -> Match | Refusal:
    """The match with all its resources reserved for the instance, and its volumes created on these disks."""
    picked = disks.pick(definition.volumes, taken.rest)
    if isinstance(picked, Refusal):
        return picked
    framework_id = offer["framework_id"]["value"]

    def keep(resources: Iterable[Json]) -> tuple[Json, ...]:
        return tuple(reserved(each, instance.role, principal, framework_id, instance.id) for each in resources)

    executor, containers, bare = keep(taken.executor), tuple(map(keep, taken.containers)), keep(picked.resources)
    made = tuple(with_volume(disk, volume, principal) for disk, volume in zip(bare, reservation.volumes, strict=True))
    everything = (*executor, *chain.from_iterable(containers), *bare)
    home = ReservedPlacement(reservation, making(everything, made), picked.rest)
    return replace(taken, executor=(*executor, *made), containers=containers, home=home)


# ------------------------------------------------------------------------------ helpers


def _kept(world: World, offers: Iterable[OpenOffer]) -> dict[str, list[tuple[OpenOffer, list[Json]]]]:
    """By instance id, the resources reserved for it in these offers."""
    framework_id = world.framework.id if world.framework else None
    found: dict[str, list[tuple[OpenOffer, list[Json]]]] = {}
    for on in offers:
        here: dict[str, list[Json]] = {}
        for resource in on.offer.get("resources", ()):
            owner = kept_for(resource)
            if owner is not None and kept_by(resource) == framework_id:
                here.setdefault(owner, []).append(resource)
        for owner, resources in here.items():
            found.setdefault(owner, []).append((on, resources))
    return found


def _is_known(instance: Instance | None, found: Iterable[tuple[OpenOffer, list[Json]]]) -> bool:
    """Whether the instance exists and, if it has volumes, these are among them."""
    if instance is None:
        return False
    if instance.reservation is None:
        return True
    return all(set(_volumes(resources)) <= set(instance.reservation.volumes) for _, resources in found)


def _volumes(resources: Iterable[Json]) -> list[LocalVolume]:
    return [volume for volume in map(volume_of, resources) if volume is not None]


def _is_still_there(instance: Instance, on: OpenOffer) -> bool:
    """Whether the instance's last executor still uses its resources."""
    executor_id = ids.executor_id(instance.id, instance.incarnation)
    return any(each["value"] == executor_id for each in on.offer.get("executor_ids", ()))


def _no_reservation(demand: Demand, offered: str) -> Refusal:
    return Refusal("NoCorrespondingReservationFound", ", ".join(demand.volumes), offered or "none")


def no_reservation(demand: Demand) -> Refusal:
    """The refusal of an offer for instances whose volumes are elsewhere."""
    return _no_reservation(demand, "")
