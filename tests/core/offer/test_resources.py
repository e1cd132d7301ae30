"""Taking a pod's resources out of an offer: exactly, from single entries, with their role and reservation."""

import random

import pytest

from scheduler.core.mesos_json import duration, milli
from scheduler.core.offer.allotment import Match
from scheduler.core.offer.demand import demand
from scheduler.core.offer.refusals import Refusal
from scheduler.core.offer.resources import Ledger
from scheduler.core.placement.matching import Surroundings, match, unsuitable
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent
from tests.core.support import NOON, container, definition, offer, port_ranges, scalar, settings

RESERVED = {"reservations": [{"type": "DYNAMIC", "role": "web", "principal": "ops", "labels": {"labels": []}}]}


def ledger(*resources: Json) -> Ledger:
    """The ledger of an offer with these resources."""
    return Ledger(offer(resources=resources))


def matched(asked: PodDefinition, *resources: Json) -> Match | list[Refusal]:
    """The outcome of matching against an offer with these resources."""
    left = ledger(*resources)
    wanted = demand(asked, settings())
    around = Surroundings(None, None, NOON)
    against = unsuitable(wanted, settings(), left.offer, left, Agent("A1", "a1.example"), around)
    outcome = match(asked, wanted, left, random.Random(1))
    return (
        outcome
        if isinstance(outcome, Match) and not against
        else [*against, *(outcome if isinstance(outcome, list) else ())]
    )


def test_a_quantity_is_taken_whole_out_of_one_entry() -> None:
    left = ledger(scalar("cpus", 1), scalar("cpus", 3, role="web"))

    assert left.take("cpus", 2000) == scalar("cpus", 2, role="web")
    assert left.take("cpus", 2000) is None  # 1 + 1 are left, on two roles
    assert left.most("cpus") == 1
    assert left.take("cpus", 1000) == scalar("cpus", 1)


def test_role_reservation_and_allocation_are_sent_back_as_offered() -> None:
    left = ledger(scalar("mem", 512, role="web", **RESERVED), port_ranges((31000, 31001), role="web", **RESERVED))

    assert left.take("mem", 32000) == scalar("mem", 32, role="web", **RESERVED)
    assert left.take_ports([31001]) == [port_ranges((31001, 31001), role="web", **RESERVED)]


def test_nothing_is_lost_to_rounding() -> None:
    left = ledger(scalar("cpus", 0.3))

    taken = [left.take("cpus", 100) for _ in range(4)]

    assert taken == [scalar("cpus", 0.1)] * 3 + [None]
    assert left.most("cpus") == 0


def test_quantities_are_counted_in_thousandths() -> None:
    left = ledger(scalar("cpus", 1))

    assert left.take("cpus", 1) == scalar("cpus", 0.001)
    assert left.most("cpus") == 0.999


@pytest.mark.parametrize(
    "special",
    [
        {"disk": {"persistence": {"id": "p"}, "volume": {"mode": "RW", "container_path": "data"}}},
        {"disk": {"source": {"type": "MOUNT", "mount": {"root": "/mnt"}}}},
        {"revocable": {}},
        {"shared": {}},
    ],
)
def test_what_a_pod_cannot_use_is_left_out(special: Json) -> None:
    left = ledger(scalar("disk", 1000, **special), scalar("disk", 5))

    assert left.most("disk") == 5
    assert left.take("disk", 6000) is None


def test_a_fork_is_a_copy_to_try_on() -> None:
    left = ledger(scalar("cpus", 1), port_ranges((31000, 31000)))
    fork = left.fork()

    fork.take("cpus", 1000)
    fork.take_ports([31000])

    assert left.most("cpus") == 1
    assert left.free_ports() == [(31000, 31000)]
    assert fork.free_ports() == []


def test_taken_ports_leave_the_rest_and_are_merged_to_ranges_by_role() -> None:
    left = ledger(port_ranges((31000, 31004)), port_ranges((80, 81), role="web"))

    taken = left.take_ports([31003, 80, 31001, 31002])

    assert taken == [port_ranges((31001, 31003)), port_ranges((80, 80), role="web")]
    assert left.free_ports() == [(31000, 31000), (31004, 31004), (81, 81)]
    assert left.take_ports([31001]) is None


def test_executor_and_containers_take_theirs_one_by_one() -> None:
    asked = definition(
        container("one", resources={"cpus": 0.5, "mem": 64, "disk": 20}),
        container("two", resources={"cpus": 0.1, "mem": 32, "gpus": 1}),
    )
    fit = matched(asked, scalar("cpus", 4), scalar("mem", 4096), scalar("disk", 100), scalar("gpus", 1))

    assert isinstance(fit, Match)
    assert fit.executor == (scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 10))
    assert fit.containers == (
        (scalar("cpus", 0.5), scalar("mem", 64), scalar("disk", 20)),
        (scalar("cpus", 0.1), scalar("mem", 32), scalar("gpus", 1)),
    )
    assert (fit.rest.most("cpus"), fit.rest.most("mem"), fit.rest.most("disk")) == (3.3, 3968, 70)


