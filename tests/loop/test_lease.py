"""The event loop of one of several schedulers: without its lease it performs, answers and shows nothing."""

import asyncio

import pytest

from scheduler.core.effects import Done, Effect, Kill, Reply
from scheduler.core.events import AgentLost, Event, PodDeleted
from scheduler.core.frame import Frame, Put
from scheduler.loop.event_loop import EventLoop, LeadLostError, LoopError, NotTakenError
from scheduler.model.records import Framework
from tests.loop import virtual_time
from tests.loop.inline import Inline
from tests.loop.test_loop import Bench

DONE = Done("d")


class LeasedBench(Bench):
    """A bench whose loop has a lease."""

    def __init__(self, *effects: Effect, is_stored: bool = True) -> None:
        changes = (Put(Framework("f")),) if is_stored else ()
        super().__init__(lambda _: Frame(changes, effects))
        self.is_held = True
        self.shell = EventLoop(self.world, self._step, self, self, meter=self, thread=Inline(), lease=self)

    def holds(self) -> bool:
        """Whether the lease holds."""
        return self.is_held

    def lose(self) -> None:
        """The lease ends."""
        self.is_held = False


def removal(number: int) -> Event:
    """A request."""
    return PodDeleted(number, "/x")


@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "nothing to store"])
def test_nothing_is_performed_once_the_lease_has_ended(is_stored: bool) -> None:
    """Also not what was decided before."""

    async def scenario() -> None:
        bench = LeasedBench(Kill("task", None), is_stored=is_stored)
        bench.shell.submit(AgentLost("a"))
        bench.is_held = False
        with pytest.raises(LeadLostError):
            await bench.shell.run()
        assert bench.batches == []

    virtual_time.run(scenario())


def test_a_request_is_not_taken_without_the_lease() -> None:
    async def scenario() -> None:
        bench = LeasedBench()
        bench.is_held = False
        with pytest.raises(NotTakenError):
            await bench.shell.request(removal)
        with pytest.raises(LeadLostError):
            await bench.shell.durable()
        assert bench.world.stepped == []

    virtual_time.run(scenario())


def test_a_request_that_was_taken_when_the_lease_ends_may_have_been_carried_out() -> None:
    async def scenario() -> None:
        bench = LeasedBench(Reply(1, DONE))
        bench.on_commit = bench.lose
        asked = asyncio.ensure_future(bench.shell.request(removal))
        await asyncio.sleep(0)
        with pytest.raises(LeadLostError):
            await bench.shell.run()
        with pytest.raises(LoopError, match="may have been carried out") as refused:
            await asked
        assert not isinstance(refused.value, NotTakenError)

    virtual_time.run(scenario())


def test_a_request_that_the_loop_did_not_come_to_may_be_made_again() -> None:
    async def scenario() -> None:
        bench = LeasedBench(Reply(1, DONE))
        asked = asyncio.ensure_future(bench.shell.request(removal))
        await asyncio.sleep(0)
        bench.shell.fail_threadsafe(LeadLostError("another one leads"))
        with pytest.raises(LeadLostError, match="another one leads"):
            await bench.shell.run()
        with pytest.raises(NotTakenError):
            await asked
        assert bench.world.stepped == []

    virtual_time.run(scenario())


def test_with_its_lease_it_answers() -> None:
    async def scenario() -> None:
        bench = LeasedBench(Reply(1, DONE))
        running = asyncio.ensure_future(bench.shell.run())
        assert await bench.shell.request(removal) == DONE
        bench.shell.stop()
        await running

    virtual_time.run(scenario())
