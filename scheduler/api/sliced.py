"""Long lists as answers, rendered a slice at a time: the event loop, which shares the thread, continues in between."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from scheduler.api.routes import durable
from scheduler.api.turns import Turns


def list_response(
    request: Request, slices: Iterator[list[object]], around: tuple[bytes, bytes] = (b"", b"")
) -> Response:
    """The items of all slices as one list in JSON. A slice is made when it is about to be sent, and sent once
    everything that the world held when it was made is durable. A list of one slice is an ordinary answer.

    ``around``: what comes before and after the list in the JSON.
    """
    first, second = next(slices, []), next(slices, None)
    if second is None:
        return Response(around[0] + orjson.dumps(first) + around[1], media_type="application/json")
    return StreamingResponse(_list(request, first, second, slices, around), media_type="application/json")


async def _list(
    request: Request,
    first: list[object],
    second: list[object],
    rest: Iterator[list[object]],
    around: tuple[bytes, bytes],
) -> AsyncIterator[bytes]:
    yield around[0] + orjson.dumps(first)[:-1]
    turns: Turns = request.app.state.turns
    current: list[object] | None = second
    while current is not None:
        await durable(request)
        yield b"," + orjson.dumps(current)[1:-1]
        await asyncio.sleep(0)
        async with turns.turn(request, is_first=False):
            current = next(rest, None)
    yield b"]" + around[1]
