"""Long lists as answers, rendered a slice at a time: the event loop, which shares the thread, continues in between."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from scheduler.api.errors import json_response
from scheduler.api.routes import durable


def list_response(request: Request, slices: Iterator[list[object]]) -> Response:
    """The items of all slices as one list in JSON. A slice is made when it is about to be sent, and sent once
    everything that the world held when it was made is durable. A list of one slice is an ordinary answer.
    """
    first, second = next(slices, []), next(slices, None)
    if second is None:
        return json_response(first)
    return StreamingResponse(_list(request, first, second, slices), media_type="application/json")


async def _list(
    request: Request, first: list[object], second: list[object], rest: Iterator[list[object]]
) -> AsyncIterator[bytes]:
    yield orjson.dumps(first)[:-1]
    current: list[object] | None = second
    while current is not None:
        await durable(request)
        yield b"," + orjson.dumps(current)[1:-1]
        await asyncio.sleep(0)
        current = next(rest, None)
    yield b"]"
