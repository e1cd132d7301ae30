"""Carries a command's output and input at the same time."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from scheduler.loop.inside import InsideError

_LAST_OUTPUT = 2.0  # seconds: an agent refuses input for a command that ended a bit before it reports the end


async def joined(output: Coroutine[Any, Any, None], given: Coroutine[Any, Any, None]) -> None:
    """Run both until the output ends. Raises the output's exception, or the input's if the output continues."""
    reading, writing = asyncio.create_task(output), asyncio.create_task(given)
    try:
        await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        failure = None if reading.done() else writing.exception()
        if isinstance(failure, InsideError):
            await asyncio.wait((reading,), timeout=_LAST_OUTPUT)
        if failure is not None and not reading.done():
            raise failure
        await reading
    finally:
        for task in (reading, writing):
            task.cancel()
        await asyncio.gather(reading, writing, return_exceptions=True)
