"""The running scheduler: store, world, loop, connection to Mesos and API, in one asyncio event loop.

It ends on SIGTERM and SIGINT, leaving the pods as they are, and with an error if the store, the framework or an edge
fails. Errors that do not depend on Mesos, such as a port in use or a foreign store, are found before it is contacted.
"""

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette

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
from scheduler.recording import Recorder, RecordingFile, RecordingFileError
from scheduler.secrets import open_source
from scheduler.store import Store, StoreError, open_store

_LARGEST_MESSAGE = 1024 * 1024  # of a WebSocket
_SWITCH_INTERVAL = 0.0005  # seconds; with Python's 5 ms, the thread that commits mostly waits for its turn
# Python's garbage collector rarely scans the whole heap: the world's objects live long and contain no reference cycles,
# and scanning them repeatedly would cost more than reading the store and handling the events. It scans the young ones
# often, because a scan holds all threads.
_COLLECTOR_THRESHOLDS = (10_000, 5_000, 1_000)
_LAST_REQUESTS = 5  # seconds for which pending requests are still answered at the end
_LOG_EVERY = 60.0
_ANY_ADDRESS = ("", "0.0.0.0", "::")


def serve(serving: Serving) -> None:
    """Run until told to stop. Raises CommandError if it cannot start or continue."""
    logging.configure(serving.options.log_level)
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)
    room = files.room(files.raise_limit(), serving.options.max_connections)
    source = _secrets(serving.options.secrets_source)
    with contextlib.closing(_listen(serving.host, serving.port, room.backlog)) as listening:
        try:
            with contextlib.closing(open_store(serving.options.store)) as store, _recording(serving) as recorder:
                asyncio.run(_run(serving, store, source, listening, room, recorder))
        except (StoreError, LoopError) as error:
            raise CommandError(str(error)) from error


async def _run(
    serving: Serving,
    store: Store,
    source: Secrets | None,
    listening: socket.socket,
    room: files.Room,
    recorder: Recorder | None,
) -> None:
    asyncio.get_running_loop().set_exception_handler(_ErrorHandler().handle)
    seed, records = secrets.randbits(64), store.load()
    if recorder is not None:
        recorder.begin(version("podexec"), time.time(), seed, serving.settings, records)
    world = World(serving.settings, seed, records)
    del records  # the world keeps its own
    advertised = _advertised(serving, listening)
    _freeze_garbage_collector()
    sys.setswitchinterval(_SWITCH_INTERVAL)

    def submit(events: Sequence[Event]) -> None:
        event_loop.submit_all_threadsafe(events)

    def failed(error: BaseException) -> None:
        event_loop.fail_threadsafe(error)

    def heard(message: str) -> None:
        executors.heard(message)

    def found(event: Event) -> None:
        event_loop.submit(event)

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
    event_loop = EventLoop(
        world,
        step if recorder is None else recorder.recorded(step),
        store,
        driver,
        bus=Bus(store.tail()),
        meter=metrics,
        inspector=inspector,
        clock=clock,
    )
    metrics.watch("podexec.loop.inbox.gauge", "Events that wait for the loop", lambda: event_loop.waiting)
    config = configuration(serving, identity, room.connections)
    info = ServerInfo(identity.name, version("podexec"), advertised, config)
    master = without_password(serving.master)
    with _stop_signal() as stop:
        structlog.get_logger("scheduler").info(
            "serving", url=f"http://{advertised}", master=master, store=serving.options.store, pods=len(world.pods)
        )
        for feature in without_effect(serving.settings.features):
            structlog.get_logger("scheduler").info("enabled feature has no effect", feature=feature)
        guard = Guard(serving.allowed_inside)
        app = create_app(
            event_loop,
            world,
            info,
            metrics=metrics,
            inside=edge,
            guard=guard,
            abdicate=stop.set,
            clock=clock.now,
            access=serving.access,
        )
        try:
            await _run_until_stopped(stop, event_loop, driver, _server(app, room), listening, guard)
        finally:
            await inspector.close()
            await edge.close()


def _edge(serving: Serving, world: World, executors: Executors) -> Edge:
    """Access to containers, through the currently leading master."""

    def leader() -> Leader:
        connection, framework = world.volatile.connection, world.framework
        address = connection.master if connection.subscribed else None
        return Leader(address, framework.id if framework is not None else None)

    return Edge(leader, serving.credentials, serving.agent_credentials, serving.tls, executors)


def _server(app: Starlette, room: files.Room) -> uvicorn.Server:
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
            log_level="error",  # start and end are logged here, and clients see their errors in the response
            timeout_graceful_shutdown=_LAST_REQUESTS,
        )
    )


async def _run_until_stopped(
    stop: asyncio.Event,
    event_loop: EventLoop[World],
    driver: Driver,
    server: uvicorn.Server,
    listening: socket.socket,
    guard: Guard,
) -> None:
    """Run until told to stop. First the API ends, so that pending requests are answered, then loop and driver."""
    serving = asyncio.create_task(server.serve([listening]))
    looping = asyncio.create_task(event_loop.run())
    waiting = asyncio.create_task(stop.wait())
    driver.start()
    try:
        await asyncio.wait((serving, looping, waiting), return_when=asyncio.FIRST_COMPLETED)
        guard.stop()
        server.should_exit = True
        event_loop.bus.close()  # or the server would wait for the event streams
        await serving
        event_loop.stop()
        await looping
    finally:
        waiting.cancel()
        driver.stop()
        await asyncio.to_thread(driver.join)


class _ErrorHandler:
    """asyncio's error handler. Out of open files, asyncio reports an error for each connection it cannot accept."""

    def __init__(self) -> None:
        self._logged_at = float("-inf")

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an error as usual, but log failures to accept at most once a minute."""
        if not str(context.get("message")).startswith("socket.accept()"):
            loop.default_exception_handler(context)
        elif loop.time() - self._logged_at >= _LOG_EVERY:
            self._logged_at = loop.time()
            structlog.get_logger("scheduler").error("cannot accept connections", error=str(context.get("exception")))


def _freeze_garbage_collector() -> None:
    """Have the collector never look again at what there is by now: it stays."""
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals are handled here, once for all parts."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _stop_signal() -> Iterator[asyncio.Event]:
    """An event that is set by SIGTERM and SIGINT; a second signal has its usual effect."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def on_signal() -> None:
        for number in signals:
            loop.remove_signal_handler(number)
        stop.set()

    for number in signals:
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _recording(serving: Serving) -> Iterator[Recorder | None]:
    """The recorder that the options ask for, if any."""
    path, limit = serving.options.record, serving.options.record_limit
    if path is None:
        yield None
        return
    try:
        file = RecordingFile(path, limit * 1024 * 1024)
    except RecordingFileError as error:
        raise CommandError(f"--record: {error}") from error
    with contextlib.closing(Recorder(file)) as recorder:
        yield recorder


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
            advice="Another scheduler may be running there; choose another address with --listen HOST:PORT.",
        ) from error
    # Connections inherit it. A response is written in parts, and on a kept-alive connection the second would wait 40 ms
    # for the client's delayed acknowledgement of the first; asyncio sets it only for sockets that name a protocol.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _advertised(serving: Serving, listening: socket.socket) -> str:
    """``host:port`` for others; the host is this machine's name if the API listens on every address."""
    host = serving.identity.hostname or (socket.gethostname() if serving.host in _ANY_ADDRESS else serving.host)
    port = listening.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
