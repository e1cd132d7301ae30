"""Whether an offer fits, and every reason why not.

| reason | where |
|---|---|
| `UnfulfilledRole` | none of its resources is of an accepted role |
| `UnfulfilledConstraint` | test_constraints.py; a foreign region, a missing isolator |
| `AgentMaintenance` | a maintenance window has started, or is about to |
| `Insufficient…` | test_resources.py; ports only where all else fits |
| `DeclinedScarceResources` | it has GPUs, and the pod uses none |
"""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.core.effects import Accept, Decline
from scheduler.core.offer import agents
from scheduler.core.offer.allotment import Match, ReservedPlacement
from scheduler.core.offer.demand import demand
from scheduler.core.offer.refusals import Refusal
from scheduler.core.offer.resources import Ledger
from scheduler.core.placement.matching import Surroundings, match, unsuitable
from scheduler.core.settings import AcceptedRoles, GpuScheduling
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent, Reservation
from tests.core.support import NOON, Story, container, definition, offer, port_ranges, scalar, settings

NANOSECONDS = 1_000_000_000


def against(
    asked: PodDefinition, offered: Json, *, home: str | None = None, now: float = NOON, **changes: Any
) -> list[Refusal]:
    """The refusals of the agent of an offer."""
    around = Surroundings(None, home, now)
    decided = settings(**changes)
    return unsuitable(demand(asked, decided), decided, offered, Ledger(offered), agents.of_offer(offered), around)


def reasons(refusals: Sequence[Refusal]) -> list[str]:
    """Their names."""
    return [each.reason for each in refusals]


def resources(role: str = "*") -> list[Json]:
    """Enough for a small pod, of one role."""
    return [scalar("cpus", 4, role), scalar("mem", 512, role), scalar("disk", 50, role)]


class TestRoles:
    @pytest.mark.parametrize(
        ("default", "accepted", "fits"),
        [
            (AcceptedRoles.ANY, None, {"*", "web"}),
            (AcceptedRoles.UNRESERVED, None, {"*"}),
            (AcceptedRoles.RESERVED, None, {"web"}),
            (AcceptedRoles.RESERVED, ["*"], {"*"}),  # what the pod says wins
            (AcceptedRoles.UNRESERVED, ["web"], {"web"}),
            (AcceptedRoles.UNRESERVED, ["*", "web"], {"*", "web"}),
            (AcceptedRoles.UNRESERVED, [], {"*"}),
        ],
    )
    def test_accepted_roles(self, default: AcceptedRoles, accepted: list[str] | None, fits: set[str]) -> None:
        placement = {} if accepted is None else {"placement": {"acceptedResourceRoles": accepted}}
        asked = definition(role="web", scheduling=placement)
        found = {
            role
            for role in ("*", "web", "db")
            if not against(asked, offer(resources=resources(role)), accepted_resource_roles_default_behavior=default)
        }

        assert found == fits

    def test_a_pod_of_everyones_role_never_waits_for_a_reserved_one(self) -> None:
        asked = definition(role="*")

        assert not against(
            asked, offer(resources=resources()), accepted_resource_roles_default_behavior=AcceptedRoles.RESERVED
        )

    def test_what_is_reserved_dynamically_for_the_role_is_used_and_kept_reserved(self) -> None:
        """By an operator: it has no labels of Marathon's."""
        reserved = {"reservations": [{"type": "DYNAMIC", "role": "web", "principal": "ops"}]}
        plain = [{key: value for key, value in each.items() if key != "role"} for each in resources()]
        asked = definition(role="web")
        offered = offer(resources=[{**each, **reserved} for each in plain], role="web")
        outcome = match(asked, demand(asked, settings()), Ledger(offered), random.Random(1))

        assert not against(asked, offered)
        assert isinstance(outcome, Match)
        taken = [*outcome.executor, *(each for one in outcome.containers for each in one)]
        assert all(each["reservations"] == reserved["reservations"] for each in taken)

    def test_no_resource_of_an_accepted_role(self) -> None:
        refusals = against(definition(role="web"), offer(resources=resources("db")))

        assert refusals == [Refusal("UnfulfilledRole", "*, web", "db")]

    @pytest.mark.parametrize(("port", "fits"), [(31000, True), (80, False)])
    def test_a_port_is_of_an_accepted_role_too(self, port: int, fits: bool) -> None:
        asked = definition(container(endpoints=[{"name": "a", "hostPort": port}]), role="web")
        offered = offer(resources=[*resources("web"), port_ranges((31000, 31000)), port_ranges((80, 80), role="db")])
        outcome = match(asked, demand(asked, settings()), Ledger(offered), random.Random(1))

        assert isinstance(outcome, Match) is fits
        if not isinstance(outcome, Match):
            assert outcome == [Refusal("InsufficientPorts", "80", "31000-31000")]


