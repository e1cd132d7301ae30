"""Very many offers at once: handled in short passes, without delaying other events."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.effects import Done, Publish, Reply
from scheduler.core.events import AgentLost, Disconnected, Event, OfferRescinded, OffersReceived, PodDeleted
from scheduler.core.frame import Change, Frame
from scheduler.loop.clock import Clock
from scheduler.loop.event_loop import EventLoop
from scheduler.loop.flood import FEWEST, FIRST, MOST, PASS_SECONDS, Flood
from scheduler.loop.ports import MesosCall
from scheduler.model.json import Json
from tests.loop import virtual_time
from tests.loop.inline import Inline


def offers(count: int, name: str = "O") -> tuple[Json, ...]:
    return tuple({"id": {"value": f"{name}{number}"}} for number in range(count))


class Slow:
    """An event loop whose step takes some time per offer; it records each pass's events and duration."""

    def __init__(self, seconds_an_offer: float) -> None:
        self.seconds = seconds_an_offer
        self.passes: list[list[Event]] = []
        self.took: list[float] = []
        self._begun: float | None = None
        self._heard: list[Event] = []
        clock = Clock(steady=virtual_time.now, wall=virtual_time.now)
        self.shell = EventLoop(self, self._step, self, self, meter=self, clock=clock, thread=Inline())

    def next_deadline(self) -> float | None:
        return None

    def commit(self, changes: Sequence[Change], told: Sequence[object] = ()) -> None:
        raise AssertionError("nothing changes")

    def perform_all(self, effects: Sequence[MesosCall]) -> None:
        assert not effects

    def committed(self, seconds: float) -> None:
        raise AssertionError("nothing changes")

    def pass_ended(
        self,
        events: Sequence[Event],
        calls: Sequence[MesosCall],
        replies: Sequence[Reply],
        published: Sequence[Publish],
        seconds: float,
    ) -> None:
        if events:
            self.passes.append(list(events))
            self.took.append(self.seconds * sum(map(_offers_in, events)))

    def _step(self, _world: object, event: Event, _now: float) -> Frame:
        virtual_time.let_pass(self.seconds * _offers_in(event))
        return Frame(effects=(Reply(event.request, Done("d")),)) if isinstance(event, PodDeleted) else Frame()

    async def run(self, *events: Event) -> None:
        """Until nothing waits."""
        self.shell.submit_all_threadsafe(events)
        running = asyncio.create_task(self.shell.run())
        while self.shell.waiting and not running.done():
            await asyncio.sleep(0)
        self.shell.stop()
        await running

    @property
    def events(self) -> list[Event]:
        return [event for each in self.passes for event in each]


def told(seconds_an_offer: float, *events: Event) -> Slow:
    """A loop that received these events at once."""

    async def story() -> Slow:
        slow = Slow(seconds_an_offer)
        await slow.run(*events)
        return slow

    return virtual_time.run(story())


def _offers_in(event: Event) -> int:
    return len(event.offers) if isinstance(event, OffersReceived) else 0


def _received(events: Sequence[Event]) -> list[Json]:
    return [offer for event in events if isinstance(event, OffersReceived) for offer in event.offers]


@pytest.mark.parametrize("milliseconds", [0.01, 0.05, 0.5, 2, 5])
def test_turns_stay_short_whatever_an_offer_costs(milliseconds: float) -> None:
    """The first pass cannot know."""
    slow = told(milliseconds / 1000, OffersReceived(offers(20_000)))

    assert _received(slow.events) == list(offers(20_000)), "all of them, in their order"
    assert slow.took[0] == pytest.approx(FIRST * milliseconds / 1000)
    assert max(slow.took[1:]) <= PASS_SECONDS * 1.01
    assert max(map(_offers_in, slow.events)) <= MOST
    needed = max(20_000 * milliseconds / 1000 / PASS_SECONDS, 20_000 / MOST)
    assert len(slow.passes) < 1.3 * needed + 10, "not many more passes than needed"


def test_what_costs_very_much_is_still_done() -> None:
    slow = told(1.0, OffersReceived(offers(200)))

    assert [_offers_in(event) for event in slow.events] == [FIRST, *[FEWEST] * (100 // FEWEST)]


def test_the_next_flood_begins_as_carefully_as_the_first() -> None:
    flood = Flood()
    flood.add(OffersReceived(offers(5000)))
    while flood:
        list(flood.take())
        flood.pass_ended(0.0)
    flood.add(OffersReceived(offers(5000)))
    assert [_offers_in(event) for event in flood.take()] == [FIRST]


def test_requests_and_what_mesos_says_do_not_wait_behind_offers() -> None:
    seen: list[int] = []

    async def story() -> Slow:
        slow = Slow(0.001)
        running = asyncio.create_task(slow.run(OffersReceived(offers(20_000)), AgentLost("a")))
        for _ in range(3):
            await slow.shell.request(lambda number: PodDeleted(number, "/pod"))
            seen.append(len(_received(slow.events)))
        await running
        return slow

    slow = virtual_time.run(story())
    assert isinstance(slow.passes[0][0], AgentLost | PodDeleted)
    assert seen[-1] <= 3 * FIRST
    assert len(_received(slow.events)) == 20_000


def test_small_events_are_taken_together() -> None:
    slow = told(0.0, *(OffersReceived(offers(2, f"{number}-")) for number in range(FIRST)))

    assert [_offers_in(event) for event in slow.events] == [FIRST, FIRST]


def test_an_offer_is_rescinded_after_it_came() -> None:
    first, second = offers(FIRST - 1, "a"), offers(2, "b")
    rescinded = [OfferRescinded("a0"), OfferRescinded("b1")]
    slow = told(0.0, OffersReceived(first), rescinded[0], OffersReceived(second), rescinded[1])

    assert slow.events == [
        OffersReceived(first, more=2),
        rescinded[0],
        OffersReceived(second[:1], more=1),
        OffersReceived(second[1:]),
        rescinded[1],
    ]


def test_no_offer_outlives_its_connection() -> None:
    new = offers(3, "new")
    slow = told(0.0, OffersReceived(offers(5000)), Disconnected(), OffersReceived(new))

    assert slow.events == [Disconnected(), OffersReceived(new)]


@given(st.lists(st.integers(0, 300) | st.just(None), max_size=30), st.lists(st.floats(0, 3), min_size=1, max_size=30))
def test_nothing_is_lost_or_changes_its_order(counts: list[int | None], seconds: list[float]) -> None:
    flood = Flood()
    told: list[object] = []
    for index, count in enumerate(counts):
        event = OfferRescinded(str(index)) if count is None else OffersReceived(offers(count, f"{index}-"))
        flood.add(event)
        told.extend([event] if count is None else offers(count, f"{index}-"))
    left = sum(count or 0 for count in counts)
    taken: list[object] = []
    passes = 0
    while flood:
        for event in flood.take():
            if isinstance(event, OffersReceived):
                left -= len(event.offers)
                assert event.more == left
                taken.extend(event.offers)
            else:
                taken.append(event)
        flood.pass_ended(seconds[passes % len(seconds)])
        passes += 1
    assert taken == told


def test_offers_that_the_connection_has_yet_to_decode_count_as_those_to_come() -> None:
    flood = Flood()
    flood.add(OffersReceived(offers(FIRST + 20), more=300))
    (first,) = flood.take()
    flood.add(OffersReceived(offers(300)))
    flood.pass_ended(0.001)
    (second,) = flood.take()

    assert isinstance(first, OffersReceived)
    assert isinstance(second, OffersReceived)
    assert first.more == 320
    assert second.more == 320 - len(second.offers)
