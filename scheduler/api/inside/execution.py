"""``/v2/pods/ID::exec``: runs a command in a container, over a WebSocket.

The client's first message is the command: ``{"command": […], "terminal": {"rows", "columns", "type"}}``, ``terminal``
only if it is to run in one. Then binary messages are its input, ``{"resize": {"rows", "columns"}}`` changes the
terminal's size, and ``{"end": true}`` ends the input. Binary messages to the client start with a byte: 1 for standard
output, 2 for standard error. ``{"started": {…}}`` comes first, ``{"exit": CODE}`` or ``{"error": MESSAGE}`` last.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from scheduler.access.permissions import Permission
from scheduler.api.errors import ApiError, json_response
from scheduler.api.inside import queries
from scheduler.api.inside.guard import Guard, StoppingError
from scheduler.api.inside.joined import joined
from scheduler.api.inside.targets import Target, running_target, state_of
from scheduler.api.needs import on_pod
from scheduler.api.pods import existing_pod
from scheduler.api.routes import CheckedWebSocketRoute, durable
from scheduler.core.world import World
from scheduler.loop.event_loop import LoopError
from scheduler.loop.inside import Inside, InsideError, Run, Session, Size
from scheduler.model.json import Json
from scheduler.model.records import Pod

_FIRST_MESSAGE = 10.0
_LARGEST_SIDE = 65535
_OUTPUT, _ERROR = b"\x01", b"\x02"


@dataclass(frozen=True, slots=True)
class Order:
    """The command to run.

    Attributes:
        size: the terminal's size; None: no terminal.
        term: the terminal's type, for ``TERM``.
    """

    command: tuple[str, ...]
    size: Size | None
    term: str


class Execution:
    """The route."""

    def __init__(self, world: World, inside: Inside, guard: Guard) -> None:
        self._world = world
        self._inside = inside
        self._guard = guard

    def routes(self) -> list[WebSocketRoute]:
        """The route."""
        path, needs = "/v2/pods/{pod_id:path}::exec", on_pod(Permission.EXEC)
        return [CheckedWebSocketRoute(each, self.run, needs) for each in (path, f"{path}/")]

    async def run(self, socket: WebSocket) -> None:
        """Run a command until it ends or its client disconnects."""
        with contextlib.ExitStack() as stack:
            try:
                pod = existing_pod(self._world, socket.path_params["pod_id"])
                target = running_target(
                    self._world, pod, queries.text(socket, "instance"), queries.text(socket, "container")
                )
                where = {"instance": target.instance_id, "container": target.container}
                self._guard.require(socket, Permission.EXEC, pod.id, **where)
                stack.enter_context(self._guard.place(socket))
            except ApiError as error:
                await durable(socket)
                await socket.send_denial_response(json_response(error.body, error.status))
                return
            await socket.accept()
            with contextlib.suppress(WebSocketDisconnect):  # the client has left
                await self._serve(socket, pod, target)

    async def _serve(self, socket: WebSocket, pod: Pod, target: Target) -> None:
        try:
            result = await self._result(socket, pod, target)
            await durable(socket)
        except (StoppingError, LoopError):
            result = {"error": "the scheduler is stopping"}
        await _send(socket, result)
        await socket.close()

    async def _result(self, socket: WebSocket, pod: Pod, target: Target) -> Json:
        try:
            return await self._guard.unless_stopping(self._carry_out(socket, pod, target))
        except ApiError as error:
            return {"error": str(error)}
        except InsideError as error:
            return {"error": self._explained(target, error)}

    async def _carry_out(self, socket: WebSocket, pod: Pod, target: Target) -> Json:
        order = await _order(socket)
        self._guard.permit(
            socket,
            Permission.EXEC,
            pod.id,
            instance=target.instance_id,
            container=target.container,
            command=order.command,
        )
        run = await self._inside.run_of(target.task_id)
        async with self._inside.session(run, order.command, order.size, order.term) as session:
            await durable(socket)
            await _send(socket, {"started": _whereabouts(target, run)})
            await joined(_output(socket, session), _input(socket, session))
            return {"exit": await session.exit_code()}

    def _explained(self, target: Target, error: InsideError) -> str:
        """The error and, if the container has ended, how."""
        now = state_of(self._world, target)
        return f"{error} ({now.how})" if now.over else str(error)


async def _order(socket: WebSocket) -> Order:
    try:
        async with asyncio.timeout(_FIRST_MESSAGE):
            message = await socket.receive_text()
        order = orjson.loads(message)
        command = tuple(order["command"])
        if not command or not all(isinstance(word, str) and "\0" not in word for word in command) or not command[0]:
            raise ValueError
        terminal = order.get("terminal")
        size = None if terminal is None else _size(terminal)
        return Order(command, size, str((terminal or {}).get("type") or "xterm"))
    except (TimeoutError, KeyError, TypeError, AttributeError, ValueError):
        message = 'The first message must be {"command": ["PROGRAM", …], "terminal": {"rows": …, "columns": …}}'
        raise ApiError(400, {"message": message}) from None


def _size(value: Any) -> Size:
    rows, columns = value["rows"], value["columns"]
    if not all(isinstance(side, int) and 0 <= side <= _LARGEST_SIDE for side in (rows, columns)):
        raise ValueError
    return Size(rows, columns)


def _whereabouts(target: Target, run: Run) -> Json:
    return {"instance": target.instance_id, "container": target.container, "agent": run.agent}


async def _output(socket: WebSocket, session: Session) -> None:
    async for output in session.output():
        await socket.send_bytes((_ERROR if output.is_error else _OUTPUT) + output.data)


async def _input(socket: WebSocket, session: Session) -> None:
    """Pass the client's messages on. Ends only by an exception."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        data = message.get("bytes")
        if data:
            await session.write(data)
        elif message.get("text"):
            await _controlled(session, message["text"])


async def _controlled(session: Session, message: str) -> None:
    try:
        order = orjson.loads(message)
        size = _size(order["resize"]) if "resize" in order else None
        is_end = order.get("end") is True
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ApiError(400, {"message": f"Unknown message: {message[:200]}"}) from None
    if size is not None:
        await session.resize(size)
    elif is_end:
        await session.end_input()


async def _send(socket: WebSocket, message: Json) -> None:
    await socket.send_text(orjson.dumps(message).decode())
