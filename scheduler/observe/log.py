"""The log: one line per event, with ids as fields. Text for people if standard error is a terminal, otherwise JSON.

Messages of libraries, logged with the standard library's logging, have the same form.
"""

import io
import json
import logging
import sys
import time
from collections import Counter
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from scheduler.model.urls import has_password, without_password
from scheduler.observe.visible import visible, visible_json

LEVELS = ("debug", "info", "warning", "error", "critical")
MOST_LINES = 1000  # of one event in a period, if they are warnings or errors
_LIMITED = frozenset({"warning", "error", "exception", "critical"})
_PERIOD = 60.0  # seconds
_LONGEST_KIND = 200
_SEVERAL_LINES = ("exception", "stack")
_CHATTY = ("kazoo", "uvicorn.access", "httpx2", "httpcore2")  # their info messages are logged as debug


def configure(level: str = "info", stream: TextIO | None = None, *, as_json: bool | None = None) -> None:
    """Configure the log of this process; ``as_json`` None: JSON unless the stream is a terminal. Raises ValueError for
    an unknown level.
    """
    if level not in LEVELS:
        raise ValueError(f"the log level {level!r} is not one of {', '.join(LEVELS)}")
    stream = stream if stream is not None else sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _rendering(stream, as_json)
    handler, gate = _Handler(stream), _FloodGate()
    handler.addFilter(gate.filter)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    _tame_libraries(number)
    structlog.configure(
        processors=[gate.process, *shared, *rendering],
        logger_factory=lambda name="": _Logger(name, handler),
        wrapper_class=structlog.make_filtering_bound_logger(number),
    )


class _FloodGate:
    """Drops warnings and errors that are repeated very often, as whoever causes them could otherwise fill the disk."""

    def __init__(self) -> None:
        self._began_at = float("-inf")
        self._counts: Counter[str] = Counter()  # lines of each event in this period

    def admits(self, kind: str) -> bool:
        """Whether there is room for one more line of this kind."""
        now = time.monotonic()
        if now - self._began_at >= _PERIOD:
            self._began_at = now
            self._counts.clear()
        kind = kind[:_LONGEST_KIND]
        if len(self._counts) >= MOST_LINES and kind not in self._counts:
            kind = ""  # no more kinds than these are told apart
        self._counts[kind] += 1
        return self._counts[kind] <= MOST_LINES

    def process(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """The processor for lines of our own."""
        if method in _LIMITED and not self.admits(str(event.get("event"))):
            raise structlog.DropEvent
        return event

    def filter(self, record: logging.LogRecord) -> bool:
        """The filter for messages of libraries, which are told apart by their text without arguments."""
        return record.levelno < logging.WARNING or self.admits(str(record.msg))


class _Handler(logging.StreamHandler[TextIO]):
    """Writes the messages of libraries, and lines of our own."""

    def write(self, line: str) -> None:
        """Write a line. Like a message of a library, it is lost if that fails."""
        self.acquire()
        try:
            self.stream.write(line + self.terminator)
            self.flush()
        except Exception:
            self.handleError(logging.makeLogRecord({"msg": line}))
        finally:
            self.release()


class _Logger:
    """Passes rendered lines to the handler. A LogRecord for each would cost more than the line itself."""

    def __init__(self, name: str, handler: _Handler) -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.critical = handler.write


def _rendering(stream: TextIO, as_json: bool | None) -> list[Processor]:
    if as_json is None:
        as_json = not stream.isatty()
    if as_json:
        return [
            structlog.processors.format_exc_info,
            _without_passwords,
            structlog.processors.JSONRenderer(serializer=_dump),
        ]
    return [_without_passwords, _made_visible, structlog.dev.ConsoleRenderer(exception_formatter=_plain_traceback)]


def _without_passwords(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out the credentials in URLs: they come in with options, definitions, and errors of libraries."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = without_password(value)
        elif name != "exc_info" and not isinstance(value, int | float) and has_password(text := str(value)):
            event[name] = without_password(text)
    return event


def _made_visible(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters: text from Mesos, clients and containers must not control the reader's terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = visible(value, lines=name in _SEVERAL_LINES)
        elif name != "exc_info" and not repr(value).isprintable():
            event[name] = visible(repr(value))
    return event


def _plain_traceback(stream: TextIO, error: ExcInfo) -> None:
    """Write a traceback without variables, which may contain secrets."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write(visible(without_password(text.getvalue()), lines=True))


def _tame_libraries(level: int) -> None:
    """Remove the handlers of libraries, which would log everything twice."""
    for name in ("podexec._vendor.pymesos", "uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if level <= logging.DEBUG else logging.WARNING)


def _dump(event: Any, **options: Any) -> str:
    default = options.get("default", str)
    try:
        text = orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # half of a surrogate pair, or an integer of more than 64 bits
        text = json.dumps(event, default=default)
    return visible_json(text)
