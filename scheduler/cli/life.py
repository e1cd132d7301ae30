"""The start and the end of a scheduler process, whether it is alone or one of several."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Iterator

import structlog

from scheduler.cli.api import is_loopback
from scheduler.cli.resources import Resources
from scheduler.core.world import World
from scheduler.model.features import without_effect
from scheduler.model.urls import without_password


def announce(resources: Resources, world: World) -> None:
    """Log that the API is served, and what the operator should know of the options."""
    log, serving = structlog.get_logger("scheduler"), resources.serving
    log.info(
        "serving",
        url=resources.url,
        master=without_password(serving.master),
        store=without_password(serving.options.store),
        pods=len(world.pods),
    )
    if serving.api_tls is None and not is_loopback(serving.host):
        log.warning(
            "the API has no TLS: others on the network can read and change what is sent",
            listen=serving.options.listen,
            advice="--tls-cert-file and --tls-key-file",
        )
    for feature in without_effect(serving.settings.features):
        log.info("enabled feature has no effect", feature=feature)


def freeze_garbage_collector() -> None:
    """Have the collector never look again at what there is by now: it stays."""
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def stop_signal() -> Iterator[asyncio.Event]:
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
