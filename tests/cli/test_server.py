"""The running scheduler: error handler and limits."""

import asyncio
import contextlib

from structlog.testing import capture_logs

from scheduler.cli.server import ErrorHandler
from scheduler.observe import seldom

# As asyncio tells it, for each connection that it cannot take.
NO_FILES = {
    "message": "socket.accept() out of system resource",
    "exception": OSError(24, "Too many open files"),
}


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time the test sets, and which keeps what it would have printed."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.printed: list[dict[str, object]] = []
        super().__init__()

    def time(self) -> float:
        return self.now

    def default_exception_handler(self, context: dict[str, object]) -> None:
        self.printed.append(context)


def test_want_of_files_is_one_line_a_minute_however_many_connections_come() -> None:
    handler = ErrorHandler()
    with contextlib.closing(Loop()) as loop, capture_logs() as logs:
        for _ in range(1000):
            handler.handle(loop, NO_FILES)
        assert [(line["event"], line["error"]) for line in logs] == [
            ("cannot accept connections", "[Errno 24] Too many open files")
        ]
        loop.now += seldom.EVERY
        handler.handle(loop, NO_FILES)
        assert len(logs) == 2
        assert loop.printed == []


def test_other_complaints_are_printed_as_ever() -> None:
    handler = ErrorHandler()
    other = {"message": "Task was destroyed but it is pending!"}
    with contextlib.closing(Loop()) as loop, capture_logs() as logs:
        handler.handle(loop, other)
        handler.handle(loop, other)
    assert (loop.printed, logs) == ([other, other], [])
