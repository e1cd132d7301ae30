"""The launch queue as the API shows it."""

import pytest

from scheduler.core.events import OffersReceived
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


@pytest.mark.parametrize(("waited", "left"), [(0, 3), (0.5, 3), (2, 1), (3, 0), (5, 0)])
def test_the_delay_is_shown_in_whole_seconds_until_nothing_is_left(waited: float, left: int) -> None:
    story = running(scheduling={"backoff": {"backoff": 3}})
    story.all_tasks(Condition.FAILED)
    story.wait(waited)
    (entry,) = queue_view(story.world, story.now)

    assert entry["delay"] == {"timeLeftSeconds": left, "overdue": not left}
