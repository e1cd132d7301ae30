"""What masters and agents answer when somebody looks inside containers: over real connections, with any bytes in them,
up to the answers of the API.
"""

import asyncio
import base64
import gzip
import json
import socket
import zlib
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote

from scheduler.core.effects import InspectExecutor
from scheduler.inside import Edge
from scheduler.inside.executors import Executors
from scheduler.inside.inspector import Inspector
from scheduler.inside.master import Leader
from scheduler.mesos.credentials import Credentials
from scheduler.model.records import Condition
from tests.api.whole import WholeApi
from tests.fakes.operator_api import framed
from tests.fuzz.mutation import mutated_bytes, mutated_json
from tests.fuzz.pods import launched, request, tell_all
from tests.fuzz.target import Target

_PORT = "@PORT@"  # in an answer: the number of the port that everything is at
_PATIENCE = 20.0
_ASKED = (
    *(("GET", "::logs"), ("GET", "::logs?tail=3"), ("GET", "::logs?executor=true"), ("GET", "::logs?previous=true")),
    *(("GET", "::files"), ("GET", "::files?path=a"), ("GET", "::files?executor=true"), ("GET", "::files/read?path=a")),
    *(("GET", "::files/read?path=stdout&offset=5&length=100"), ("GET", "::usage"), ("GET", "::usage")),
    *(("GET", "::archive?path=/x"), ("PUT", "::archive?path=/x"), ("INSPECT", ""), ("HEAD", "::logs")),
)
_CONTAINER = {"value": "main-1", "parent": {"value": "root"}}
_STATUS = {"state": "TASK_RUNNING", "container_status": {"container_id": _CONTAINER}}
_STATISTICS = {
    "timestamp": 5.0,
    "cpus_user_time_secs": 1.0,
    "cpus_system_time_secs": 0.5,
    "cpus_limit": 0.2,
    "mem_rss_bytes": 100,
    "mem_limit_bytes": 200,
    "processes": 3,
}
_FILE = {"path": "/sandbox/a", "size": 12, "mode": 33188, "mtime": {"nanoseconds": 15 * 10**8}, "uid": "u", "gid": "g"}
_ANSWERS: dict[str, Any] = {
    "/tasks": {"tasks": [{"slave_id": "A-1", "executor_id": "E-1", "state": "TASK_RUNNING", "statuses": [_STATUS]}]},
    "/slaves": {"slaves": [{"id": "A-1", "hostname": "host-1", "pid": f"slave(1)@127.0.0.1:{_PORT}", "active": True}]},
    "LIST_FILES": {"type": "LIST_FILES", "list_files": {"file_infos": [_FILE, _FILE | {"path": "/sandbox/stdout"}]}},
    "READ_FILE": {
        "type": "READ_FILE",
        "read_file": {"size": 12, "data": base64.b64encode(b"one\ntwo\nthr").decode()},
    },
    "GET_CONTAINERS": {
        "type": "GET_CONTAINERS",
        "get_containers": {
            "containers": [
                {"container_status": {"container_id": each}, "resource_statistics": _STATISTICS}
                for each in ({"value": "root"}, _CONTAINER)
            ]
        },
    },
    "WAIT_CONTAINER": {"type": "WAIT_CONTAINER", "wait_container": {"exit_status": 0}},
    "REMOVE_CONTAINER": None,
    "ATTACH_CONTAINER_INPUT": None,
}
_SESSION = "LAUNCH_NESTED_CONTAINER_SESSION"
_OUTPUT = [
    {"type": "DATA", "data": {"type": kind, "data": base64.b64encode(data).decode()}}
    for kind, data in (("STDOUT", b"x" * 600), ("STDERR", b"tar: removing leading /\n"), ("STDOUT", b"\0" * 9000))
]


class Fuzzed(Target):
    """A case is JSON: what is asked of the API, what is sent to it, and the bytes of each answer of Mesos."""

    def make_case(self, random: Random) -> bytes:
        """Usually one or two answers are changed."""
        answers = {kind: _http(_json(told)) for kind, told in _ANSWERS.items()}
        answers[_SESSION] = _http(b"".join(map(framed, _OUTPUT)))
        for kind in random.sample(sorted(answers), random.choice((1, 2, 2, 5))):
            answers[kind] = _changed(random, kind, answers[kind])
        method, path = random.choice(_ASKED)
        told = {
            "ask": [method, path],
            "body": mutated_bytes(random, b"x" * random.choice((0, 512, 200_000))).decode("latin-1"),
            "answers": {kind: answer.decode("latin-1") for kind, answer in answers.items()},
        }
        return json.dumps(told).encode()

    def run(self, case: bytes) -> None:
        """The API answers, and says who failed."""
        told = json.loads(case)
        mesos = _Mesos({kind: answer.encode("latin-1") for kind, answer in told["answers"].items()})
        method, path = told["ask"]
        try:
            with launched(mesos.edge) as api:
                tell_all(api, Condition.RUNNING)
                api.wait_for(mesos.start())
                try:
                    _ask(api, mesos, method, path, told["body"].encode("latin-1"))
                finally:
                    api.wait_for(mesos.stop())
        finally:
            mesos.close()


