"""Routes whose handlers get the request and, by name, the parameters in the path.

An answer waits until everything that the world held when it was made is durable. Answers to accepted changes do not:
the loop has returned them after their own commit.
"""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

READING = ("GET", "HEAD")
_ANSWERED_BY_THE_LOOP = ("POST", "PUT")
Handler = Callable[..., Awaitable[Response]]


def route(path: str, handler: Handler, methods: Sequence[str] = READING) -> Route:
    """A route that answers exactly these methods."""

    async def answer(request: Request) -> Response:
        try:
            response = await handler(request, **request.path_params)
        except Exception:
            await durable(request)
            raise
        if request.method not in _ANSWERED_BY_THE_LOOP:
            await durable(request)
        return response

    made = Route(path, answer, methods=methods)
    made.methods = set(methods)  # without the HEAD that Starlette adds to GET
    return made


def routes(path: str, handler: Handler, methods: Sequence[str] = READING) -> list[Route]:
    """The route, with and without a slash at the end."""
    return [route(path, handler, methods), route(f"{path}/", handler, methods)]


async def durable(connection: HTTPConnection) -> None:
    """Return when everything that the world holds now is durable. Raises LoopError if it never will be."""
    await connection.app.state.durable()
