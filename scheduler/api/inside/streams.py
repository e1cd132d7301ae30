"""Streamed answers whose chunks come from an agent and may break off."""

from collections.abc import AsyncGenerator, Mapping

import structlog
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from scheduler.api.errors import ApiError
from scheduler.api.inside.guard import StoppingError
from scheduler.api.routes import durable
from scheduler.loop.event_loop import LoopError
from scheduler.loop.inside import InsideError

BYTES, PLAIN = "application/octet-stream", "text/plain"
NDJSON, TAR = "application/x-ndjson", "application/x-tar"
_log = structlog.get_logger("scheduler.api")


def media_type(request: Request, usual: str, general: str) -> str:
    """The answer's media type: the usual one, or a more general one if the client accepts only that."""
    accepted = [each.partition(";")[0].strip().lower() for each in request.headers.get("accept", "*/*").split(",")]
    return general if general in accepted and usual not in accepted else usual


async def streaming(
    chunks: AsyncGenerator[bytes], media_type: str, headers: Mapping[str, str] | None = None
) -> StreamingResponse:
    """The answer, once its first chunk or its end has arrived, so that exceptions until then become error answers."""
    try:
        first = await anext(chunks, b"")
    except StoppingError:
        raise ApiError(503, {"message": "The scheduler is stopping"}) from None
    return _Chunks(_chained(first, chunks), headers=headers, media_type=media_type)


class _Chunks(StreamingResponse):
    """Closes the generator in any case. If it fails, the connection ends without the answer's end, which shows the
    client that something is missing.
    """

    def __init__(self, chunks: AsyncGenerator[bytes], headers: Mapping[str, str] | None, media_type: str) -> None:
        super().__init__(chunks, headers=headers, media_type=media_type)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_durable(message: Message) -> None:
            await durable(Request(scope))  # a chunk may say what has become of the container
            await send(message)

        try:
            await super().__call__(scope, receive, send_durable)
        except (ApiError, InsideError, LoopError, StoppingError) as error:
            _log.info("an answer ended early", path=scope["path"], error=str(error) or "the scheduler is stopping")
        finally:
            await self._chunks.aclose()


async def _chained(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        if first:
            yield first
        async for chunk in rest:
            yield chunk
    finally:
        await rest.aclose()
