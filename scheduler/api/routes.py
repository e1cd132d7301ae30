"""Routes whose handlers get the request and, by name, the parameters in the path."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

READING = ("GET", "HEAD")
Handler = Callable[..., Awaitable[Response]]


def route(path: str, handler: Handler, methods: Sequence[str] = READING) -> Route:
    """A route that answers exactly these methods."""

    async def answer(request: Request) -> Response:
        return await handler(request, **request.path_params)

    made = Route(path, answer, methods=methods)
    made.methods = set(methods)  # without the HEAD that Starlette adds to GET
    return made


def routes(path: str, handler: Handler, methods: Sequence[str] = READING) -> list[Route]:
    """The route, with and without a slash at the end."""
    return [route(path, handler, methods), route(f"{path}/", handler, methods)]
