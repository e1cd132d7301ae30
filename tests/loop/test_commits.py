"""Commits that overlap with later passes: nothing escapes before its commit, nothing changes its order."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from scheduler.core.effects import Acknowledge, Done, Effect, Kill, Publish, Reply
from scheduler.core.events import Event, OfferRescinded, PodDeleted
from scheduler.core.frame import Change, Frame, Put
from scheduler.loop.bus import StreamEvent
from scheduler.loop.commits import MOST_WAITING
from scheduler.loop.event_loop import EventLoop, LoopError
from scheduler.loop.ports import MesosCall, StoreError
from scheduler.model.records import Abandoned
from scheduler.store import SqliteStore
from tests.loop import virtual_time
from tests.loop.inline import Inline


class Held(Executor):
    """A thread that begins nothing until ``let_go``."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Something to do later."""
        result: Future[Any] = Future()

        def do() -> None:
            try:
                result.set_result(fn(*args, **kwargs))
            except Exception as error:
                result.set_exception(error)

        self.waiting.append(do)
        return result

    def let_go(self) -> None:
        """Do what waits."""
        waiting, self.waiting = self.waiting, []
        for do in waiting:
            do()


def _change(name: str) -> Put:
    return Put(Abandoned(name, "instance", "/pod", ("task",), "agent", 0.0, 3.0))


def _name(change: Change) -> str:
    assert isinstance(change, Put)
    assert isinstance(change.record, Abandoned)
    return change.record.id