def test_disks_that_are_whole_are_no_hindrance() -> None:
    asked = definition()
    disks = [scalar("disk", 10_000, disk={"source": {"type": kind}}) for kind in ("PATH", "MOUNT", "BLOCK", "RAW")]

    assert isinstance(
        match(asked, demand(asked, settings()), Ledger(offer(resources=[*disks, *resources()])), random.Random(1)),
        Match,
    )
    without = offer(resources=[*disks, *resources()[:2]])
    assert match(asked, demand(asked, settings()), Ledger(without), random.Random(1)) == [
        Refusal("InsufficientDisk", "10", "0")
    ]


class TestFaultDomains:
    @pytest.mark.parametrize(
        ("home", "region", "fits"),
        [
            (None, None, True),
            ("north", None, True),
            ("north", "north", True),
            ("north", "south", False),
            (None, "north", False),
        ],
    )
    def test_a_pod_stays_in_the_masters_region(self, home: str | None, region: str | None, fits: bool) -> None:
        refusals = against(definition(), of_region(region), home=home)

        assert reasons(refusals) == ([] if fits else ["UnfulfilledConstraint"])

    @pytest.mark.parametrize("field", ["@region", "@zone"])
    def test_unless_a_constraint_speaks_of_fault_domains(self, field: str) -> None:
        constraints = [{"fieldName": field, "operator": "GROUP_BY", "value": "2"}]
        asked = definition(scheduling={"placement": {"constraints": constraints}})

        assert not against(asked, of_region("south"), home="north")

    def test_another_constraint_does_not_free_it(self) -> None:
        constraints = [{"fieldName": "hostname", "operator": "UNIQUE"}]
        asked = definition(scheduling={"placement": {"constraints": constraints}})

        assert against(asked, of_region("south"), home="north") == [
            Refusal("UnfulfilledConstraint", "@region IS north", "south")
        ]

    def test_the_leading_masters_region_is_home(self) -> None:
        story = Story()
        story.subscribe(region="north")
        story.post(definition())
        assert story.told(Decline, story.offer("A1", domain=of_region("south")["domain"]))
        story.subscribe(region="south")

        assert story.told(Accept, story.offer("A1", domain=of_region("south")["domain"]))


def of_region(region: str | None) -> Json:
    """An offer of an agent in a region, or in none."""
    if region is None:
        return offer()
    return offer(domain={"fault_domain": {"region": {"name": region}, "zone": {"name": "z"}}})


