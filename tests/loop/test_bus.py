"""The tail of the event stream: numbers, late readers, and readers that fall behind."""

import asyncio

from scheduler.core.effects import Publish
from scheduler.loop.bus import Bus, StreamEvent


def published(bus: Bus, *kinds: str) -> None:
    """Number these events and publish them."""
    bus.publish(bus.assign_numbers([Publish(kind, {}, 0.0) for kind in kinds]))


async def first(bus: Bus, count: int, after: int = 0) -> list[tuple[int, str]]:
    """This many events after a number."""
    found = []
    async for each in bus.follow(after):
        found.append((each.number, each.kind))
        if len(found) == count:
            break
    return found


def test_numbers_continue_where_the_stored_tail_ends() -> None:
    async def scenario() -> None:
        bus = Bus([StreamEvent(7, "a", b"{}"), StreamEvent(8, "b", b"{}")])
        published(bus, "c", "d")

        assert bus.last == 10
        assert await first(bus, 3, after=7) == [(8, "b"), (9, "c"), (10, "d")]

    asyncio.run(scenario())


def test_who_waits_hears_what_comes_and_nothing_twice() -> None:
    async def scenario() -> None:
        bus = Bus()
        listening = asyncio.create_task(first(bus, 3))
        for kinds in (("a",), ("b", "c")):
            await asyncio.sleep(0)
            published(bus, *kinds)

        assert await listening == [(1, "a"), (2, "b"), (3, "c")]

    asyncio.run(scenario())


def test_a_reader_that_falls_behind_the_tail_continues_at_its_oldest_event() -> None:
    async def scenario() -> None:
        bus = Bus(kept=2)
        published(bus, "a", "b", "c", "d")

        assert await first(bus, 2) == [(3, "c"), (4, "d")]

    asyncio.run(scenario())


def test_a_number_that_was_never_given_waits_for_what_comes() -> None:
    async def scenario() -> None:
        bus = Bus()
        published(bus, "a")
        listening = asyncio.create_task(first(bus, 1, after=bus.last))
        await asyncio.sleep(0)
        published(bus, "b")

        assert await listening == [(2, "b")]

    asyncio.run(scenario())


def test_the_tail_is_taken_in_portions() -> None:
    async def scenario() -> None:
        bus = Bus()
        published(bus, *["a"] * 250)

        portions = [await bus.read_after(number) for number in (0, 100, 200)]
        assert [(each[0].number, each[-1].number) for each in portions] == [(1, 100), (101, 200), (201, 250)]

    asyncio.run(scenario())


def test_patience_ends_and_so_does_the_bus() -> None:
    async def scenario() -> None:
        bus = Bus()
        published(bus, "a")
        assert await bus.read_after(1, 0.0) == []
        waiting = [asyncio.create_task(bus.read_after(1)) for _ in range(2)]
        following = asyncio.create_task(first(bus, 2))
        await asyncio.sleep(0)
        bus.close()

        assert await asyncio.gather(*waiting) == [[], []]
        assert await following == [(1, "a")]
        assert bus.closed
        assert await bus.read_after(1) == []

    asyncio.run(scenario())
