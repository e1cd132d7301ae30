"""Reads the last output of failed executors, a few at a time, and reports it to the core."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from scheduler.core.effects import InspectExecutor
from scheduler.core.events import Event, ExecutorInspected
from scheduler.loop.inside import InsideError

_AT_ONCE = 8
_MOST_WAITING = 200  # executors; further failures are reported without output
_PATIENCE = 15.0  # seconds for one executor
_log = structlog.get_logger("scheduler.inside")

# (agent id, executor id): the last lines it wrote. Raises InsideError.
LastLines = Callable[[str, str], Awaitable[tuple[str, ...]]]


class Inspector:
    """Implements the event loop's ``Inspections``. Belongs to one asyncio loop."""

    def __init__(self, last_lines: LastLines, submit: Callable[[Event], None]) -> None:
        self._last_lines = last_lines
        self._submit = submit
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._looks: set[asyncio.Task[None]] = set()

    def inspect(self, asked: InspectExecutor) -> None:
        """Read an executor's output and submit it, even if there is none."""
        if len(self._looks) >= _MOST_WAITING:
            self._found(asked, ())
            return
        look = asyncio.create_task(self._look(asked))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def close(self) -> None:
        """Stop reading."""
        looks = tuple(self._looks)
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    async def _look(self, asked: InspectExecutor) -> None:
        lines: tuple[str, ...] = ()
        try:
            async with self._places, asyncio.timeout(_PATIENCE):
                lines = await self._last_lines(asked.agent_id, asked.executor_id)
        except (InsideError, TimeoutError) as error:
            why = str(error) or f"no answer within {_PATIENCE:g} s"
            _log.info("an executor's output cannot be read", executor_id=asked.executor_id, why=why)
        except Exception:  # an agent may answer anything; the tasks' messages then stay as they are
            _log.exception("an executor's output cannot be read", executor_id=asked.executor_id)
        self._found(asked, lines)

    def _found(self, asked: InspectExecutor, lines: tuple[str, ...]) -> None:
        self._submit(ExecutorInspected(asked.pod_id, asked.executor_id, asked.tasks, lines))
