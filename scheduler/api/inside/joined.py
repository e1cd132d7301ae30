"""A command's output and input, carried side by side."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from scheduler.loop.inside import InsideError

_LAST_OUTPUT = 2.0  # seconds: an agent takes no more input of a command that ended, and tells of the end a bit later


async def joined(output: Coroutine[Any, Any, None], given: Coroutine[Any, Any, None]) -> None:
    """Returns when there is no more output. Raises what either raises; of input, if the output goes on."""
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
