"""The order of the loop - commit, act, answer, publish, acknowledge - and its end."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from scheduler.core.effects import (
    Acknowledge,
    AcknowledgeOperation,
    Done,
    Effect,
    Kill,
    Log,
    Publish,
    Refused,
    Reply,
    Revive,
    Stop,
)
from scheduler.core.events import (
    AgentLost,
    ClockSet,
    Disconnected,
    Event,
    OfferRescinded,
    PodDeleted,
    StatusesUpdated,
    StatusUpdated,
    Ticked,
)
from scheduler.core.frame import Change, Delete, Frame, Put
from scheduler.loop.bus import StreamEvent
from scheduler.loop.clock import Clock
from scheduler.loop.event_loop import MAX_BATCH, EventLoop, LoopError
from scheduler.loop.ports import MesosCall, StoreError
from scheduler.model.records import Condition, Framework, Pod
from tests.loop import virtual_time
from tests.loop.inline import Inline

ACK = Acknowledge("task", "agent", "uuid")


class FakeWorld:
    """Deadlines, and what was stepped through."""

    def __init__(self) -> None:
        self.deadlines: list[float] = []
        self.stepped: list[tuple[Event, float]] = []

    def next_deadline(self) -> float | None:
        return min(self.deadlines, default=None)


class Bench:
    """An event loop with fakes that record every call in one list."""

    def __init__(self, frames: Callable[[Event], Frame] | None = None) -> None:
        self.story: list[object] = []
        self.batches: list[tuple[MesosCall, ...]] = []
        self.world = FakeWorld()
        self.frames = frames or (lambda _: Frame())
        self.refuse_commits = False
        self.on_commit: Callable[[], None] = lambda: None
        self.metered: list[object] = []
        self.passes: list[tuple[Event, ...]] = []
        self.wall_ahead = 0.0
        clock = Clock(steady=virtual_time.now, wall=lambda: virtual_time.now() + self.wall_ahead)
        self.shell = EventLoop(self.world, self._step, self, self, meter=self, clock=clock, thread=Inline())

    def _step(self, world: FakeWorld, event: Event, now: float) -> Frame:
        world.stepped.append((event, now))
        if isinstance(event, Ticked):
            world.deadlines = [at for at in world.deadlines if at > now]
        return self.frames(event)

    def commit(self, changes: Sequence[Change], told: Sequence[StreamEvent] = ()) -> None:
        if self.refuse_commits:
            raise StoreError("disk full")
        self.on_commit()
        self.story.append((*changes, *(each.kind for each in told)))

    def perform_all(self, effects: Sequence[MesosCall]) -> None:
        self.batches.append(tuple(effects))
        self.story.extend(effects)

    def pass_ended(
        self,
        events: Sequence[Event],
        calls: Sequence[MesosCall],
        replies: Sequence[Reply],
        published: Sequence[Publish],
        seconds: float,
    ) -> None:
        assert seconds > 0
        self.metered.append((*events, *calls, *replies, *published))
        self.passes.append(tuple(events))

    def committed(self, seconds: float) -> None:
        assert seconds > 0
        self.metered.append("committed")

    async def until(self, condition: Callable[[], bool], seconds: float = 3600.0) -> None:
        """Run the loop until the condition holds."""
        running = asyncio.create_task(self.shell.run())
        deadline = virtual_time.now() + seconds
        while not condition():
            if running.done():
                running.result()
            assert virtual_time.now() < deadline, f"not in {seconds} s; so far: {self.story} {self.world.stepped}"
            await asyncio.sleep(1)
        self.shell.stop()
        await running


def _event(name: str) -> Event:
    return OfferRescinded(name)


def _name(event: Event) -> str:
    assert isinstance(event, OfferRescinded)
    return event.offer_id


# -------------------------------------------------------------------------- the order


def test_changes_are_durable_before_anything_is_done_and_acknowledgements_come_last() -> None:
    async def scenario() -> None:
        change = Put(Framework("f"))
        effects: tuple[Effect, ...] = (
            ACK,
            Log("info", "launched"),
            Reply(1, Done("d")),
            Kill("t", None),
            Revive(("*",)),
        )
        bench = Bench(lambda _: Frame((change,), effects))

        def ask(number: int) -> Event:
            return PodDeleted(number, "/a")

        asked = asyncio.create_task(bench.shell.request(ask))
        asked.add_done_callback(lambda _: bench.story.append("answered"))
        with capture_logs() as logs:
            await bench.until(asked.done)
        assert bench.story == [(change,), Kill("t", None), Revive(("*",)), ACK, "answered"]
        assert [line["event"] for line in logs] == ["launched"]
        assert asked.result() == Done("d")

    virtual_time.run(scenario())


def test_the_meter_records_every_turn_and_commit() -> None:
    async def scenario() -> None:
        effects = (ACK, Publish("a", {}, 0.0), Kill("t", None), Reply(1, Done("d")))
        bench = Bench(lambda event: Frame((), effects if _name(event) == "1" else ()))
        bench.shell.submit(_event("1"))
        bench.shell.submit(_event("2"))
        assert bench.shell.waiting == 2
        await bench.until(lambda: bool(bench.metered))
        told = (_event("1"), _event("2"), Kill("t", None), Reply(1, Done("d")), Publish("a", {}, 0.0))
        assert bench.metered == ["committed", told]
        assert bench.shell.waiting == 0

    virtual_time.run(scenario())


def test_within_a_batch_every_call_goes_before_every_note_and_acknowledgement() -> None:
    async def scenario() -> None:
        bench = Bench(lambda event: Frame(effects=(ACK, Kill(_name(event), None))))
        bench.shell.submit(_event("1"))
        bench.shell.submit(_event("2"))
        await bench.until(lambda: len(bench.story) == 4)
        assert bench.story == [Kill("1", None), Kill("2", None), ACK, ACK]

    virtual_time.run(scenario())


def test_events_are_durable_with_the_changes_and_published_after_the_calls() -> None:
    async def scenario() -> None:
        change = Put(Framework("f"))
        effects: tuple[Effect, ...] = (Publish("news", {"a": 1}, 0.0), Kill("t", None), Publish("more", {}, 0.5))
        bench = Bench(lambda _: Frame((change,), effects))
        heard: list[StreamEvent] = []

        async def follow() -> None:
            async for each in bench.shell.bus.follow(0):
                heard.append(each)
                bench.story.append(each.number)

        following = asyncio.create_task(follow())
        bench.shell.submit(_event("1"))
        await bench.until(lambda: len(heard) == 2)
        following.cancel()
        assert bench.story == [(change, "news", "more"), Kill("t", None), 1, 2]
        assert [each.data for each in heard] == [
            b'{"a":1,"timestamp":"1970-01-01T00:00:00.000Z"}',
            b'{"timestamp":"1970-01-01T00:00:00.500Z"}',
        ]

    virtual_time.run(scenario())


def test_calls_are_handed_over_once_in_a_turn_and_acknowledgements_once() -> None:
    async def scenario() -> None:
        operation = AcknowledgeOperation("op", "agent", "uuid")
        bench = Bench(lambda event: Frame(effects=(ACK, Kill(_name(event), None), operation)))
        bench.shell.submit_all_threadsafe([_event("1"), _event("2")])
        await bench.until(lambda: len(bench.story) == 6)
        assert bench.batches == [(Kill("1", None), Kill("2", None)), (ACK, operation, ACK, operation)]

    virtual_time.run(scenario())


def test_a_frame_without_changes_needs_no_commit() -> None:
    async def scenario() -> None:
        bench = Bench(lambda _: Frame(effects=(Revive(("*",)),)))
        bench.refuse_commits = True
        bench.shell.submit(Disconnected())
        await bench.until(lambda: bench.story == [Revive(("*",))])

    virtual_time.run(scenario())


def test_many_events_share_one_commit_in_which_the_last_change_of_a_record_counts() -> None:
    frames: dict[str, tuple[Change, ...]] = {
        "1": (Put(Pod("/a", "1", "1")), Put(Framework("f"))),
        "2": (Put(Pod("/b", "1", "1")), Put(Pod("/a", "2", "1"))),
        "3": (Delete(Pod, "/b"),),
    }

    async def scenario() -> None:
        bench = Bench(lambda event: Frame(frames[_name(event)]))
        for name in frames:
            bench.shell.submit(_event(name))
        await bench.until(lambda: bool(bench.story))
        assert bench.story == [(Put(Framework("f")), Put(Pod("/a", "2", "1")), Delete(Pod, "/b"))]

    virtual_time.run(scenario())


def test_statuses_that_follow_one_another_are_one_event_and_overtake_nothing() -> None:
    def status(name: str) -> StatusUpdated:
        return StatusUpdated(name, Condition.RUNNING, "agent", None, 1.0)

    async def scenario() -> None:
        bench = Bench()
        a, b, c, d = map(status, "abcd")
        for event in (a, b, AgentLost("one"), c, OfferRescinded("offer"), d, AgentLost("two"), a):
            bench.shell.submit(event)
        await bench.until(lambda: not bench.shell.waiting)
        stepped = [event for event, _ in bench.world.stepped]
        assert stepped == [
            StatusesUpdated((a, b)),
            AgentLost("one"),
            StatusesUpdated((c, d)),
            AgentLost("two"),
            a,
            OfferRescinded("offer"),
        ]

    virtual_time.run(scenario())


def test_a_batch_is_bounded_so_that_a_flood_cannot_keep_the_first_from_being_done() -> None:
    async def scenario() -> None:
        bench = Bench(lambda event: Frame((Put(Pod(_name(event), "1", "1")),)))
        for n in range(MAX_BATCH + 5):
            bench.shell.submit(_event(str(n)))
        await bench.until(lambda: len(bench.story) == 2)
        first, second = bench.story
        assert isinstance(first, tuple)
        assert isinstance(second, tuple)
        assert (len(first), len(second)) == (MAX_BATCH, 5)

    virtual_time.run(scenario())


# ------------------------------------------------------------------------- requests


def test_a_request_is_answered_by_its_number_only() -> None:
    async def scenario() -> None:
        bench = Bench()
        bench.frames = lambda event: Frame(
            effects=(Reply(event.request, Refused("absent", event.pod_id)),) if isinstance(event, PodDeleted) else ()
        )
        asked = [
            asyncio.create_task(bench.shell.request(lambda number, pod=pod: PodDeleted(number, pod)))
            for pod in ("/a", "/b")
        ]
        await bench.until(lambda: all(task.done() for task in asked))
        assert [task.result() for task in asked] == [Refused("absent", "/a"), Refused("absent", "/b")]

    virtual_time.run(scenario())


def test_a_request_is_carried_out_even_if_its_client_has_disconnected() -> None:
    async def scenario() -> None:
        bench = Bench(lambda _: Frame((Put(Framework("f")),), (Reply(1, Done("d")),)))
        asked = asyncio.create_task(bench.shell.request(lambda number: PodDeleted(number, "/a")))
        await asyncio.sleep(0)
        asked.cancel()
        await bench.until(lambda: bool(bench.story))
        assert asked.cancelled()

    virtual_time.run(scenario())


def test_what_is_asked_of_a_stopped_loop_is_an_error_at_once() -> None:
    async def scenario() -> None:
        bench = Bench()
        bench.shell.stop()
        await bench.shell.run()
        with pytest.raises(LoopError, match="stopping"):
            await bench.shell.request(lambda number: PodDeleted(number, "/a"))

    virtual_time.run(scenario())


# --------------------------------------------------------------------------- endings


def test_a_failing_commit_ends_the_loop_with_nothing_performed_and_tells_who_waits() -> None:
    async def scenario() -> None:
        bench = Bench(lambda _: Frame((Put(Framework("f")),), (Kill("t", None), Reply(1, Done("d")), ACK)))
        bench.refuse_commits = True
        asked = asyncio.create_task(bench.shell.request(lambda number: PodDeleted(number, "/a")))
        await asyncio.sleep(0)
        with capture_logs() as logs, pytest.raises(LoopError, match="disk full"):
            await bench.shell.run()
        assert bench.story == []
        assert [line["log_level"] for line in logs] == ["critical"]
        with pytest.raises(LoopError, match="stopped"):
            await asked

    virtual_time.run(scenario())


def test_a_fault_in_the_core_ends_the_loop_before_anything_of_the_batch_is_done() -> None:
    async def scenario() -> None:
        def frames(event: Event) -> Frame:
            if _name(event) == "2":
                raise ZeroDivisionError
            return Frame((Put(Framework("f")),), (Revive(("*",)),))

        bench = Bench(frames)
        bench.shell.submit(_event("1"))
        bench.shell.submit(_event("2"))
        with pytest.raises(ZeroDivisionError):
            await bench.shell.run()
        assert bench.story == []

    virtual_time.run(scenario())


def test_stop_is_obeyed_after_its_batch_is_durable_and_before_later_events() -> None:
    async def scenario() -> None:
        frames = {
            "1": Frame((Put(Framework("f")),), (Stop("failed over"), Revive(("*",)))),
            "2": Frame(effects=(Kill("t", None),)),
        }
        bench = Bench(lambda event: frames[_name(event)])
        bench.shell.submit(_event("1"))
        bench.shell.submit(_event("2"))
        with pytest.raises(LoopError, match="failed over"):
            await bench.shell.run()
        assert bench.story == [(Put(Framework("f")),), Revive(("*",))]

    virtual_time.run(scenario())


def test_an_edge_that_failed_ends_the_loop_also_while_it_waits() -> None:
    async def scenario() -> None:
        bench = Bench()
        running = asyncio.create_task(bench.shell.run())
        await asyncio.sleep(1)
        bench.shell.fail_threadsafe(OSError("no sockets left"))
        with pytest.raises(LoopError, match="no sockets left"):
            await running

    virtual_time.run(scenario())


def test_events_of_other_threads_arrive_before_during_and_after_the_run() -> None:
    async def scenario() -> None:
        bench = Bench()
        bench.shell.submit_threadsafe(_event("before"))
        running = asyncio.create_task(bench.shell.run())
        deadline = asyncio.get_running_loop().time() + 10
        thread = threading.Thread(target=lambda: bench.shell.submit_threadsafe(_event("during")))
        thread.start()
        while len(bench.world.stepped) < 2:
            assert asyncio.get_running_loop().time() < deadline, f"only {bench.world.stepped}"
            await asyncio.sleep(0.001)
        bench.shell.stop()
        await running
        thread.join()
        bench.shell.submit_threadsafe(_event("after"))
        assert [_name(event) for event, _ in bench.world.stepped] == ["before", "during"]

    asyncio.run(scenario())


def test_no_event_of_several_busy_threads_is_left_behind() -> None:
    """Nothing follows their last ones that would wake the loop."""

    def submit(bench: Bench, thread: int) -> None:
        for number in range(300):
            bench.shell.submit_threadsafe(_event(f"{thread}-{number}"))

    async def scenario() -> None:
        bench = Bench()
        running = asyncio.create_task(bench.shell.run())
        deadline = asyncio.get_running_loop().time() + 30
        threads = [threading.Thread(target=submit, args=(bench, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        while len(bench.world.stepped) < 1200:
            assert asyncio.get_running_loop().time() < deadline, f"only {len(bench.world.stepped)}"
            await asyncio.sleep(0.001)
        bench.shell.stop()
        await running
        for thread in threads:
            thread.join()

    asyncio.run(scenario())


# ---------------------------------------------------------------------------- timers


def test_the_clock_ticks_when_the_next_deadline_has_come_and_not_before() -> None:
    async def scenario() -> None:
        bench = Bench()
        start = virtual_time.now()
        bench.world.deadlines = [start + 7200.0, start + 30.0]
        await bench.until(lambda: len(bench.world.stepped) == 2, seconds=8000)
        assert [event for event, _ in bench.world.stepped] == [Ticked(), Ticked()]
        assert [at - start for _, at in bench.world.stepped] == pytest.approx([30.0, 7200.0], abs=0.1)

    virtual_time.run(scenario())


@pytest.mark.parametrize("by", [-3600.0, 3600.0, -1e9])
def test_no_deadline_depends_on_the_system_clock(by: float) -> None:
    async def scenario() -> None:
        bench = Bench()
        start = virtual_time.now()
        bench.world.deadlines = [start + 30.0, start + 7200.0]

        def set_clock() -> None:
            bench.wall_ahead = by

        asyncio.get_running_loop().call_later(10, set_clock)
        await bench.until(lambda: len(bench.world.stepped) == 3, seconds=8000)
        assert bench.world.stepped == [
            (ClockSet(pytest.approx(by)), pytest.approx(start + 30.0, abs=0.1)),
            (Ticked(), pytest.approx(start + 30.0, abs=0.1)),
            (Ticked(), pytest.approx(start + 7200.0, abs=0.1)),
        ]

    virtual_time.run(scenario())


def test_a_clock_that_was_set_is_noticed_within_a_minute_where_nothing_else_happens() -> None:
    async def scenario() -> None:
        bench = Bench()
        start = virtual_time.now()

        def set_clock() -> None:
            bench.wall_ahead = -3600.0

        asyncio.get_running_loop().call_later(1, set_clock)
        await bench.until(lambda: len(bench.world.stepped) == 1, seconds=100)
        [(event, at)] = bench.world.stepped
        assert event == ClockSet(pytest.approx(-3600.0))
        assert at - start <= 61

    virtual_time.run(scenario())


def test_an_event_that_brings_a_nearer_deadline_shortens_the_wait() -> None:
    async def scenario() -> None:
        bench = Bench()
        start = virtual_time.now()
        bench.world.deadlines = [start + 50.0]

        def frames(event: Event) -> Frame:
            if isinstance(event, OfferRescinded):
                bench.world.deadlines.append(start + 5.0)
            return Frame()

        bench.frames = frames
        asyncio.get_running_loop().call_later(1, bench.shell.submit, _event("x"))
        await bench.until(lambda: len(bench.world.stepped) == 3)
        assert [at - start for _, at in bench.world.stepped] == pytest.approx([1.0, 5.0, 50.0], abs=0.1)

    virtual_time.run(scenario())


def test_a_deadline_that_has_passed_does_not_wait_for_the_inbox_to_empty() -> None:
    async def scenario() -> None:
        bench = Bench()
        bench.world.deadlines = [virtual_time.now() - 1]
        for n in range(3 * MAX_BATCH):
            bench.shell.submit(_event(str(n)))
        await bench.until(lambda: len(bench.world.stepped) == 3 * MAX_BATCH + 1)
        assert bench.world.stepped[MAX_BATCH][0] == Ticked()

    virtual_time.run(scenario())
