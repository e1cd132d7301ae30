"""The executor's log: one logfmt line per event on stderr, which is a file in the sandbox.

Owns the set-up of structlog, and the format of pymesos' lines. structlog is imported by :func:`start`, after the first
containers have been launched, because the import would delay them. Lines are held until then, except for errors.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import MutableMapping
from typing import Any, Final

from podexec.slim_imports import without

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Fields = dict[str, Any]


class Logger:
    """A logger that adds ``pod``, ``task`` and ``container`` to every line."""

    def __init__(self, ids: Fields) -> None:
        self._ids = ids

    def info(self, event: str, **fields: Any) -> None:
        _lines.add(logging.INFO, event, {**self._ids, **fields})

    def warning(self, event: str, **fields: Any) -> None:
        _lines.add(logging.WARNING, event, {**self._ids, **fields})

    def error(self, event: str, **fields: Any) -> None:
        _lines.add(logging.ERROR, event, {**self._ids, **fields})


class _Lines:
    """Writes lines to stderr in order, and holds them until structlog is there. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held: list[tuple[int, str, Fields]] | None = []
        self._level = logging.INFO

    def add(self, level: int, event: str, fields: Fields) -> None:
        fields = {"at": _now(), **fields}
        with self._lock:
            if self._held is None:
                _write(level, event, fields)
                return
            self._held.append((level, event, fields))
            if level >= logging.ERROR:
                self.write_all()

    def set_level(self, level: int) -> None:
        with self._lock:
            self._level = level
            if self._held is None:
                _configure(level)

    def write_all(self) -> None:
        with self._lock:
            held, self._held = self._held, None
            if held is not None:
                _configure(self._level)
                for line in held:
                    _write(*line)


_lines = _Lines()


def configure(level: str = "info") -> None:
    """Log from ``level`` on; called again when the scheduler's level is known."""
    library = logging.getLogger("pymesos")
    library.handlers = [_Forward()]
    library.propagate = False
    library.setLevel(_LEVELS[level])
    _lines.set_level(_LEVELS[level])


def get(**ids: str) -> Logger:
    return Logger(ids)


def start() -> None:
    """Write the held lines, and every later line at once."""
    _lines.write_all()


def _configure(level: int) -> None:
    with without(empty=("asyncio",)):
        import structlog  # noqa: PLC0415 - see above

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _drop_none,
            structlog.processors.LogfmtRenderer(key_order=["at", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def _write(level: int, event: str, fields: Fields) -> None:
    import structlog  # noqa: PLC0415 - see above

    structlog.get_logger().log(level, event, **fields)


def _drop_none(logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave empty fields out of the line."""
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _now() -> str:
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1e6):06d}Z"


class _Forward(logging.Handler):
    """Forwards lines of the standard library's logging in our format."""

    def emit(self, record: logging.LogRecord) -> None:
        _lines.add(record.levelno, record.getMessage(), {"logger": record.name, "exc_info": record.exc_info or None})
