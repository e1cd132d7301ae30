"""Threads that cannot die unnoticed."""

import threading
from collections.abc import Callable

import structlog

_log = structlog.get_logger("scheduler.mesos")


def guarded(name: str, work: Callable[[], None], failed: Callable[[BaseException], None]) -> threading.Thread:
    """A thread, not started yet, that calls ``failed`` if it ends with an error."""
    return threading.Thread(target=run_guarded, args=(name, work, failed), name=name, daemon=True)


def run_guarded(name: str, work: Callable[[], None], failed: Callable[[BaseException], None]) -> None:
    """Do the work; log any error, and pass it to the owner, who must not continue without this thread."""
    try:
        work()
    except Exception as error:
        _log.critical("part of the connection to Mesos failed", part=name, exc_info=True)
        failed(error)