class TestMaintenance:
    @pytest.mark.parametrize(
        ("begins", "lasts", "draining", "fits"),
        [
            (-10, 60, 0, False),
            (-10, None, 0, False),  # for ever
            (0, 60, 0, False),
            (10, 60, 0, True),  # not yet
            (-60, 60, 0, True),  # over
            (-61, 60, 0, True),
            (10, 60, 10, False),  # about to
            (10, 60, 9, True),
            (-61, 60, 1000, True),
        ],
    )
    def test_an_agent_under_maintenance_gets_no_launches(
        self, begins: float, lasts: float | None, draining: float, fits: bool
    ) -> None:
        offered = offer(unavailability=window(begins, lasts))

        assert reasons(against(definition(), offered, draining_seconds=draining)) == (
            [] if fits else ["AgentMaintenance"]
        )
        assert not against(definition(), offered, draining_seconds=draining, maintenance_mode=False)

    def test_its_offer_is_declined_and_the_next_after_the_window_is_used(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        assert story.told(Decline, story.offer(unavailability=window(-10, 60)))
        story.wait(50)

        assert story.told(Accept, story.offer(unavailability=window(-10, 60)))


def window(begins: float, lasts: float | None) -> Json:
    """A maintenance window that starts this many seconds from noon."""
    start = {"start": {"nanoseconds": int((NOON + begins) * NANOSECONDS)}}
    return start if lasts is None else {**start, "duration": {"nanoseconds": int(lasts * NANOSECONDS)}}


class TestGpus:
    @pytest.mark.parametrize(
        ("behaviour", "label", "fits"),
        [
            (GpuScheduling.RESTRICTED, None, False),
            (GpuScheduling.UNRESTRICTED, None, True),
            (GpuScheduling.RESTRICTED, "unrestricted", True),
            (GpuScheduling.RESTRICTED, "Unrestricted", True),
            (GpuScheduling.UNRESTRICTED, "restricted", False),
            (GpuScheduling.RESTRICTED, "whatever", False),
        ],
    )
    def test_a_pod_without_gpus_on_an_agent_with_some(
        self, behaviour: GpuScheduling, label: str | None, fits: bool
    ) -> None:
        labels = {} if label is None else {"labels": {"GPU_SCHEDULING_BEHAVIOR": label}}
        offered = offer(resources=[*resources(), scalar("gpus", 2)])
        refusals = against(definition(**labels), offered, gpu_scheduling_behavior=behaviour)

        assert refusals == ([] if fits else [Refusal("DeclinedScarceResources", "an agent without GPUs", "2 gpus")])

    @pytest.mark.parametrize("behaviour", GpuScheduling)
    def test_a_pod_with_gpus_uses_them(self, behaviour: GpuScheduling) -> None:
        asked = definition(container(resources={"cpus": 0.1, "mem": 32, "gpus": 2}))
        offered = offer(resources=[*resources(), scalar("gpus", 2)])
        outcome = match(asked, demand(asked, settings()), Ledger(offered), random.Random(1))

        assert not against(asked, offered, gpu_scheduling_behavior=behaviour)
        assert isinstance(outcome, Match)
        assert outcome.containers[0][-1] == scalar("gpus", 2)
        assert not any(each["name"] == "gpus" for each in outcome.executor)

    def test_an_agent_without_gpus_is_nothing_scarce(self) -> None:
        assert not against(definition(), offer(resources=[*resources(), scalar("gpus", 0)]))


def test_all_reasons_are_reported_together() -> None:
    offered = offer(
        resources=[*resources("db"), scalar("gpus", 1, "db")],
        unavailability=window(-10, None),
        domain={"fault_domain": {"region": {"name": "south"}, "zone": {"name": "z"}}},
    )

    assert reasons(against(definition(role="web"), offered, home="north")) == [
        "UnfulfilledRole",
        "UnfulfilledConstraint",
        "AgentMaintenance",
        "DeclinedScarceResources",
    ]


# Few sizes, so that entries are often used up, and amounts that need the second or third entry of their name.
ENTRIES = st.lists(
    st.builds(
        scalar,
        st.sampled_from(["cpus", "mem", "disk"]),
        st.sampled_from([0.05, 0.1, 0.3, 1, 16, 32, 64, 100, 1000]),
        st.sampled_from(["*", "web", "db"]),
    ),
    max_size=12,
)
SIZES = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from([16, 32, 100])), min_size=1, max_size=3)


@given(ENTRIES, SIZES)
def test_a_repeated_match_takes_what_a_new_one_would(entries: list[Json], sizes: list[tuple[float, int]]) -> None:
    """The same entries for the same amounts, and the same rest; it gives up without a trace if one has too little."""
    containers = [container(f"c{at}", resources={"cpus": cpus, "mem": mem}) for at, (cpus, mem) in enumerate(sizes)]
    asked = definition(*containers, role="web")
    wanted = demand(asked, settings(accepted_resource_roles_default_behavior=AcceptedRoles.ANY))
    offered = offer(resources=[scalar("cpus", 1), scalar("mem", 200), scalar("disk", 100), *entries])
    repeated = match(asked, wanted, Ledger(offered), random.Random(1))
    for _ in range(20):
        if not isinstance(repeated, Match):
            return
        fresh = match(asked, wanted, repeated.rest, random.Random(1))
        before = left(repeated.rest)
        if not repeated.again():
            assert left(repeated.rest) == before
            repeated = fresh
            continue
        assert isinstance(fresh, Match)
        assert (repeated.executor, repeated.containers) == (fresh.executor, fresh.containers)
        assert left(repeated.rest) == left(fresh.rest)


def test_neither_ports_nor_volumes_are_given_twice() -> None:
    asked = definition(container(endpoints=[{"name": "http", "hostPort": 0}]), networks=[{"mode": "host"}])
    taken = match(asked, demand(asked, settings()), Ledger(offer()), random.Random(1))

    assert isinstance(taken, Match)
    assert not taken.again()
    assert not replace(
        taken, host_ports=(), home=ReservedPlacement(Reservation(Agent("A1", "a1"), (), confirmed=True, since=NOON))
    ).again()


def left(ledger: Ledger) -> list[Json | None]:
    """What a fork of a ledger still has: its entries, taken as long as there is any."""
    fork, found = ledger.fork(), []
    for name in ("cpus", "mem", "disk"):
        while fork.most(name):
            found.append(fork.take(name, round(1000 * fork.most(name))))
    return found
