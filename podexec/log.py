"""The executor's log: one logfmt line an event on stderr, which is a file in the sandbox.

Owns the set-up of structlog, and that lines of pymesos look like ours.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str = "info") -> None:
    """Log from ``level`` on; called again when the scheduler has said what it wants."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            _drop_none,
            structlog.processors.LogfmtRenderer(key_order=["at", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    library = logging.getLogger("pymesos")
    library.handlers = [_Forward()]
    library.propagate = False
    library.setLevel(_LEVELS[level])


def get(**ids: str) -> Any:
    """A logger that says in every line whose words they are: ``pod``, ``task``, ``container``."""
    return structlog.get_logger(**ids)


def _drop_none(logger: Any, method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What does not apply is left out of the line."""
    return {name: value for name, value in fields.items() if value not in (None, "")}


class _Forward(logging.Handler):
    """Lines of the standard library's logging, in our form."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
        )
