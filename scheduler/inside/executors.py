"""Asks podexec's executors, by framework messages, what their containers use.

Messages may be lost, and other executors do not answer, so there is a time limit.
"""

import asyncio
import itertools
from collections.abc import Callable

import structlog

from podexec.wire import UsageAnswer, UsageQuestion, WireError
from scheduler.loop.inside import Run, Usage

_PATIENCE = 3.0  # seconds
_log = structlog.get_logger("scheduler.inside")

# (agent id, executor id, message in base64)
Send = Callable[[str, str, str], None]


class Executors:
    """Belongs to the event loop in which it is created; only ``heard`` may be called from any thread."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[UsageAnswer]] = {}

    async def usage(self, run: Run) -> dict[str, Usage]:
        """The use of the containers of the run's pod, by id; empty if the executor does not answer."""
        number = next(self._numbers)
        answer = self._asked[number] = self._loop.create_future()
        try:
            self._send(run.agent_id, run.executor_id, UsageQuestion(number).encode())
            async with asyncio.timeout(_PATIENCE):
                reported = await answer
        except TimeoutError:
            return {}
        finally:
            del self._asked[number]
        return {
            container: Usage(
                taken_at=reported.at,
                cpu_seconds=use.cpu_seconds,
                memory_bytes=use.memory_bytes,
                processes=use.processes,
            )
            for container, use in reported.containers.items()
        }

    def heard(self, message: str) -> None:
        """A message from an executor has arrived."""
        try:
            answer = UsageAnswer.decode(message)
        except WireError as error:
            _log.warning("an executor's message was ignored", why=str(error))
            return
        self._loop.call_soon_threadsafe(self._answered, answer)

    def _answered(self, answer: UsageAnswer) -> None:
        waiting = self._asked.get(answer.number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
