"""Threads that cannot die unnoticed."""

import threading
from collections.abc import Callable

import structlog

_log = structlog.get_logger("scheduler.mesos")


def guarded(name: str, work: Callable[[], None], failed: Callable[[BaseException], None]) -> threading.Thread:
    """A thread, not yet started, that tells ``failed`` of the error it ended with."""
    return threading.Thread(target=run_guarded, args=(name, work, failed), name=name, daemon=True)


def run_guarded(name: str, work: Callable[[], None], failed: Callable[[BaseException], None]) -> None:
    """Do the work; an error, whatever it is, goes to the log and to the owner, who must not go on without it."""
    try:
        work()
    except Exception as error:
        _log.critical("a part of the connection to Mesos failed", part=name, exc_info=True)
        failed(error)
