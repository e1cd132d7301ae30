"""The log: one line per event, with ids as fields. Text for people if standard error is a terminal, otherwise JSON.

Messages of libraries, logged with the standard library's logging, have the same form.
"""

import io
import json
import logging
import sys
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from scheduler.observe.visible import visible

LEVELS = ("debug", "info", "warning", "error", "critical")
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
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(stream, as_json)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    _tame_libraries(number)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
    )


def _rendering(stream: TextIO, as_json: bool | None) -> list[Processor]:
    if as_json is None:
        as_json = not stream.isatty()
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_dump)]
    return [_made_visible, structlog.dev.ConsoleRenderer(exception_formatter=_plain_traceback)]


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
    stream.write(visible(text.getvalue(), lines=True))


def _tame_libraries(level: int) -> None:
    """Remove the handlers of libraries, which would log everything twice."""
    for name in ("pymesos", "uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG if level <= logging.DEBUG else logging.WARNING)


def _dump(event: Any, **options: Any) -> str:
    default = options.get("default", str)
    try:
        return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # half of a surrogate pair, or an integer of more than 64 bits
        return json.dumps(event, default=default)
