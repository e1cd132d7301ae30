"""The output of one container, across restarts by its executor."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import orjson

from scheduler.api.inside.tails import Lines, Tail
from scheduler.api.inside.targets import Target, state_of
from scheduler.core.world import World
from scheduler.loop.inside import Inside, InsideError, Run, Why
from scheduler.model.json import Json

STREAMS = ("stdout", "stderr")
QUICK, SLOW = 0.2, 1.0  # seconds between two looks at a file that grows, and at one that does not
_PATIENCE = 5.0  # seconds for an agent or master that does not answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of a container's output that a client wants.

    Attributes:
        streams: some of STREAMS.
        lines: at most this many existing lines; None: all.
        follow: whether to include later output.
    """

    streams: tuple[str, ...]
    lines: int | None
    follow: bool


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
        files = _Files(self._inside, run, self._wanted.streams, self._wanted.lines)
        async for stream, lines in files.new():
            yield self._lines(stream, lines)
        for stream, lines in files.rest():
            yield self._lines(stream, lines)

    async def _follow(self) -> AsyncIterator[bytes]:
        restarts, run = await self._running()
        files = None if run is None else _Files(self._inside, run, self._wanted.streams, self._wanted.lines)
        while files is not None:
            async for stream, text in self._while_running(files, restarts):
                yield self._lines(stream, text)
            if state_of(self._world, self._target).over:
                break
            restarts, current = await self._running()
            if current is None:
                break
            if current != run:  # otherwise this is the restarted run already
                yield self._event("restarted", state_of(self._world, self._target).how)
                run, files = current, _Files(self._inside, current, self._wanted.streams, None)
        yield self._event("ended", state_of(self._world, self._target).how)

    async def _running(self) -> tuple[int, Run | None]:
        """The number of restarts, and the current run once there is one; None: there will be none."""
        while True:
            now = state_of(self._world, self._target)
            try:
                return now.restarts, await self._target.run(self._inside)
            except InsideError as error:
                if error.why is not Why.ABSENT:
                    raise
                if now.over:
                    return now.restarts, None
            await asyncio.sleep(QUICK)

    async def _while_running(self, files: "_Files", restarts: int) -> AsyncIterator[tuple[str, list[str]]]:
        """All output of this run, until it is over."""
        pause, silent, last_answer = QUICK, 0.0, _now()
        while True:
            now = state_of(self._world, self._target)  # before the files, so that all output until then is read below
            try:
                count = 0
                async for lines in files.new():
                    yield lines
                    count += 1
                last_answer = _now()
            except InsideError as error:
                if error.why is not Why.UNREACHABLE or _now() - last_answer > _PATIENCE:
                    raise
            if count:
                pause, silent = QUICK, 0.0
            elif silent >= SLOW:  # a prompt, or a slow line
                for lines in files.rest():
                    yield lines
            if now.over or now.restarts != restarts:
                for lines in files.rest():
                    yield lines
                return
            await asyncio.sleep(pause)
            silent, pause = silent + pause, min(SLOW, 2 * pause)

    # ------------------------------------------------------------------------ records

    def _lines(self, stream: str, lines: list[str]) -> bytes:
        return b"".join(self._record({"stream": stream, "line": line}) for line in lines)

    def _event(self, event: str, message: str) -> bytes:
        return self._record({"event": event, "message": message})

    def _record(self, members: Json) -> bytes:
        origin: Json = {"instance": self._target.instance_id}
        return orjson.dumps(origin | self._target.origin | members, option=orjson.OPT_APPEND_NEWLINE)


class _Files:
    """The files of one run."""

    def __init__(self, inside: Inside, run: Run, streams: tuple[str, ...], lines: int | None) -> None:
        self._tails = {stream: (Tail(inside, run, stream, lines), Lines()) for stream in streams}

    async def new(self) -> AsyncIterator[tuple[str, list[str]]]:
        """New complete lines."""
        for stream, (tail, lines) in self._tails.items():
            async for data in tail.new():
                complete = lines.take(data)
                if complete:
                    yield stream, complete

    def rest(self) -> list[tuple[str, list[str]]]:
        """Lines that have no end yet."""
        return [(stream, rest) for stream, (_, lines) in self._tails.items() if (rest := lines.rest())]


def _now() -> float:
    return asyncio.get_running_loop().time()
