"""Encodes calls as HTTP requests. Pure, except for the preparation of launches."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from scheduler.core.effects import Acknowledge
from scheduler.mesos.calls import PlainCall, call_body
from scheduler.model.json import Json

_PATH = "/api/v1/scheduler"
_REFERENCE = b'"REFERENCE"'  # a launch without it has no secrets, and needs no preparation

# What the sender accepts: an effect, or a complete body.
Call = PlainCall | Json


@dataclass(slots=True)
class Encoded:
    """An encoded call.

    Attributes:
        name: its type.
        failures: how many times the other side failed at it.
    """

    name: str
    body: bytes
    failures: int = 0


class Encoder:
    """Encodes the calls of one framework; ``prepare`` inserts the secrets into a launch.

    Acknowledgements, the most frequent calls, are encoded without building the whole body.
    """

    def __init__(self, framework_id: str, prepare: Callable[[Json], Json]) -> None:
        self._framework_id = framework_id
        self._prepare = prepare
        framework = orjson.dumps({"value": framework_id})
        self._acknowledge = b'{"type":"ACKNOWLEDGE","framework_id":%b,"acknowledge":' % framework

    def encode(self, call: Call) -> Encoded:
        """The call's name and body. Raises TypeError if it cannot be encoded."""
        if type(call) is Acknowledge:
            acknowledge = {
                "agent_id": {"value": call.agent_id},
                "task_id": {"value": call.task_id},
                "uuid": call.uuid,
            }
            return Encoded("ACKNOWLEDGE", b"%b%b}" % (self._acknowledge, orjson.dumps(acknowledge)))
        body = call if isinstance(call, dict) else call_body(call, self._framework_id)
        data = orjson.dumps(body)
        if body["type"] == "ACCEPT" and _REFERENCE in data:
            body = self._prepare(orjson.loads(data))
            data = orjson.dumps(body)
        return Encoded(body["type"], data)


def head(host: str, authorization: str | None, **more: str) -> bytes:
    """The start of every request on a connection. Underscores in the names of further headers become dashes."""
    headers = {"Host": host, "Content-Type": "application/json", "Accept": "application/json"}
    headers |= {"Accept-Encoding": "identity", **more}
    if authorization is not None:
        headers["Authorization"] = authorization
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST {_PATH} HTTP/1.1\r\n{lines}Content-Length: ".encode()


def request(head: bytes, body: bytes) -> bytes:
    """The whole request."""
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)
