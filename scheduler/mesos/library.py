"""Imports pymesos, and undoes the side effects of that import.

pymesos installs a handler of SIGINT and one of its logger. It must be imported on the main thread, like everything that
touches signals. No other module of the scheduler may import it.
"""

import logging
import signal

_previous = signal.getsignal(signal.SIGINT)
from podexec._vendor.pymesos import MesosSchedulerDriver, Scheduler  # noqa: E402 - between the two halves of the repair

signal.signal(signal.SIGINT, _previous)
_logger = logging.getLogger("podexec._vendor.pymesos")
_logger.handlers.clear()
_logger.setLevel(logging.NOTSET)

__all__ = ["MesosSchedulerDriver", "Scheduler"]
