"""One connection's requests and answers: many requests are sent before the first is answered.

A master answers the requests of a connection in their order, so the first answer belongs to the oldest request. It
knows nothing of what requests and answers mean.
"""

import time
from collections import deque
from dataclasses import dataclass

import httptools

from scheduler.mesos.connection import READ, WRITE, Connection, ConnectionEndedError
from scheduler.mesos.requests import Encoded, request

MOST_CALLS = 256
MOST_BYTES = 4 * 1024 * 1024
_MAX_TEXT = 1000
_FINAL = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a call."""

    call: Encoded
    status: int
    text: str


class Pipeline:
    """``patience`` is how many seconds the other side may take for the next answer, ``most`` how many calls may be
    without one.
    """

    def __init__(self, connection: Connection, patience: float, most: int = MOST_CALLS) -> None:
        self.is_closing = False  # the other side said that it takes no more requests on this connection
        self._connection = connection
        self._patience = patience
        self._most = most
        self._unanswered: deque[tuple[Encoded, int]] = deque()  # with the number of bytes up to the call's end
        self._unsent = bytearray()
        self._put = self._sent = self._answered = 0  # bytes
        self._heard_at = 0.0
        self._answers: list[Answer] = []
        self._broken: ConnectionEndedError | None = None  # to be raised once all good answers were given
        self._text: list[bytes] = []
        self._status: int | None = None  # of the answer whose headers are there, but not its end
        self.on_body = self._text.append
        self._parser = httptools.HttpResponseParser(self)

    @property
    def has_room(self) -> bool:
        """Whether another call may be put in."""
        return not self.is_closing and len(self._unanswered) < self._most and self._put - self._answered < MOST_BYTES

    @property
    def unanswered(self) -> int:
        """How many calls were put in and not answered."""
        return len(self._unanswered)

    def left(self) -> tuple[list[Encoded], list[Encoded]]:
        """The unanswered calls: those that may have been taken, and those that cannot have been."""
        taken = 0 if self.is_closing else self._sent
        calls = list(self._unanswered)
        return [call for call, end in calls if end <= taken], [call for call, end in calls if end > taken]

    def put(self, head: bytes, call: Encoded) -> None:
        """Have a call sent with the next ``turn``."""
        if not self._unanswered:
            self._heard_at = time.monotonic()
        data = request(head, call.body)
        self._unsent += data
        self._put += len(data)
        self._unanswered.append((call, self._put))

    def turn(self) -> list[Answer]:
        """Send, or wait for answers, and give those that came; none when woken.

        Raises ConnectionEndedError, also when an answer is overdue, and InterruptedWaitError.
        """
        if self._broken is not None:
            raise self._broken
        if self.is_closing and self._status is None:
            raise ConnectionEndedError("the other side closes the connection")
        rest = self._patience + self._heard_at - time.monotonic() if self._unanswered else self._patience
        possible = self._connection.poll(READ | WRITE if self._unsent else READ, rest)
        if possible & READ:  # first, so that nothing is sent to an end that was there already
            self._receive()
        elif self._unanswered and time.monotonic() - self._heard_at >= self._patience:
            raise ConnectionEndedError(f"no answer for {self._patience:g} seconds")
        if possible & WRITE and self._broken is None:
            self._send()
        answers, self._answers = self._answers, []
        return answers

    # ------------------------------------------------------------------------ helpers

    def _send(self) -> None:
        taken = self._connection.send(self._unsent)
        del self._unsent[:taken]
        self._sent += taken

    def _receive(self) -> None:
        try:
            data = self._connection.receive()
            if data is not None:
                self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._broken = ConnectionEndedError(f"what comes is no answer: {error}")
        except ConnectionEndedError:
            if self._status is None:
                raise
            self.on_message_complete()  # the end of the connection is that of an answer without a length

    # ------------------------------------------------------------ callbacks of httptools

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self.is_closing = self.is_closing or not self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        status, self._status = self._status, None
        text = b"".join(self._text)[:_MAX_TEXT].decode(errors="replace").strip() if self._text else ""
        self._text.clear()
        if status is None or status < _FINAL:
            return
        if not self._unanswered:
            raise ConnectionEndedError("an answer to nothing that was asked")
        call, self._answered = self._unanswered.popleft()
        self._heard_at = time.monotonic()
        self._answers.append(Answer(call, status, text))
