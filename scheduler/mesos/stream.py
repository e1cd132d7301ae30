"""The event stream of one subscription: sends the request, checks the answer, and yields records until it ends.

The exception says how the stream ended. A master that is silent for too long counts as dead.
"""

from collections.abc import Iterator
from http import HTTPStatus

import httptools

from scheduler.mesos.address import Address, parse_location
from scheduler.mesos.connection import READ, WRITE, Connection, ConnectionEndedError
from scheduler.mesos.recordio import FramingError, Record, RecordReader

_MAX_ERROR_BODY = 4096
_LARGEST_HEAD = 64 * 1024  # bytes
_ERROR_BODY_WAIT = 2.0


class RedirectedError(Exception):
    """The master redirected to another one."""

    def __init__(self, address: Address) -> None:
        super().__init__(f"redirected to {address}")
        self.address = address


class SubscriptionRefusedError(Exception):
    """The master answered with an error."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"HTTP {status}: {body}" if body else f"HTTP {status}")
        self.status = status


class Stream:
    """An event stream. ``silence``: how many seconds the other side may be silent; it may be changed at any time."""

    def __init__(self, connection: Connection, silence: float) -> None:
        self.silence = silence
        self._connection = connection
        self._answer = _Answer()

    def open(self, request: bytes) -> str:
        """Send the request; returns the stream id once the master has granted the subscription.

        Raises ConnectionEndedError, InterruptedWaitError, RedirectedError or SubscriptionRefusedError.
        """
        unsent = memoryview(request)
        while unsent:
            self._connection.wait(WRITE, self.silence)
            unsent = unsent[self._connection.send(unsent) :]
        while self._answer.status is None:
            self._receive(self.silence)
        if self._answer.status != HTTPStatus.OK:
            raise self._refusal(self._answer.status)
        stream_id = self._answer.headers.get(b"mesos-stream-id")
        if not stream_id:
            raise ConnectionEndedError("an answer without a Mesos-Stream-Id: is this a Mesos master?")
        return stream_id.decode("latin-1")

    def records(self) -> Iterator[list[Record]]:
        """The records, those received together in one list; ends only by raising ConnectionEndedError or
        InterruptedWaitError.
        """
        reader = RecordReader()
        while True:
            records: list[Record] = []
            broken: FramingError | None = None
            try:
                for piece in self._answer.take_body():
                    reader.feed(piece, records)
            except FramingError as error:
                broken = error
            if records:
                yield records
            if broken is not None:
                raise ConnectionEndedError(str(broken)) from broken
            if self._answer.is_complete:
                raise ConnectionEndedError("the master ended the stream")
            self._receive(self.silence)

    # ------------------------------------------------------------------------ helpers

    def _receive(self, seconds: float) -> None:
        """Receive and parse more data."""
        self._connection.wait(READ, seconds)
        data = self._connection.receive()
        if data is not None:
            self._answer.feed(data)

    def _refusal(self, status: int) -> Exception:
        location = self._answer.headers.get(b"location")
        if status == HTTPStatus.TEMPORARY_REDIRECT and location:
            try:
                return RedirectedError(parse_location(location.decode("latin-1"), tls=self._connection.is_secure))
            except ValueError as error:
                return ConnectionEndedError(str(error))
        body = bytearray()
        try:
            while True:
                body += b"".join(self._answer.take_body())
                if self._answer.is_complete or len(body) >= _MAX_ERROR_BODY:
                    break
                self._receive(_ERROR_BODY_WAIT)
        except ConnectionEndedError:
            pass  # the part of the body that was received is enough
        return SubscriptionRefusedError(status, body[:_MAX_ERROR_BODY].decode(errors="replace").strip())


class _Answer:
    """The received part of an HTTP answer. Its methods ``on_...`` are callbacks of httptools."""

    def __init__(self) -> None:
        self.status: int | None = None  # once all headers were received
        self.headers: dict[bytes, bytes] = {}  # names in lower case
        self.is_complete = False
        self._framing = 0  # bytes since the last ones of the body
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: memoryview) -> None:
        """Parse received data. Raises ConnectionEndedError."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, ConnectionEndedError):  # of a callback below
                raise error.__context__ from None
            raise ConnectionEndedError(f"the other side does not speak HTTP: {bytes(data[:40])!r}") from error
        self._framing = 0 if self._body else self._framing + len(data)
        if self._framing > _LARGEST_HEAD:
            raise ConnectionEndedError(f"the other side sends more than {_LARGEST_HEAD} bytes of headers")

    def take_body(self) -> list[bytes]:
        """The part of the body received since the last call."""
        taken = self._body[:]
        self._body.clear()
        return taken

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status is None:  # otherwise it is a trailer
            self.headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_headers_complete(self) -> None:
        coding = self.headers.get(b"content-encoding", b"identity").lower()
        if coding != b"identity":
            raise ConnectionEndedError(f"the other side answers with Content-Encoding {coding[:40]!r}, unasked")
        self.status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        self.is_complete = True