class Story:
    """A loop whose every event changes a record of its name, and kills a task of its name; ``-x`` changes nothing."""

    def __init__(self, thread: Executor | None = None) -> None:
        self.stepped: list[str] = []
        self.stored: list[list[str]] = []
        self.story: list[str] = []
        self.threads: set[str] = set()
        self.seconds = 0.0
        self.refuses: str | None = None
        self.faults: str | None = None
        self.loop = EventLoop(self, self._step, self, self, thread=thread)

    def next_deadline(self) -> float | None:
        return None

    def _step(self, _world: object, event: Event, _now: float) -> Frame:
        if isinstance(event, PodDeleted):
            self.stepped.append(event.pod_id)
            return Frame((_change(event.pod_id),), (Reply(event.request, Done("d")),))
        assert isinstance(event, OfferRescinded)
        name = event.offer_id
        if name == self.faults:
            raise ZeroDivisionError
        self.stepped.append(name)
        effects: tuple[Effect, ...] = (Kill(name, None), Acknowledge(name, "agent", "uuid"))
        if name.startswith("-"):
            return Frame(effects=effects)
        return Frame((_change(name),), (*effects, Publish("kind", {"name": name}, 0.0)))

    def commit(self, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        self.threads.add(threading.current_thread().name)
        time.sleep(self.seconds)
        names = [_name(change) for change in changes]
        if self.refuses in names:
            raise StoreError("disk full")
        self.stored.append(names)
        self.story.extend(f"stored {name}" for name in names)

    def perform_all(self, effects: Sequence[MesosCall]) -> None:
        for each in effects:
            assert isinstance(each, Kill | Acknowledge)
            self.story.append(f"{'killed' if isinstance(each, Kill) else 'acknowledged'} {each.task_id}")

    def happens(self, *names: str) -> None:
        for name in names:
            self.loop.submit(OfferRescinded(name))


async def _pause() -> None:
    """Let everything happen that can."""
    await asyncio.sleep(1)


async def _turns(story: Story, *names: str) -> None:
    """A pass for each."""
    for name in names:
        story.happens(name)
        await _pause()


def _told(*names: str) -> list[str]:
    return [f"{what} {name}" for name in names for what in ("killed", "acknowledged")]


def test_the_loop_continues_during_a_commit_and_the_next_commit_is_shared() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        running = asyncio.create_task(story.loop.run())
        await _turns(story, "a", "b", "c")
        assert (story.stepped, story.story) == (["a", "b", "c"], [])
        thread.let_go()
        await _pause()
        assert story.story == ["stored a", *_told("a")]
        assert story.loop.bus.last == 1
        thread.let_go()
        await _pause()
        assert story.stored == [["a"], ["b", "c"]]
        assert story.story[3:] == ["stored b", "stored c", *_told("b", "c")]
        assert [each.number for each in await story.loop.bus.read_after(0)] == [1, 2, 3]
        story.loop.stop()
        await running

    virtual_time.run(scenario())


def test_what_needs_no_commit_waits_for_those_before_it() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        running = asyncio.create_task(story.loop.run())
        await _turns(story, "-1", "a", "-2")
        assert story.story == _told("-1")
        thread.let_go()
        await _pause()
        assert story.story[2:] == ["stored a", *_told("a", "-2")]
        story.loop.stop()
        await running

    virtual_time.run(scenario())


def test_a_shared_commit_has_the_last_change_of_a_record() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        running = asyncio.create_task(story.loop.run())
        await _turns(story, "a", "b", "c", "b")
        thread.let_go()
        await _pause()
        thread.let_go()
        await _pause()
        assert story.stored == [["a"], ["c", "b"]]
        story.loop.stop()
        await running

    virtual_time.run(scenario())


def test_readers_wait_for_what_they_may_have_seen_and_not_for_more() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        running = asyncio.create_task(story.loop.run())
        await story.loop.durable()
        await _turns(story, "a")
        early = asyncio.create_task(story.loop.durable())
        await _turns(story, "b")
        late = asyncio.create_task(story.loop.durable())
        await _turns(story, "c")
        thread.let_go()
        await _pause()
        assert (early.done(), late.done()) == (True, False)
        thread.let_go()
        await _pause()
        assert late.done()
        story.loop.stop()
        await running

    virtual_time.run(scenario())


def test_the_loop_takes_no_more_events_when_too_many_commits_wait() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        running = asyncio.create_task(story.loop.run())
        await _turns(story, *map(str, range(MOST_WAITING + 5)))
        assert len(story.stepped) == MOST_WAITING
        assert story.loop.waiting == 5
        thread.let_go()
        await _pause()
        assert len(story.stepped) == MOST_WAITING + 5
        story.loop.stop()
        await _pause()
        thread.let_go()
        await running

    virtual_time.run(scenario())


def test_the_end_waits_for_all_commits_and_their_effects() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        running = asyncio.create_task(story.loop.run())
        await _turns(story, "a", "b")
        story.loop.stop()
        await _pause()
        assert not running.done()
        thread.let_go()
        await _pause()
        thread.let_go()
        await running
        assert story.story == ["stored a", *_told("a"), "stored b", *_told("b")]

    virtual_time.run(scenario())


def test_nothing_follows_a_failed_commit_and_nobody_reads_what_it_lost() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        story.refuses = "b"
        running = asyncio.create_task(story.loop.run())
        await _turns(story, "a", "b", "-1", "c")
        asked = asyncio.create_task(story.loop.request(lambda number: PodDeleted(number, "/a")))
        reading = asyncio.create_task(story.loop.durable())
        await _pause()
        thread.let_go()
        await _pause()
        with capture_logs() as logs:
            thread.let_go()
            with pytest.raises(LoopError, match="disk full"):
                await running
        assert story.story == ["stored a", *_told("a")]
        assert [line["log_level"] for line in logs] == ["critical"]
        assert story.loop.bus.last == 1
        for each in (asked, reading, asyncio.create_task(story.loop.durable())):
            with pytest.raises(LoopError, match="stop"):
                await each

    virtual_time.run(scenario())


def test_a_failed_commit_ends_a_loop_that_waits_for_room() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        story.refuses = "0"
        running = asyncio.create_task(story.loop.run())
        await _turns(story, *map(str, range(MOST_WAITING + 5)))
        with capture_logs():
            thread.let_go()
            with pytest.raises(LoopError, match="disk full"):
                await running
        assert story.story == []

    virtual_time.run(scenario())


def test_a_fault_in_the_core_ends_the_loop_after_what_was_decided_before() -> None:
    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        story.faults = "b"
        running = asyncio.create_task(story.loop.run())
        await _turns(story, "a", "b")
        with pytest.raises(LoopError):
            await story.loop.durable()
        thread.let_go()
        with pytest.raises(ZeroDivisionError):
            await running
        assert story.story == ["stored a", *_told("a")]

    virtual_time.run(scenario())


@given(st.lists(st.lists(st.sampled_from(["", "-"]), min_size=1, max_size=3), max_size=12), st.data())
def test_at_every_moment_what_has_escaped_is_durable_and_in_order(turns: list[list[str]], data: st.DataObject) -> None:
    """The moment is when the process is killed: only what is stored survives."""
    names = [[f"{kind}{turn}.{index}" for index, kind in enumerate(kinds)] for turn, kinds in enumerate(turns)]
    every = [name for turn in names for name in turn]

    async def scenario() -> None:
        thread = Held()
        story = Story(thread)
        running = asyncio.create_task(story.loop.run())
        for turn in names:
            story.happens(*turn)
            await _pause()
            if data.draw(st.booleans()):
                thread.let_go()
                await _pause()
            check(story)
        story.loop.stop()
        while not running.done():
            thread.let_go()
            await _pause()
            check(story)
        assert len(story.story) == 2 * len(every) + sum(not name.startswith("-") for name in every)

    def check(story: Story) -> None:
        killed = [each.split()[1] for each in story.story if each.startswith("killed")]
        assert killed == every[: len(killed)]
        for name in killed:
            stored, performed = f"stored {name}", f"killed {name}"
            assert name.startswith("-") or story.story.index(stored) < story.story.index(performed)
        stored_names = [name for commit in story.stored for name in commit]
        assert stored_names == [name for name in every if not name.startswith("-")][: len(stored_names)]
        assert story.loop.bus.last <= len(stored_names)

    virtual_time.run(scenario())


def test_a_slow_store_holds_up_neither_the_loop_nor_its_thread() -> None:
    async def scenario() -> None:
        story = Story()
        story.seconds = 0.2
        running = asyncio.create_task(story.loop.run())
        story.happens("a")
        deadline = time.monotonic() + 10
        while len(story.stepped) < 3:
            story.happens("b")
            assert time.monotonic() < deadline
            await asyncio.sleep(0)
        assert story.stored == []
        await story.loop.durable()
        story.loop.stop()
        await running
        assert threading.current_thread().name not in story.threads
        assert not any(each.name.startswith("store") for each in threading.enumerate())

    asyncio.run(scenario())


_KILLED = """
import asyncio, itertools, os, signal, sys
from scheduler.core.events import OfferRescinded
from scheduler.store import SqliteStore
from tests.loop.test_commits import Story

path, when, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = SqliteStore(path)
story = Story()
commits = 0

def commit(changes, events=()):
    global commits
    commits += 1
    if when == "before" and commits == number:
        os.kill(os.getpid(), signal.SIGKILL)
    store.commit(changes, events)
    if when == "after" and commits == number:
        os.kill(os.getpid(), signal.SIGKILL)

def perform_all(effects):
    for each in effects:
        os.write(1, f"{each.task_id}\\n".encode())
        if when == "performing" and int(each.task_id) >= number:
            os.kill(os.getpid(), signal.SIGKILL)

story.commit, story.perform_all = commit, perform_all

async def main():
    running = asyncio.create_task(story.loop.run())
    for name in itertools.count():
        story.happens(str(name))
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("when", ["before", "after", "performing"])
def test_what_was_done_is_stored_when_the_process_is_killed(tmp_path: Path, when: str, number: int) -> None:
    path = tmp_path / "store.db"
    command = [sys.executable, "-c", _KILLED, str(path), when, str(number)]
    root = Path(__file__).parents[2]
    killed = subprocess.run(command, capture_output=True, check=False, cwd=root, env={**os.environ, "PYTHONPATH": "."})
    assert killed.returncode == -9, killed.stderr.decode()
    store = SqliteStore(path)
    stored = [_name(Put(record)) for record in store.load()]
    told = [int(each.number) for each in store.tail()]
    store.close()
    assert sorted(map(int, stored)) == list(range(len(stored))), "the first passes, without a gap"
    assert told == list(range(1, len(stored) + 1))
    done = killed.stdout.decode().split()
    assert set(done) <= set(stored)
    if when == "performing":
        assert done


def test_a_thread_of_the_caller_is_used() -> None:
    async def scenario() -> None:
        story = Story(Inline())
        running = asyncio.create_task(story.loop.run())
        await _turns(story, "a")
        assert story.story == ["stored a", *_told("a")]
        story.loop.stop()
        await running
        assert story.threads == {threading.current_thread().name}

    virtual_time.run(scenario())
