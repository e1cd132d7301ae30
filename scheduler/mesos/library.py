"""The one place that imports pymesos, and undoes what that import does to the process.

pymesos takes over SIGINT and adds a handler to its logger. It has to be imported by the main thread, as everything
that touches signals.
"""

import logging
import signal

_previous = signal.getsignal(signal.SIGINT)
from pymesos import MesosSchedulerDriver, Scheduler  # noqa: E402 - between the two halves of the repair

signal.signal(signal.SIGINT, _previous)
_logger = logging.getLogger("pymesos")
_logger.handlers.clear()
_logger.setLevel(logging.NOTSET)

__all__ = ["MesosSchedulerDriver", "Scheduler"]
