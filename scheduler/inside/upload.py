"""A request with an endless body, whose answer may arrive before the body's end.

HTTP clients do not read the answer while they write, but an agent that accepts no input answers at once and discards
the rest.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import httptools

from scheduler.inside.http import MesosRefusedError
from scheduler.loop.inside import InsideError, Why

_CONNECT = 5.0
_LARGEST_ANSWER = 64 * 1024
_READ = 64 * 1024


async def upload(
    who: str, url: str, chunks: AsyncIterator[bytes], headers: Mapping[str, str], context: ssl.SSLContext | None
) -> None:
    """Send the chunks until they end or the answer arrives. Raises MesosRefusedError and InsideError.

    ``who`` is the agent, as shown to people.
    """
    try:
        async with _connection(url, context) as (reader, writer):
            writing = asyncio.create_task(_write(writer, url, chunks, headers))
            try:
                status, body = await _answer(reader)
            finally:
                writing.cancel()
                await asyncio.wait((writing,))
    except (OSError, TimeoutError, httptools.HttpParserError, EOFError) as error:
        raise InsideError(Why.UNREACHABLE, f"{who} no longer accepts input: {error or 'it does not answer'}") from error
    if status != HTTPStatus.OK:
        raise MesosRefusedError(status, body.decode(errors="replace"))


@contextlib.asynccontextmanager
async def _connection(
    url: str, context: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(url)
    async with asyncio.timeout(_CONNECT):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # nothing is left to send or to wait for


async def _write(
    writer: asyncio.StreamWriter, url: str, chunks: AsyncIterator[bytes], headers: Mapping[str, str]
) -> None:
    """Write the request. A broken connection is noticed by the reader."""
    parts = urlsplit(url)
    head = {**headers, "Host": parts.netloc, "Transfer-Encoding": "chunked", "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with contextlib.suppress(OSError):
        writer.write(f"POST {parts.path} HTTP/1.1\r\n{lines}\r\n".encode())
        async for chunk in chunks:
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body. Raises EOFError at a premature end."""
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    size = 0
    while not answer.is_complete:
        data = await reader.read(_READ)
        if not data:
            raise EOFError("the connection ended")
        parser.feed_data(data)
        size += len(data)
        if size > _LARGEST_ANSWER:
            raise EOFError(f"its answer has more than {_LARGEST_ANSWER} bytes")
    return parser.get_status_code(), bytes(answer.body)


class _Answer:
    """The answer received so far; the methods are httptools' callbacks."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.is_complete = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.is_complete = True
