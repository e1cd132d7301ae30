"""The launch queue as the API shows it."""

from scheduler.core.events import OffersReceived
from scheduler.core.views.queue import queue_view
from tests.core.support import Story, container, definition, offer


def test_the_unused_offers_are_each_agents_last_the_newest_last() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(container(resources={"cpus": 100, "mem": 32})))
    for name, agent in (("O1", "A1"), ("O2", "A2"), ("O3", "A1")):
        story.tell(OffersReceived((offer(name, agent),)))
    (entry,) = queue_view(story.world, story.now, with_offers=True)

    assert [each["offer"]["id"] for each in entry["lastUnusedOffers"]] == ["O2", "O3"]
