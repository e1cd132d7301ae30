"""Why instances are still pending: the refusals of the offers that were tried."""

from typing import Any

from scheduler.core.events import OffersReceived
from scheduler.core.offer.refusals import FUNNEL, MatchRound, QueueHistory, Refusal
from scheduler.core.queues import queue_of
from scheduler.model.records import Condition
from tests.core.support import Story, container, definition, offer, running

BIG = [container(resources={"cpus": 100, "mem": 32})]


def refusal(reason: str) -> Refusal:
    """One reason."""
    return Refusal(reason, "much", "little")


def attempt(story: Story, pod_id: str = "/shop/web") -> QueueHistory:
    """The match rounds of the pod."""
    return story.world.queues.histories[queue_of(story.world.pods[pod_id])]


def waiting(**fields: Any) -> Story:
    """A subscribed framework with one pod that no offer fits."""
    story = Story()
    story.subscribe()
    story.post(definition(containers=BIG, **fields))
    return story


def test_an_offer_falls_to_the_first_reason_against_it() -> None:
    tried = MatchRound(0.0)
    tried.refused("A1", {}, [refusal("InsufficientPorts"), refusal("InsufficientCpus")])
    tried.refused("A2", {}, [refusal("AgentMaintenance"), refusal("UnfulfilledRole")])
    tried.refused("A3", {}, [refusal("InsufficientCpus")])

    assert tried.declined == {"InsufficientCpus": 2, "UnfulfilledRole": 1}


def test_every_reason_has_its_place_in_the_funnel() -> None:
    assert FUNNEL == (
        "UnfulfilledRole",
        "UnfulfilledConstraint",
        "NoCorrespondingReservationFound",
        "AgentMaintenance",
        "InsufficientCpus",
        "InsufficientMemory",
        "InsufficientDisk",
        "InsufficientGpus",
        "InsufficientPorts",
        "DeclinedScarceResources",
    )


def test_tries_are_counted_from_the_first() -> None:
    story = waiting()
    story.tell(OffersReceived((offer("X", "A1"), offer("Y", "A2", mem=1))))
    first = story.now
    story.wait(10)
    story.tell(OffersReceived((offer("Z", "A3"),)))
    found = attempt(story)

    assert (found.since, found.offers) == (first, 3)
    assert found.declined == {"InsufficientCpus": 3}
    assert (found.last_unused_at, found.last_used_at) == (first + 10, None)
    assert [tried.at for tried in found.rounds] == [first, first + 10]
    nearest = found.rounds[0].refusals["A2"]
    assert nearest == (Refusal("InsufficientCpus", "100.1", "4"), Refusal("InsufficientMemory", "64", "1"))


def test_offers_that_are_used_are_counted_too() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(instances=3))
    story.tell(OffersReceived((offer("X", "A1", cpus=0.2), offer("Y", "A2", cpus=0.1))))
    found = attempt(story)

    assert (found.offers, found.last_used_at, found.last_unused_at) == (2, story.now, story.now)
    assert found.declined == {"InsufficientCpus": 1}


def test_queues_that_ask_for_the_same_share_one_look_at_each_offer() -> None:
    story = waiting()
    story.post(definition(id="/same", containers=BIG))
    story.tell(OffersReceived((offer("X", "A1"),)))

    assert attempt(story).rounds[0] is attempt(story, "/same").rounds[0]
    assert (attempt(story).offers, attempt(story, "/same").offers) == (1, 1)


def test_queues_with_constraints_are_looked_at_one_by_one() -> None:
    placement = {"placement": {"constraints": [{"fieldName": "rack", "operator": "IS", "value": "a"}]}}
    story = waiting(scheduling=placement)
    story.post(definition(id="/same", containers=BIG, scheduling=placement))
    story.tell(OffersReceived((offer("X", "A1"),)))

    assert attempt(story).rounds[0] is not attempt(story, "/same").rounds[0]


def test_what_no_held_offer_fits_is_tried_again_on_the_next_offers() -> None:
    story = waiting()
    story.tell(OffersReceived((offer("X", "A1"),)))
    story.tell(OffersReceived((offer("Y", "A1", cpus=200),)))

    assert story.only.tasks


def test_they_end_with_the_wait() -> None:
    story = waiting()
    story.offer()
    story.offer(cpus=200)
    assert story.world.queues.histories == {}
    story.all_tasks(Condition.FAILED)
    story.wait(1)
    story.offer()

    assert attempt(story).offers == 1, "another wait is another story"


def test_only_the_last_rounds_and_some_whole_offers_are_kept() -> None:
    story = waiting()
    for _ in range(30):
        story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}") for number in range(12))))
    found = attempt(story)

    assert found.offers == 30 * 12
    assert len(found.rounds) == 20
    assert len(found.rounds[-1].refusals) == 12
    assert len(found.rounds[-1].samples) == 10


def test_a_pod_that_waits_for_nothing_has_none() -> None:
    assert running().world.queues.histories == {}
