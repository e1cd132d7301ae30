"""The running scheduler: store, world, loop, connection to Mesos and API put together in one event loop.

It ends on SIGTERM and SIGINT, leaving the pods as they are, and with an error when the store, the framework or an edge
cannot go on. What can be refused without Mesos - a taken port, a foreign store - is refused before Mesos is contacted.
"""

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from scheduler.api.app import create_app
from scheduler.api.connections import Connections, Limits, protocol
from scheduler.api.info import ServerInfo
from scheduler.api.inside.guard import Guard
from scheduler.cli import files
from scheduler.cli.configuration import Serving, configuration, without_password
from scheduler.cli.errors import CommandError
from scheduler.core import clock as core_clock
from scheduler.core.events import Event
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.inside import Edge
from scheduler.inside.executors import Executors
from scheduler.inside.inspector import Inspector
from scheduler.inside.master import Leader
from scheduler.loop.bus import Bus
from scheduler.loop.clock import Clock
from scheduler.loop.event_loop import EventLoop, LoopError
from scheduler.loop.ports import SecretError, Secrets
from scheduler.mesos.driver import Driver
from scheduler.model.features import without_effect
from scheduler.observe import log as logging
from scheduler.observe.metrics import Metrics
from scheduler.secrets import open_source
from scheduler.store import Store, StoreError, open_store

_LARGEST_MESSAGE = 1024 * 1024  # of a WebSocket
_COLLECTOR_THRESHOLDS = (50_000, 1_000, 1_000)
_LAST_REQUESTS = 5  # seconds in which requests under way are still answered at the end
_TELL_EVERY = 60.0
_ANY_ADDRESS = ("", "0.0.0.0", "::")


def serve(serving: Serving) -> None:
    """Run until told to stop. Raises CommandError when it cannot start or go on."""
    logging.configure(serving.options.log_level)
    room = files.room(files.raise_limit(), serving.options.max_connections)
    source = _secrets(serving.options.secrets_source)
    with contextlib.closing(_listen(serving.host, serving.port, room.backlog)) as listening:
        try:
            with contextlib.closing(open_store(serving.options.store)) as store:
                asyncio.run(_run(serving, store, source, listening, room))
        except (StoreError, LoopError) as error:
            raise CommandError(str(error)) from error


async def _run(
    serving: Serving, store: Store, source: Secrets | None, listening: socket.socket, room: files.Room
) -> None:
    asyncio.get_running_loop().set_exception_handler(_Complaints().hear)
    world = World(serving.settings, secrets.randbits(64), store.load())
    advertised = _advertised(serving, listening)
    _spare_the_world()

    def submit(events: Sequence[Event]) -> None:
        shell.submit_all_threadsafe(events)

    def failed(error: BaseException) -> None:
        shell.fail_threadsafe(error)

    def heard(message: str) -> None:
        executors.heard(message)

    def found(event: Event) -> None:
        shell.submit(event)

    identity = serving.identity
    host = advertised.rpartition(":")[0]
    identity = replace(
        identity,
        hostname=identity.hostname or host.strip("[]"),
        webui_url=identity.webui_url or f"http://{advertised}",
        roles=world.roles(),
    )
    framework_id = world.framework.id if world.framework is not None else None
    driver = Driver(
        identity,
        serving.master,
        submit,
        failed,
        framework_id=framework_id,
        credentials=serving.credentials,
        tls=serving.tls,
        secrets=source,
        messages=heard,
    )
    executors = Executors(driver.tell_executor)
    clock = Clock(core_clock.start(world, time.time()), world.skew)
    metrics = Metrics(world, clock.now)
    edge = _edge(serving, world, executors)
    inspector = Inspector(edge.last_lines, found)
    shell = EventLoop(
        world, step, store, driver, bus=Bus(store.tail()), meter=metrics, inspector=inspector, clock=clock
    )
    metrics.watch("podexec.loop.inbox.gauge", "Events that wait for the loop", lambda: shell.waiting)
    config = configuration(serving, identity, room.connections)
    info = ServerInfo(identity.name, version("podexec"), advertised, config)
    master = without_password(serving.master)
    structlog.get_logger("scheduler").info(
        "serving", url=f"http://{advertised}", master=master, store=serving.options.store, pods=len(world.pods)
    )
    for feature in without_effect(serving.settings.features):
        structlog.get_logger("scheduler").info("a feature was enabled that has no effect here", feature=feature)
    with _told_to_stop() as told:
        guard = Guard(serving.allowed_inside)
        app = create_app(
            shell,
            world,
            info,
            metrics=metrics,
            inside=edge,
            guard=guard,
            abdicate=told.set,
            clock=clock.now,
            access=serving.access,
        )
        try:
            await _until_told(told, shell, driver, _server(app, room), listening, guard)
        finally:
            await inspector.close()
            await edge.close()


