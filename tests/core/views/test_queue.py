"""The launch queue as the API shows it."""

import pytest

from scheduler.core.events import AgentLost, OffersReceived
from scheduler.core.views.queue import queue_view
from scheduler.model.records import Condition
from tests.core.support import Story, container, definition, offer, running


def test_the_unused_offers_are_each_agents_last_the_newest_last() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(container(resources={"cpus": 100, "mem": 32})))
    for name, agent in (("O1", "A1"), ("O2", "A2"), ("O3", "A1")):
        story.tell(OffersReceived((offer(name, agent),)))
    (entry,) = queue_view(story.world, story.now, with_offers=True)

    assert [each["offer"]["id"] for each in entry["lastUnusedOffers"]] == ["O2", "O3"]


def test_a_pod_that_asks_for_the_same_as_one_before_it_shows_all_offers_that_are_still_held() -> None:
    """They arrived one by one, and are not offered again for as long as they are refused."""
    story = Story(hold_offer_duration=10)
    story.subscribe()
    big = container(resources={"cpus": 100, "mem": 32})
    story.post(definition(big))
    for name, agent in (("O1", "A1"), ("O2", "A2"), ("O3", "A3"), ("O4", "A4")):
        story.tell(OffersReceived((offer(name, agent),)))
        story.wait(0.1)
    story.tell(AgentLost("A4"))
    story.post(definition(big, id="/same"))
    first, second = queue_view(story.world, story.now, with_offers=True)

    for entry in (first, second):
        reasons = {each["reason"]: each for each in entry["processedOffersSummary"]["rejectSummaryLastOffers"]}
        assert reasons["InsufficientCpus"] == {"reason": "InsufficientCpus", "declined": 3, "processed": 3}
        assert [each["offer"]["id"] for each in entry["lastUnusedOffers"]] == ["O1", "O2", "O3"]


@pytest.mark.parametrize(("waited", "left"), [(0, 3), (0.5, 3), (2, 1), (3, 0), (5, 0)])
def test_the_delay_is_shown_in_whole_seconds_until_nothing_is_left(waited: float, left: int) -> None:
    story = running(scheduling={"backoff": {"backoff": 3}})
    story.all_tasks(Condition.FAILED)
    story.wait(waited)
    (entry,) = queue_view(story.world, story.now)

    assert entry["delay"] == {"timeLeftSeconds": left, "overdue": not left}


def test_a_pod_with_a_back_off_shows_why_its_last_launch_ended() -> None:
    story = running(instances=2)
    story.all_tasks(Condition.ERROR, story.instances[:1], message="secret '/db' is not delivered")
    story.wait(0.1)
    (entry,) = queue_view(story.world, story.now, with_extras=True)

    assert entry["podexec"] == {"lastTermination": "secret '/db' is not delivered"}
    assert "podexec" not in queue_view(story.world, story.now)[0]
    story.wait(10)
    story.go_well()
    story.put(definition(instances=3))
    (entry,) = queue_view(story.world, story.now, with_extras=True)
    assert "podexec" not in entry, "a new instance has not ended yet"
