"""The output of one container, across restarts by its executor."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from scheduler.api.inside.since import Since
from scheduler.api.inside.tails import Lines, Tail
from scheduler.api.inside.targets import Target, state_of
from scheduler.core.world import World
from scheduler.loop.inside import Inside, InsideError, Run, Why
from scheduler.model.json import Json
from scheduler.model.times import timestamp

STREAMS = ("stdout", "stderr")
QUICK, SLOW = 0.2, 1.0  # seconds between two looks at a file that grows, and at one that does not
_PATIENCE = 5.0  # seconds after which an agent or master that does not answer is reported
_EXACT = 3 * SLOW  # seconds between two looks within which the second one tells the time of new lines


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of a container's output that a client wants.

    Attributes:
        streams: some of STREAMS.
        lines: at most this many existing lines; None: all.
        follow: whether to include later output.
        since: leave out lines that are known to be older, in seconds since the epoch; None: none.
        timed: whether lines have the time at which they were written, if it is known.
        fresh: whether the launch is so new that the time of all its lines is known.
    """

    streams: tuple[str, ...]
    lines: int | None
    follow: bool
    since: float | None = None
    timed: bool = False
    fresh: bool = False


class Output:
    """One target's output as lines of JSON."""

    def __init__(self, world: World, inside: Inside, target: Target, wanted: Wanted) -> None:
        self._world = world
        self._inside = inside
        self._target = target
        self._wanted = wanted

    async def records(self) -> AsyncIterator[bytes]:
        """The output, and an event for its end if it is followed."""
        try:
            if self._wanted.follow:
                async for chunk in self._follow():
                    yield chunk
            else:
                run = await self._target.run(self._inside)
                async for chunk in self._of_run(run):
                    yield chunk
        except InsideError as error:
            yield self._event("failed", str(error))

    async def records_before(self) -> AsyncIterator[bytes]:
        """The output of the run before the current or last one."""
        try:
            async for chunk in self._of_run(await self._run_before()):
                yield chunk
        except InsideError as error:
            yield self._event("failed", str(error))

    async def _run_before(self) -> Run:
        restarts = state_of(self._world, self._target).restarts
        if restarts:
            run = self._inside.run_before(await self._target.run(self._inside), restarts)
            if run is None:
                raise InsideError(Why.ABSENT, "the container is restarting; try again")
            return run
        if self._target.before is None:
            raise InsideError(Why.ABSENT, "there is no previous run")
        return await self._target.before.run(self._inside)

    async def _of_run(self, run: Run) -> AsyncIterator[bytes]:
        files = await self._files(run, self._wanted.lines)
        async for stream, lines in files.new():
            yield self._lines(stream, lines)
        for stream, lines in files.rest():
            yield self._lines(stream, lines)

    async def _files(self, run: Run, lines: int | None) -> "_Files":
        """The files of a run, of which this many lines are read; none of those that were written last too long ago."""
        wanted, since = dict.fromkeys(self._wanted.streams, lines), self._wanted.since
        if since is not None:
            try:
                found = await self._inside.list_files(run, "")
            except InsideError as error:
                if error.why is Why.UNREACHABLE:
                    raise
                found = []
            old = {each.name for each in found if each.modified < since}
            wanted |= {stream: 0 for stream in self._wanted.streams if stream in old}
        return _Files(self._inside, run, wanted, since)

    async def _follow(self) -> AsyncIterator[bytes]:
        restarts, run = await self._running(is_first=True)
        files = None if run is None else await self._files(run, self._wanted.lines)
        looked_at = _now() if self._wanted.fresh else None
        while files is not None:
            async for chunk in self._while_running(files, restarts, looked_at):
                yield chunk
            if state_of(self._world, self._target).over:
                break
            restarts, current = await self._running()
            if current is None:
                break
            if current != run:  # otherwise this is the restarted run already
                yield self._event("restarted", state_of(self._world, self._target).how)
                run, files = current, _Files(self._inside, current, dict.fromkeys(self._wanted.streams), None)
            looked_at = _now()
        yield self._event("ended", state_of(self._world, self._target).how)

    async def _running(self, *, is_first: bool = False) -> tuple[int, Run | None]:
        """The number of restarts, and the current run once there is one; None: there will be none.

        An agent that does not answer is waited for, unless this ``is_first``.
        """
        while True:
            now = state_of(self._world, self._target)
            try:
                return now.restarts, await self._target.run(self._inside)
            except InsideError as error:
                if error.why is Why.UNABLE or (error.why is Why.UNREACHABLE and (is_first or now.over)):
                    raise
                if error.why is Why.ABSENT and now.over:
                    return now.restarts, None
            await asyncio.sleep(QUICK)

    async def _while_running(self, files: "_Files", restarts: int, looked_at: float | None) -> AsyncIterator[bytes]:
        """All output of this run, until it is over. An agent that does not answer is waited for.

        ``looked_at``: when nothing of it had been written yet that is not known; None: nothing is known of that.
        """
        pause, silent, contact = QUICK, 0.0, _Contact(looked_at)
        while True:
            now = state_of(self._world, self._target)  # before the files, so that all output until then is read below
            written_at, count = contact.begin(), 0
            try:
                async for stream, lines in files.new():
                    yield self._lines(stream, lines, written_at)
                    count += 1
            except InsideError as error:
                if error.why is not Why.UNREACHABLE or now.over:
                    raise
                if contact.is_newly_lost():
                    yield self._event("unreachable", f"{error}; waiting for it")
                await asyncio.sleep(pause)
                continue
            if contact.is_found_again():
                yield self._event("reachable", "the agent answers again")
            pause, silent = (QUICK, 0.0) if count else (pause, silent)
            is_over = now.over or now.restarts != restarts
            if is_over or silent >= SLOW:  # a prompt, or a slow line
                for stream, lines in files.rest():
                    yield self._lines(stream, lines, written_at)
            if is_over:
                return
            await asyncio.sleep(pause)
            silent, pause = silent + pause, min(SLOW, 2 * pause)

    # ------------------------------------------------------------------------ records

    def _lines(self, stream: str, lines: Sequence[str | InsideError], written_at: float | None = None) -> bytes:
        """``written_at``: about when; None: that is not known."""
        at = {"time": timestamp(written_at)} if self._wanted.timed and written_at is not None else {}
        return b"".join(
            self._event("failed", str(each))
            if isinstance(each, InsideError)
            else self._record({"stream": stream, "line": each, **at})
            for each in lines
        )

    def _event(self, event: str, message: str) -> bytes:
        return self._record({"event": event, "message": message})

    def _record(self, members: Json) -> bytes:
        origin: Json = {"instance": self._target.instance_id}
        return orjson.dumps(origin | self._target.origin | members, option=orjson.OPT_APPEND_NEWLINE)


