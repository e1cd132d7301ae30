"""A scheduler without others: it leads from its start to its end."""

import asyncio
import secrets
import time
from importlib.metadata import version

import uvicorn

from scheduler.cli.life import announce, freeze_garbage_collector, stop_signal
from scheduler.cli.resources import Resources
from scheduler.cli.server import api_server
from scheduler.cli.term import Term
from scheduler.core.world import World
from scheduler.loop.bus import Bus
from scheduler.store import Store


async def run_alone(resources: Resources, store: Store) -> None:
    """Serve until a signal, or a user who makes it abdicate. Raises LoopError or StoreError."""
    serving = resources.serving
    seed, records = secrets.randbits(64), store.load()
    if resources.recorder is not None:
        resources.recorder.begin(version("podexec"), time.time(), seed, serving.settings, records)
    world = World(serving.settings, seed, records)
    del records  # the world keeps its own
    freeze_garbage_collector()
    with stop_signal() as stop:
        term = Term(resources, world, store, Bus(store.tail()), time.time(), stop.set)
        announce(resources, world)
        await run_until_stopped(stop, term, api_server(term.app, resources.room, serving.api_tls), resources)


async def run_until_stopped(stop: asyncio.Event, term: Term, server: uvicorn.Server, resources: Resources) -> None:
    """Run until told to stop. First the API ends, so that pending requests are answered, then loop and driver."""
    serving = asyncio.create_task(server.serve([resources.listening]))
    waiting = asyncio.create_task(stop.wait())
    looping = term.start()
    try:
        await asyncio.wait((serving, looping, waiting), return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        term.end_streams()
        await serving
        await term.end()
    finally:
        waiting.cancel()
        await term.close()
