"""Streams of records, as masters send them to the scheduler, and agents to executors."""

import json
from random import Random

from podexec.recordio import FramingError as OtherFramingError
from podexec.recordio import RecordDecoder
from scheduler.mesos.connection import ConnectionEndedError
from scheduler.mesos.recordio import FramingError, RecordReader
from scheduler.mesos.stream import RedirectedError, Stream, SubscriptionRefusedError
from tests.fuzz.mutation import mutated_bytes, pieces
from tests.fuzz.target import FaultError, Target

_LARGEST = 64 * 1024
_HEADS = (
    b"HTTP/1.1 200 OK\r\nMesos-Stream-Id: s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nMesos-Stream-Id: s\r\nContent-Length: 500\r\n\r\n",
    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: //10.0.0.2:5050\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n",
)


class Fuzzed(Target):
    """A case is JSON: the stream in pieces, each a string of bytes."""

    def make_case(self, random: Random) -> bytes:
        """Records of any size, with or without HTTP around them, changed somewhere."""
        records = [random.randbytes(random.choice((0, 1, 9, 10, 99, 300, 5000))) for _ in range(random.randint(0, 6))]
        data = b"".join(b"%d\n%b" % (len(each), each) for each in records)
        if random.random() < 0.5:
            data = random.choice(_HEADS) + b"".join(
                b"%x\r\n%b\r\n" % (len(each), each) for each in pieces(random, data)
            )
        if random.random() < 0.8:
            data = mutated_bytes(random, data)
        return json.dumps([each.decode("latin-1") for each in pieces(random, data)]).encode()

    def run(self, case: bytes) -> None:
        """It does not matter how the bytes arrive, and nothing but the two documented errors is raised."""
        parts = [each.encode("latin-1") for each in json.loads(case)]
        if _read(parts) != _read([b"".join(parts)]) or _decoded(parts) != _decoded([b"".join(parts)]):
            raise FaultError("records", "other records in other pieces")
        _stream(parts)


def _read(parts: list[bytes]) -> tuple[list[bytes], bool]:
    reader = RecordReader(_LARGEST)
    records: list[bytes | bytearray] = []
    try:
        for part in parts:
            reader.feed(part, records)
    except FramingError:
        return [bytes(each) for each in records], True
    return [bytes(each) for each in records], False


def _decoded(parts: list[bytes]) -> tuple[list[bytes], bool]:
    decoder = RecordDecoder(_LARGEST)
    records: list[bytes] = []
    try:
        for part in parts:
            for record in decoder.feed(part):
                records.append(record)  # noqa: PERF402 - those before an error count
    except OtherFramingError:
        return records, True
    return records, False


def _stream(parts: list[bytes]) -> None:
    stream = Stream(_Received(parts), 1.0)
    try:
        stream.open(b"SUBSCRIBE")
        for _ in stream.records():
            pass
    except (ConnectionEndedError, RedirectedError, SubscriptionRefusedError):
        return


class _Received:
    """In the place of a connection."""

    is_secure = False

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = list(parts)

    def wait(self, _events: int, _seconds: float) -> None:
        """There is always something."""

    def send(self, data: memoryview) -> int:
        """All of it."""
        return len(data)

    def receive(self) -> memoryview:
        """The next piece."""
        if not self._parts:
            raise ConnectionEndedError("closed")
        return memoryview(self._parts.pop(0))
