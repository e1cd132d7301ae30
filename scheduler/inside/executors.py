"""Questions to podexec's executors, as framework messages: what their containers use.

Messages may be lost, and executors of others know no questions: who has not answered in time is not waited for.
"""

import asyncio
import itertools
from collections.abc import Callable

import structlog

from podexec.wire import UsageAnswer, UsageQuestion, WireError
from scheduler.loop.inside import Run, Usage

_PATIENCE = 3.0
_log = structlog.get_logger("scheduler.inside")

# (agent id, executor id, message in base64)
Send = Callable[[str, str, str], None]


class Executors:
    """Belongs to the event loop it is made in; only ``heard`` may be called from anywhere."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[UsageAnswer]] = {}

    async def usage(self, run: Run) -> dict[str, Usage]:
        """Of the containers of the run's pod, by their ids; empty if the executor does not say."""
        number = next(self._numbers)
        answer = self._asked[number] = self._loop.create_future()
        try:
            self._send(run.agent_id, run.executor_id, UsageQuestion(number).encode())
            async with asyncio.timeout(_PATIENCE):
                told = await answer
        except TimeoutError:
            return {}
        finally:
            del self._asked[number]
        return {
            container: Usage(
                taken_at=told.at,
                cpu_seconds=use.cpu_seconds,
                memory_bytes=use.memory_bytes,
                processes=use.processes,
            )
            for container, use in told.containers.items()
        }

    def heard(self, message: str) -> None:
        """An executor says something."""
        try:
            told = UsageAnswer.decode(message)
        except WireError as error:
            _log.info("an executor's message was ignored", why=str(error))
            return
        self._loop.call_soon_threadsafe(self._answered, told)

    def _answered(self, told: UsageAnswer) -> None:
        waiting = self._asked.get(told.number)
        if waiting is not None and not waiting.done():
            waiting.set_result(told)
