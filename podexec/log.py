"""The executor's log: one logfmt line per event on stderr, which is a file in the sandbox.

Owns the set-up of structlog, and the format of pymesos' lines. structlog is imported by :func:`start`, when the first
containers run, because the import would delay them. Lines are held until then, except for errors. The
standard library's ``logging`` comes with structlog, not earlier: pymesos gets :func:`in_place_of_logging`.
"""

from __future__ import annotations

import sys
import threading
import time
import types
from collections.abc import MutableMapping
from typing import Any, Final

from podexec.slim_imports import without

# The numbers of the standard library's ``logging``, which structlog uses too.
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_INFO, _WARNING, _ERROR = _LEVELS["info"], _LEVELS["warning"], _LEVELS["error"]

Fields = dict[str, Any]


class Logger:
    """A logger that adds ``pod``, ``task`` and ``container`` to every line."""

    def __init__(self, ids: Fields) -> None:
        self._ids = ids

    def info(self, event: str, **fields: Any) -> None:
        _lines.add(_INFO, event, {**self._ids, **fields})

    def warning(self, event: str, **fields: Any) -> None:
        _lines.add(_WARNING, event, {**self._ids, **fields})

    def error(self, event: str, **fields: Any) -> None:
        _lines.add(_ERROR, event, {**self._ids, **fields})


class _Lines:
    """Writes lines to stderr in order, and holds them until structlog is there. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held: list[tuple[int, str, Fields]] | None = []
        self._level = _INFO

    def add(self, level: int, event: str, fields: Fields) -> None:
        fields = {"at": _now(), **fields}
        with self._lock:
            if self._held is None:
                _write(level, event, fields)
                return
            self._held.append((level, event, fields))
            if level >= _ERROR:
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


def in_place_of_logging() -> types.ModuleType:
    """A module that has the place of ``logging`` while a library is imported, whose lines become lines of this log."""
    module = types.ModuleType("logging")
    members = {"getLogger": _LibraryLogger, "StreamHandler": _Handler, "Formatter": _Formatter, "INFO": _INFO}
    vars(module).update(members)
    return module


class _LibraryLogger:
    """A logger of a library; its level and handlers are this log's."""

    def __init__(self, name: str) -> None:
        self._name = name

    def warning(self, text: object, *arguments: object) -> None:
        self._add(_WARNING, text, arguments)

    def error(self, text: object, *arguments: object) -> None:
        self._add(_ERROR, text, arguments)

    def exception(self, text: object, *arguments: object) -> None:
        self._add(_ERROR, text, arguments, exc_info=sys.exc_info())

    def _add(self, level: int, text: object, arguments: tuple[object, ...], **fields: Any) -> None:
        line = str(text) % arguments if arguments else str(text)
        _lines.add(level, line, {"logger": self._name, **fields})

    def addHandler(self, handler: _Handler) -> None:
        """Keep the handler of this log."""

    def setLevel(self, level: int) -> None:
        """Keep the level of this log."""


class _Handler:
    """A handler that a library makes for its logger, and that is not used."""

    def __init__(self, stream: object = None) -> None: ...

    def setFormatter(self, formatter: _Formatter) -> None: ...


class _Formatter:
    """The format of such a handler."""

    def __init__(self, line: str, date: str) -> None: ...