def test_executor_resources_of_the_definition_replace_the_defaults_one_by_one() -> None:
    asked = definition(executorResources={"cpus": 0.25, "mem": 48})
    fit = matched(asked, scalar("cpus", 4), scalar("mem", 4096), scalar("disk", 100))

    assert isinstance(fit, Match)
    assert fit.executor == (scalar("cpus", 0.25), scalar("mem", 48), scalar("disk", 10))


def test_the_executor_always_has_what_the_master_demands_of_it() -> None:
    """At least 0.01 cpus and 32 MB, and some disk, or the master refuses every task of the group."""
    for field, least in (("cpus", 0.1), ("mem", 32), ("disk", 10)):
        with pytest.raises(ValueError, match=field):
            definition(executorResources={field: least - 0.01})


def test_a_quantity_that_rounds_to_nothing_is_not_sent() -> None:
    asked = definition(container(resources={"cpus": 0.1, "mem": 32, "disk": 0.0004}))
    fit = matched(asked, scalar("cpus", 4), scalar("mem", 4096), scalar("disk", 10))

    assert isinstance(fit, Match)
    assert fit.containers == ((scalar("cpus", 0.1), scalar("mem", 32)),)


def test_every_scalar_that_does_not_fit_is_reported_at_once_and_ports_are_not_checked() -> None:
    asked = definition(
        container(resources={"cpus": 2, "mem": 512, "disk": 5, "gpus": 1}, endpoints=[{"name": "a", "hostPort": 0}])
    )
    refusals = matched(asked, scalar("cpus", 1), scalar("mem", 32), scalar("disk", 1))

    assert refusals == [
        Refusal("InsufficientCpus", "2.1", "1"),
        Refusal("InsufficientMemory", "544", "32"),
        Refusal("InsufficientDisk", "15", "1"),
        Refusal("InsufficientGpus", "1", "0"),
    ]


def test_what_is_there_altogether_but_in_no_single_entry_does_not_fit() -> None:
    asked = definition(container(resources={"cpus": 2, "mem": 32}))
    refusals = matched(
        asked, scalar("cpus", 1.5), scalar("cpus", 1, role="web"), scalar("mem", 512), scalar("disk", 10)
    )

    assert refusals == [Refusal("InsufficientCpus", "2.1", "1.5")]
    web = definition(container(resources={"cpus": 2, "mem": 32}), role="web")
    refusals = matched(web, scalar("cpus", 1.5), scalar("cpus", 1, role="web"), scalar("mem", 512), scalar("disk", 10))
    assert refusals == [Refusal("InsufficientCpus", "2", "1.4")]


def test_a_fork_for_some_roles_uses_only_theirs_and_keeps_the_rest() -> None:
    left = ledger(
        scalar("cpus", 1), scalar("cpus", 3, role="web"), port_ranges((1, 2)), port_ranges((3, 4), role="web")
    )
    everyones = left.fork(frozenset({"*"}))

    assert left.roles == ["*", "web"]
    assert (everyones.most("cpus"), everyones.free_ports()) == (1, [(1, 2)])
    assert everyones.take("cpus", 2000) is None
    assert everyones.take_ports([3]) is None
    assert everyones.take("cpus", 1000) == scalar("cpus", 1)
    assert everyones.fork().most("cpus") == 3


def test_the_innermost_reservation_says_whose_a_resource_is() -> None:
    refined = {"reservations": [{"type": "STATIC", "role": "web"}, {"type": "DYNAMIC", "role": "web/db"}]}

    assert ledger(scalar("cpus", 1, **refined)).roles == ["web/db"]
    assert ledger({"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}).roles == ["*"]


def test_no_resource_of_an_accepted_role_is_reported_together_with_missing_amounts() -> None:
    refusals = matched(definition(role="web"), scalar("cpus", 4, role="db"), scalar("mem", 512, role="db"))

    assert refusals == [
        Refusal("UnfulfilledRole", "*, web", "db"),
        Refusal("InsufficientCpus", "0.2", "0"),
        Refusal("InsufficientMemory", "64", "0"),
        Refusal("InsufficientDisk", "10", "0"),
    ]


def test_ports_are_reported_only_when_everything_else_fits() -> None:
    asked = definition(container(endpoints=[{"name": "a", "hostPort": 80}, {"name": "b", "hostPort": 0}]))
    refusals = matched(
        asked, scalar("cpus", 1), scalar("mem", 64), scalar("disk", 10), port_ranges((31000, 31001), (90, 91))
    )

    assert refusals == [Refusal("InsufficientPorts", "80, any", "31000-31001, 90-91")]


def test_a_failed_match_takes_nothing() -> None:
    left = ledger(scalar("cpus", 1), scalar("mem", 64), scalar("disk", 10))

    asked = definition(container(resources={"cpus": 2, "mem": 32}))

    assert isinstance(match(asked, demand(asked, settings()), left, random.Random(1)), list)
    assert (left.most("cpus"), left.most("mem"), left.most("disk")) == (1, 64, 10)


def test_an_amount_that_is_too_large_to_count_is_more_than_any_agent_has() -> None:
    assert milli(1e308) > milli(1e14) == 10**17
    assert duration(1e308)["nanoseconds"] < 2**63, "as Mesos reads it"
