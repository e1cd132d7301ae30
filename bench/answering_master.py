"""A program that stands in for a master: grants subscriptions, accepts every call, and sends statuses on request.

It prints its port. It answers ``RECONCILE`` of everything with one status, which confirms all earlier calls, and
``RECONCILE`` of a task whose name is a number with that many statuses, each in a chunk of its own like a master's.
"""

import asyncio
import json

HOST = "127.0.0.1"
_STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: stream\r\n\r\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"


class _Connection(asyncio.Protocol):
    stream: asyncio.BaseTransport | None = None  # of the latest subscription

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = bytearray()

    def data_received(self, data: bytes) -> None:
        self._received += data
        start, answers = 0, 0
        while (end := self._received.find(b"\r\n\r\n", start)) >= 0:
            if self._received.startswith(b"GET", start):  # the master's version, its agents
                self._transport.write(_NOT_FOUND)
                start = end + 4
                continue
            length = self._received.index(b"Content-Length: ", start) + len("Content-Length: ")
            body = end + 4
            start_of_next = body + int(self._received[length : self._received.index(b"\r", length)])
            if len(self._received) < start_of_next:
                break
            call = bytes(self._received[body:start_of_next])
            start = start_of_next
            answers += self._handle(call)
        del self._received[:start]
        if answers:
            self._transport.write(_ACCEPTED * answers)

    def _handle(self, call: bytes) -> bool:
        if b'"RECONCILE"' in call:
            tasks = json.loads(call)["reconcile"]["tasks"]
            count = int(tasks[0]["task_id"]["value"]) if tasks else 1
            assert isinstance(_Connection.stream, asyncio.Transport)
            _Connection.stream.write(b"".join(chunk(status(number)) for number in range(count)))
        elif b'"SUBSCRIBE"' in call:
            _Connection.stream = self._transport
            subscribed = {"framework_id": {"value": "framework"}, "heartbeat_interval_seconds": 600.0}
            self._transport.write(_STREAM + chunk({"type": "SUBSCRIBED", "subscribed": subscribed}))
            return False
        return True


def status(number: int) -> dict[str, object]:
    """A status update in the form in which an agent forwards it."""
    network = {"ip_addresses": [{"protocol": "IPv4", "ip_address": "10.0.0.2"}], "name": "podnet"}
    container = {"container_id": {"value": f"web-{number}"}, "network_infos": [network]}
    return {
        "type": "UPDATE",
        "update": {
            "status": {
                "task_id": {"value": f"shop_web.instance-5b3bcb5d-8e4d-4a4f-9a2b-9b2d7a3f{number:06}.main.1"},
                "agent_id": {"value": f"11111111-2222-3333-4444-555555555555-S{number % 1000}"},
                "executor_id": {"value": f"instance-shop_web.5b3bcb5d-8e4d-4a4f-9a2b-9b2d7a3f{number:06}"},
                "state": "TASK_RUNNING",
                "source": "SOURCE_EXECUTOR",
                "uuid": "3q2+7wAAQACAAAAAAAAAAQ==",
                "timestamp": 1700000000.25,
                "healthy": True,
                "container_status": container,
            }
        },
    }


def chunk(event: dict[str, object]) -> bytes:
    """An event as a RecordIO record in an HTTP chunk."""
    data = json.dumps(event, separators=(",", ":")).encode()
    record = b"%d\n%b" % (len(data), data)
    return b"%x\r\n%b\r\n" % (len(record), record)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
