"""The offers of a role, and the order in which they are considered."""

import pytest

from scheduler.core.offer.openoffers import OfferQueue, OpenOffer
from scheduler.core.settings import PlacementPolicy
from tests.core.support import NOON, offer


def queue(policy: PlacementPolicy = PlacementPolicy.SPREAD, count: int = 3, more: int = 0) -> OfferQueue:
    """Offers of the agents A0, A1 and so on, each with more processors than the one before."""
    offers = [OpenOffer.of(offer(f"O{n}", f"A{n}", cpus=n + 1), NOON, batch=n) for n in range(count)]
    return OfferQueue(offers, policy, more)


def order(offers: OfferQueue, **here: int) -> list[str]:
    """The agents in the order in which they are considered for a pod that has instances there."""
    line = offers.by_spread(here)
    found = []
    while (candidate := line.next()) is not None:
        found.append(candidate[2].agent_id)
    return found


def test_the_agent_after_the_first_one_used_is_the_first_for_the_next_pod() -> None:
    offers = queue()
    offers.used(offers.offers[0])
    assert order(offers) == ["A1", "A2", "A0"]
    offers.used(offers.offers[2])
    assert order(offers) == ["A1", "A2", "A0"], "it was not the first"
    for number in (1, 2):
        offers.used(offers.offers[number])
    assert order(offers) == ["A0", "A1", "A2"]


def test_agents_with_the_fewest_instances_come_first() -> None:
    assert order(queue(count=4), A0=2, A1=1, A3=2) == ["A2", "A1", "A0", "A3"]


def test_packed_the_agent_with_the_least_left_is_always_first() -> None:
    offers = queue(PlacementPolicy.PACK)
    offers.used(offers.offers[0])

    assert order(offers, A0=5) == ["A0", "A1", "A2"]


@pytest.mark.parametrize(("waiting", "more", "share"), [(9, 0, 3), (9, 6, 1), (2, 0, 1), (10, 0, 3), (36, 3, 6)])
def test_an_offer_takes_its_share_of_those_that_wait(waiting: int, more: int, share: int) -> None:
    assert queue(more=more).share(waiting) == share
    assert queue(PlacementPolicy.PACK, more=more).share(waiting) == waiting


def test_while_others_are_about_to_follow_an_offer_takes_no_second_share() -> None:
    assert [queue(more=more).take_more for more in (0, 1)] == [True, False]
    assert queue(PlacementPolicy.PACK, more=1).take_more


def test_those_since_a_batch_are_the_later_ones() -> None:
    offers = queue()

    assert offers.since(0) is offers
    assert [each.agent_id for each in offers.since(1).offers] == ["A2"]
    assert offers.since(1) is offers.since(1)
