"""``podexec pod port-forward``: ports of this machine that lead to ports in a container, through the scheduler alone.

Every connection is a command in the container, which connects to the port there and passes bytes on. So neither the
agent nor the container needs to be reachable, but the container must have a program that can connect.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.inside.client import InsideClient
from scheduler.cli.inside.terminal import exec_socket
from scheduler.cli.short_ids import resolved
from scheduler.model.json import Json

_CHUNK = 64 * 1024
_STDOUT = 1
_MOST_CONNECTIONS = 32  # the scheduler has at most 100 for everybody
_LONGEST_ERROR = 1000
_WRITTEN = re.compile(r"(?:(?P<local>[0-9]{1,5}):)?(?P<remote>.+)", re.DOTALL)
_HIGHEST_PORT = 65_535

_PYTHON = """\
import os, socket, sys, threading
def connected():
    for host in ("127.0.0.1", "::1"):
        try:
            return socket.create_connection((host, int(sys.argv[1])), 10)
        except OSError as error:
            last = str(error)
    sys.exit(last)
peer = connected()
peer.settimeout(None)
def send():
    for data in iter(lambda: os.read(0, 65536), b""):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
for data in iter(lambda: peer.recv(65536), b""):
    while data:
        data = data[os.write(1, data):]
"""
_RELAY = """\
if command -v socat >/dev/null 2>&1; then exec socat - "TCP:127.0.0.1:$1"
elif command -v python3 >/dev/null 2>&1; then exec python3 -c "$2" "$1"
elif command -v nc >/dev/null 2>&1; then exec nc 127.0.0.1 "$1"
elif command -v bash >/dev/null 2>&1; then
  exec bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1; cat <&3 & cat >&3; wait' bash "$1"
else echo "it has none of socat, python3, nc and bash" >&2; exit 127
fi
"""


@dataclass(frozen=True, slots=True)
class Forward:
    """What the user asked for: a local port, 0 for any, and the name of an endpoint or the number of a port."""

    local: int
    remote: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a port is now."""

    instance: str
    container: str
    port: int


def forwards(written: Sequence[str]) -> list[Forward]:
    """Read ``[LOCAL:]ENDPOINT``. Raises CommandError."""
    found = []
    for each in written:
        parts = _WRITTEN.fullmatch(each)
        local = int(parts["local"] or 0) if parts is not None else 0
        if parts is None or local > _HIGHEST_PORT:
            raise CommandError(f"a forwarded port is [LOCAL:]ENDPOINT, not {each!r}", code=2)
        found.append(Forward(local, parts["remote"]))
    return found


def place_of(status: Json, remote: str, instance: str | None, container: str | None) -> Place:
    """Where a pod's endpoint, or port, is in a running instance. Raises CommandError."""
    pod_id = status["id"]
    there = status.get("instances", ())
    if instance is not None:
        wanted = resolved(instance, (each["id"] for each in there), pod_id)
        there = [each for each in there if each["id"] == wanted]
    specified = [each for each in status["spec"]["containers"] if container in (None, each["name"])]
    if not specified:
        raise CommandError(f"{pod_id} has no container {container!r}", code=2)
    for each in sorted(there, key=lambda each: each["status"] != "STABLE"):
        running = {one["name"]: one for one in each.get("containers", ()) if one["status"] == "TASK_RUNNING"}
        for spec in specified:
            port = _port(remote, spec, running.get(spec["name"], {}), status["spec"])
            if port is not None and spec["name"] in running:
                return Place(each["id"], spec["name"], port)
    names = [one["name"] for spec in specified for one in spec.get("endpoints", ())]
    if remote not in names and not _is_port(remote):
        known = f"Its endpoints: {', '.join(names)}" if names else "It has no endpoints: give the number of a port."
        raise CommandError(f"{pod_id} has no endpoint {remote!r}", advice=known, code=2)
    raise CommandError(
        f"no running instance of {pod_id} has {remote}", advice=f"To see its instances: podexec pod show {pod_id}"
    )