class _Contact:
    """Whether an agent answers, and so when new lines were written."""

    def __init__(self, looked_at: float | None) -> None:
        """``looked_at``: when everything that had been written was known; None: never."""
        self._looked_at = looked_at
        self._begun = self._answered_at = _now()
        self._is_lost = False

    def begin(self) -> float | None:
        """Before a look: the time of the lines that it finds, seconds since the epoch; None: it will not be known."""
        self._begun = _now()
        is_exact = self._looked_at is not None and self._begun - self._looked_at <= _EXACT
        return time.time() if is_exact else None

    def is_newly_lost(self) -> bool:
        """After a look that failed: whether it has just become clear that the agent does not answer."""
        was_lost, self._is_lost = self._is_lost, _now() - self._answered_at > _PATIENCE
        return self._is_lost and not was_lost

    def is_found_again(self) -> bool:
        """After a look that succeeded: whether the agent was lost before."""
        self._looked_at, self._answered_at = self._begun, _now()
        was_lost, self._is_lost = self._is_lost, False
        return was_lost


class _Files:
    """The files of one run."""

    def __init__(self, inside: Inside, run: Run, wanted: Mapping[str, int | None], since: float | None) -> None:
        """``wanted``: how many existing lines of which stream; None: all. ``since``: as of Wanted."""
        self._tails = {stream: (Tail(inside, run, stream, lines), Lines()) for stream, lines in wanted.items()}
        self._since = {stream: Since(-math.inf if since is None else since) for stream in wanted}

    async def new(self) -> AsyncIterator[tuple[str, Sequence[str | InsideError]]]:
        """New complete lines, or why a file cannot be read: a container may replace one of them with a pipe."""
        for stream, (tail, lines) in tuple(self._tails.items()):
            try:
                async for data in tail.new():
                    complete = self._since[stream].new(lines.take(data))
                    if complete:
                        yield stream, complete
            except InsideError as error:
                if error.why is not Why.UNABLE:
                    raise
                yield stream, [*lines.rest(), error]
                del self._tails[stream]

    def rest(self) -> list[tuple[str, list[str]]]:
        """Lines that have no end yet."""
        left = ((stream, self._since[stream].new(lines.rest())) for stream, (_, lines) in self._tails.items())
        return [(stream, lines) for stream, lines in left if lines]


def _now() -> float:
    return asyncio.get_running_loop().time()
