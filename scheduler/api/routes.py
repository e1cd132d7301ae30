"""Routes whose handlers get the request and, by name, the parameters in the path.

Each states what it ``needs`` of its caller, which is checked before the handler runs.

An answer waits until everything that the world held when it was made is durable. Answers to accepted changes do not:
the loop has returned them after their own commit.
"""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from scheduler.api.errors import ApiError, json_response
from scheduler.api.needs import Needs
from scheduler.loop.event_loop import LoopError

READING = ("GET", "HEAD")
_ANSWERED_BY_THE_LOOP = ("POST", "PUT")
Handler = Callable[..., Awaitable[Response]]


class CheckedRoute(Route):
    """A route that answers exactly these methods, to callers who have what it needs."""

    def __init__(self, path: str, handler: Handler, methods: Sequence[str], needs: Needs) -> None:
        async def answer(request: Request) -> Response:
            try:
                needs(request)
                response = await handler(request, **request.path_params)
            except LoopError:
                raise  # it says whether anything was done, which the next one would not
            except Exception:
                await durable(request)
                raise
            if request.method not in _ANSWERED_BY_THE_LOOP:
                await durable(request)
            return response

        super().__init__(path, answer, methods=methods)
        self.methods = set(methods)  # without the HEAD that Starlette adds to GET
        self.needs = needs


class CheckedWebSocketRoute(WebSocketRoute):
    """A WebSocket for callers who have what it needs."""

    def __init__(self, path: str, handler: Callable[[WebSocket], Awaitable[None]], needs: Needs) -> None:
        async def serve(socket: WebSocket) -> None:
            try:
                needs(socket)
            except ApiError as error:
                await socket.send_denial_response(json_response(error.body, error.status))
                return
            await handler(socket)

        super().__init__(path, serve)
        self.needs = needs


def route(path: str, handler: Handler, methods: Sequence[str] = READING, *, needs: Needs) -> Route:
    """A route that answers exactly these methods."""
    return CheckedRoute(path, handler, methods, needs)


def routes(path: str, handler: Handler, methods: Sequence[str] = READING, *, needs: Needs) -> list[Route]:
    """The route, with and without a slash at the end."""
    return [route(path, handler, methods, needs=needs), route(f"{path}/", handler, methods, needs=needs)]


async def durable(connection: HTTPConnection) -> None:
    """Return when everything that the world holds now is durable. Raises LoopError if it never will be."""
    await connection.app.state.durable()