def _port(remote: str, spec: Json, now: Json, pod: Json) -> int | None:
    """The port in the container's network; None: the container does not have it."""
    if _is_port(remote):
        return int(remote)
    endpoint: Json = next((each for each in spec.get("endpoints", ()) if each["name"] == remote), {})
    if not endpoint:
        return None
    if any(each.get("mode", "host") != "host" for each in pod.get("networks", ())) and endpoint.get("containerPort"):
        return int(endpoint["containerPort"])
    allocated = (each.get("allocatedHostPort") for each in now.get("endpoints", ()) if each["name"] == remote)
    return next(filter(None, allocated), None) or endpoint.get("hostPort") or None


def _is_port(text: str) -> bool:
    return (
        text.isascii() and text.isdecimal() and len(text) <= len(str(_HIGHEST_PORT)) and 0 < int(text) <= _HIGHEST_PORT
    )


def forward(
    client: InsideClient, pod_id: str, wanted: Sequence[Forward], instance: str | None, container: str | None
) -> None:
    """Forward ports until interrupted. Raises CommandError if that cannot begin."""

    def find(remote: str) -> Place:
        return place_of(client.status(pod_id), remote, instance, container)

    for each in wanted:
        find(each.remote)  # so that a mistake is an error at once
    asyncio.run(_serve(client, pod_id, wanted, find))


async def _serve(client: InsideClient, pod_id: str, wanted: Sequence[Forward], find: Callable[[str], Place]) -> None:
    room = asyncio.Semaphore(_MOST_CONNECTIONS)
    async with contextlib.AsyncExitStack() as stack:
        for each in wanted:
            connections = _Connections(client, pod_id, each.remote, find, room)
            try:
                server = await asyncio.start_server(connections.serve, "127.0.0.1", each.local)
            except OSError as error:
                reason = error.strerror or error
                raise CommandError(f"cannot listen on 127.0.0.1:{each.local}: {reason}", code=2) from error
            await stack.enter_async_context(server)
            port = server.sockets[0].getsockname()[1]
            screen.say(f"127.0.0.1:{port} leads to {each.remote} of {pod_id}")
        await asyncio.Event().wait()


class _Connections:
    """The connections to one local port."""

    def __init__(
        self,
        client: InsideClient,
        pod_id: str,
        remote: str,
        find: Callable[[str], Place],
        room: asyncio.Semaphore,
    ) -> None:
        self._client = client
        self._pod_id = pod_id
        self._remote = remote
        self._find = find
        self._room = room
        self._told = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on. The port is looked up for each, so that a relaunched instance is found."""
        try:
            async with self._room:
                place = await asyncio.to_thread(self._find, self._remote)
                query = {"instance": place.instance, "container": place.container}
                url = self._client.exec_url(self._pod_id, query)
                async with exec_socket(url, self._client) as socket:
                    command = ["sh", "-c", _RELAY, "sh", str(place.port), _PYTHON]
                    await socket.send(orjson.dumps({"command": command}).decode())
                    await self._pass_on(socket, reader, writer)
        except InvalidStatus as error:
            self._tell(str(self._client.refusal(error.response.status_code, bytes(error.response.body))))
        except (CommandError, OSError, InvalidHandshake, WebSocketException, ValueError) as error:
            self._tell(str(error))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _pass_on(
        self, socket: ClientConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        sending: asyncio.Task[None] | None = None
        errors = b""
        try:
            async for message in socket:
                if isinstance(message, bytes):
                    if message[:1] == bytes((_STDOUT,)):
                        writer.write(message[1:])
                        await writer.drain()
                    else:
                        errors = (errors + message[1:])[-_LONGEST_ERROR:]
                    continue
                told: Json = orjson.loads(message)
                if "started" in told:
                    sending = asyncio.create_task(_send(reader, socket))
                elif told.get("exit"):
                    reason = errors.decode(errors="replace").strip() or f"exit code {told['exit']}"
                    self._tell(f"the container cannot connect to port {self._remote}: {reason}")
                    return
                elif "error" in told:
                    self._tell(str(told["error"]))
                    return
                else:
                    return
        finally:
            if sending is not None:
                sending.cancel()

    def _tell(self, line: str) -> None:
        if line != self._told:
            screen.tell(f"podexec: {self._remote}: {line}")
        self._told = line


async def _send(reader: asyncio.StreamReader, socket: ClientConnection) -> None:
    with contextlib.suppress(OSError, WebSocketException):
        while data := await reader.read(_CHUNK):
            await socket.send(data)
        message: dict[str, Any] = {"end": True}
        await socket.send(orjson.dumps(message).decode())
