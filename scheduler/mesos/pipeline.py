"""The requests and answers of one connection: many requests are sent before the first is answered.

A master answers the requests of a connection in order, so the first answer belongs to the oldest request. The meaning
of requests and answers is not known here.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import httptools

from scheduler.mesos.connection import READ, WRITE, Connection, ConnectionEndedError
from scheduler.mesos.requests import Encoded, request

MOST_CALLS = 256
MOST_BYTES = 4 * 1024 * 1024
_MAX_TEXT = 1000
_LARGEST_HEAD = 64 * 1024  # bytes
_FINAL = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call."""

    call: Encoded
    status: int
    text: str


class Pipeline:
    """Sends calls and receives their answers. ``patience``: timeout for the next answer, in seconds; ``most``: how many
    calls may be unanswered; ``check``: called before anything is sent, and raises if nothing may be sent any more.
    """

    def __init__(
        self, connection: Connection, patience: float, most: int = MOST_CALLS, check: Callable[[], None] | None = None
    ) -> None:
        self.is_closing = False  # the other side accepts no more requests on this connection
        self._connection = connection
        self._patience = patience
        self._most = most
        self._check = check
        self._unanswered: deque[tuple[Encoded, int]] = deque()  # with the number of bytes up to the call's end
        self._unsent = bytearray()
        self._put = self._sent = self._answered = 0  # bytes
        self._heard_at = 0.0
        self._answers: list[Answer] = []
        self._broken: ConnectionEndedError | None = None  # to be raised once all good answers are returned
        self._text = bytearray()  # the beginning of an answer's body
        self._framing = 0  # bytes since the last ones of a body, or the last answer
        self._status: int | None = None  # of the answer whose headers were received, but not its end
        self._parser = httptools.HttpResponseParser(self)

    @property
    def has_room(self) -> bool:
        """Whether another call may be added."""
        return not self.is_closing and len(self._unanswered) < self._most and self._put - self._answered < MOST_BYTES

    @property
    def unanswered(self) -> int:
        """How many calls are not answered yet."""
        return len(self._unanswered)

    def left(self) -> tuple[list[Encoded], list[Encoded]]:
        """The unanswered calls: those that may have arrived, and those that cannot have."""
        taken = 0 if self.is_closing else self._sent
        calls = list(self._unanswered)
        return [call for call, end in calls if end <= taken], [call for call, end in calls if end > taken]

    def put(self, head: bytes, call: Encoded) -> None:
        """Add a call, to be sent by the next ``turn``."""
        if not self._unanswered:
            self._heard_at = time.monotonic()
        data = request(head, call.body)
        self._unsent += data
        self._put += len(data)
        self._unanswered.append((call, self._put))

    def turn(self) -> list[Answer]:
        """Send calls, or wait for answers; returns the answers received, none when woken.

        Raises ConnectionEndedError, also when an answer is overdue, and InterruptedWaitError.
        """
        if self._broken is not None:
            raise self._broken
        if self.is_closing and self._status is None:
            raise ConnectionEndedError("the other side closes the connection")
        rest = self._patience + self._heard_at - time.monotonic() if self._unanswered else self._patience
        possible = self._connection.poll(READ | WRITE if self._unsent else READ, rest)
        if possible & READ:  # first, so that nothing is sent on a connection that has ended already
            self._receive()
        elif self._unanswered and time.monotonic() - self._heard_at >= self._patience:
            raise ConnectionEndedError(f"no answer for {self._patience:g} seconds")
        if possible & WRITE and self._broken is None:
            self._send()
        answers, self._answers = self._answers, []
        return answers

    # ------------------------------------------------------------------------ helpers

    def _send(self) -> None:
        if self._check is not None:
            self._check()
        taken = self._connection.send(self._unsent)
        del self._unsent[:taken]
        self._sent += taken

    def _receive(self) -> None:
        try:
            data = self._connection.receive()
            if data is not None:
                self._framing += len(data)
                self._parser.feed_data(data)
                if self._framing > _LARGEST_HEAD:
                    self._broken = ConnectionEndedError(f"an answer has more than {_LARGEST_HEAD} bytes of headers")
        except httptools.HttpParserError as error:
            self._broken = ConnectionEndedError(f"the answer is not HTTP: {error}")
        except ConnectionEndedError:
            if self._status is None:
                raise
            self.on_message_complete()  # an answer without a length ends with the connection

    # ------------------------------------------------------------ callbacks of httptools

    def on_body(self, data: bytes) -> None:
        self._framing = 0
        if len(self._text) < _MAX_TEXT:
            self._text += data[:_MAX_TEXT]

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self.is_closing = self.is_closing or not self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        status, self._status = self._status, None
        text = self._text[:_MAX_TEXT].decode(errors="replace").strip() if self._text else ""
        self._text.clear()
        self._framing = 0
        if status is None or status < _FINAL:
            return
        if not self._unanswered:
            raise ConnectionEndedError("an answer without a request")
        call, self._answered = self._unanswered.popleft()
        self._heard_at = time.monotonic()
        self._answers.append(Answer(call, status, text))