def _ask(api: WholeApi, mesos: "_Mesos", method: str, path: str, body: bytes) -> None:
    if method == "INSPECT":
        [instance, *_] = api.world.instances.values()
        asked = InspectExecutor(instance.pod_id, "A-1", "E-1", tuple(task.id for task in instance.tasks))
        for event in api.wait_for(mesos.inspected(asked)):
            api.happens(event)
        return
    content = {} if method != "PUT" else {"content": body, "headers": {"Content-Type": "application/x-tar"}}
    request(api, method, f"/v2/pods{quote('/web')}{path}", **content)


class _Mesos:
    """A master and an agent on one port, and the edge that asks them."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._port = self._listening.getsockname()[1]
        self._answers = {kind: answer.replace(_PORT.encode(), b"%d" % self._port) for kind, answer in answers.items()}
        self._edge: Any = None
        self._server: Any = None

    def edge(self) -> Any:
        """The edge."""
        leader = Leader(f"127.0.0.1:{self._port}", "F-1")
        self._edge = Edge(lambda: leader, Credentials(), Credentials(), None, Executors(lambda *_: None))
        return self._edge

    async def start(self) -> None:
        """Begin to answer."""
        self._server = await asyncio.start_server(self._answer, sock=self._listening)

    async def stop(self) -> None:
        """End it, and what the edge does in the background."""
        await self._edge.close()
        self._server.close()

    def close(self) -> None:
        """Close the port."""
        self._listening.close()

    async def inspected(self, asked: InspectExecutor) -> list[Any]:
        """The events that come of looking at an executor's output."""
        events: list[Any] = []
        found = asyncio.Event()
        inspector = Inspector(self._edge.last_lines, lambda event: (events.append(event), found.set()))
        inspector.inspect(asked)
        async with asyncio.timeout(_PATIENCE):
            await found.wait()
        await inspector.close()
        return events

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, *_ = head.split(" ")
            kind = path.partition("?")[0] if method == "GET" else await _kind(head, reader)
            writer.write(self._answers.get(kind, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # it was not waited for; asyncio reports a connection that is cancelled at the end of its loop
        finally:
            writer.close()


async def _kind(head: str, reader: asyncio.StreamReader) -> str:
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "content-length" not in headers:
        return "ATTACH_CONTAINER_INPUT"  # which is endless
    call = json.loads(await reader.readexactly(int(headers["content-length"])))
    return str(call["type"])


def _json(told: Any) -> bytes:
    return b"" if told is None else json.dumps(told).encode()


def _http(body: bytes, status: str = "200 OK", *more: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *more])
    return head.encode() + b"\r\n\r\n" + body


@cache
def _bomb() -> bytes:
    """1.5 GB of zeros, in 1.5 MB. Its parts do not depend on each other, so that one is enough to make it."""
    compressor = zlib.compressobj(wbits=31)
    head = compressor.compress(b"") + compressor.flush(zlib.Z_FULL_FLUSH)
    part = compressor.compress(bytes(1024 * 1024)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return head + part * 1500 + compressor.flush()


def _changed(random: Random, kind: str, answer: bytes) -> bytes:
    body = answer.partition(b"\r\n\r\n")[2]
    match random.randrange(12):
        case 0:
            return mutated_bytes(random, answer)
        case 1:
            return _http(
                body,
                random.choice(("404 Not Found", "401 Unauthorized", "503 Service Unavailable", "500 \x1b[2J", "999 x")),
            )
        case 2:
            compressed = random.choice((gzip.compress(body), _bomb()))
            return _http(compressed, "200 OK", "Content-Encoding: gzip")
        case 3:
            return _http(
                body, "307 Temporary Redirect", f"Location: {random.choice(('/tasks', '//127.0.0.1:1/', 'x:y', '..'))}"
            )
        case 4:
            return _http(
                body,
                "200 OK",
                *random.choice((["X: " + "y" * 200_000], ["X: y"] * 5000, ["Transfer-Encoding: chunked"])),
            )
        case _ if kind == _SESSION:
            records = [mutated_json(random, each, 2) for each in _OUTPUT]
            return _http(mutated_bytes(random, b"".join(b"%d\n%b" % (len(each), each) for each in records), 2))
        case _:
            return _http(mutated_json(random, _ANSWERS[kind]))