def _edge(serving: Serving, world: World, executors: Executors) -> Edge:
    """The way into containers, by the master that leads at the time."""

    def leader() -> Leader:
        connection, framework = world.volatile.connection, world.framework
        address = connection.master if connection.subscribed else None
        return Leader(address, framework.id if framework is not None else None)

    return Edge(leader, serving.credentials, serving.agent_credentials, serving.tls, executors)


def _server(app: FastAPI, room: files.Room) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            http=protocol(Connections(Limits(room.connections))),
            backlog=room.backlog,
            log_config=None,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=_LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            server_header=False,
            access_log=False,
            log_level="error",  # its start and end are told here already, and what clients do wrong is told to them
            timeout_graceful_shutdown=_LAST_REQUESTS,
        )
    )


async def _until_told(
    told: asyncio.Event,
    shell: EventLoop[World],
    driver: Driver,
    server: uvicorn.Server,
    listening: socket.socket,
    guard: Guard,
) -> None:
    """The API answers first and longest, so that whoever asked hears; then the loop ends, then the connection."""
    serving = asyncio.create_task(server.serve([listening]))
    looping = asyncio.create_task(shell.run())
    waiting = asyncio.create_task(told.wait())
    driver.start()
    try:
        await asyncio.wait((serving, looping, waiting), return_when=asyncio.FIRST_COMPLETED)
        guard.stop()
        server.should_exit = True
        shell.bus.close()  # or the streams of events would be waited for
        await serving
        shell.stop()
        await looping
    finally:
        waiting.cancel()
        driver.stop()
        await asyncio.to_thread(driver.join)


class _Complaints:
    """asyncio's complaints, of which it makes one for each connection that it cannot take for want of files."""

    def __init__(self) -> None:
        self._told_at = float("-inf")

    def hear(self, loop: asyncio.AbstractEventLoop, complaint: dict[str, Any]) -> None:
        """Pass a complaint on, but of this one only one a minute."""
        if not str(complaint.get("message")).startswith("socket.accept()"):
            loop.default_exception_handler(complaint)
        elif loop.time() - self._told_at >= _TELL_EVERY:
            self._told_at = loop.time()
            structlog.get_logger("scheduler").error("no connection can be taken", error=str(complaint.get("exception")))


def _spare_the_world() -> None:
    """Have Python's garbage collector seldom look at all there is.

    What the world holds lives long and refers to itself in no circles; to walk over it again and again would cost more
    than any event does.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: what a signal means is decided here, once for all parts."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    """An event that is set by SIGTERM and SIGINT; a second signal has its usual effect."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def tell() -> None:
        for number in signals:
            loop.remove_signal_handler(number)
        told.set()

    for number in signals:
        loop.add_signal_handler(number, tell)
    try:
        yield told
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _secrets(source: str) -> Secrets | None:
    try:
        return open_source(source)
    except SecretError as error:
        raise CommandError(f"--secrets-source: {error}") from error


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listening = socket.create_server(address[:2], family=family, backlog=backlog)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise CommandError(
            f"cannot listen on {host}:{port}: {reason}",
            advice="Another scheduler may be running there; give another --listen HOST:PORT.",
        ) from error
    # Connections inherit it. An answer is written in parts, and on a connection that is kept the second would wait for
    # the client's delayed acknowledgement of the first, 40 ms; asyncio sets it only for sockets that name a protocol.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _advertised(serving: Serving, listening: socket.socket) -> str:
    """``host:port`` for others: the name of this machine where the API listens on every address."""
    host = serving.identity.hostname or (socket.gethostname() if serving.host in _ANY_ADDRESS else serving.host)
    port = listening.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
