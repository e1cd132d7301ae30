"""A minimal scheduler that sends single calls to the simulated master and reads its events."""

import http.client
import json
from typing import Any

_TIMEOUT = 5.0
_PATH = "/api/v1/scheduler"
_CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "RESERVATION_REFINEMENT")


class Framework:
    """A subscribed framework."""

    def __init__(self, port: int, roles: tuple[str, ...] = ("*",), framework_id: str | None = None) -> None:
        info: dict[str, Any] = {
            "name": "by hand",
            "user": "root",
            "roles": list(roles),
            "capabilities": [{"type": capability} for capability in _CAPABILITIES],
        }
        body: dict[str, Any] = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
        if framework_id is not None:
            info["id"] = body["framework_id"] = {"value": framework_id}
        self._stream_connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self._stream_connection.request("POST", _PATH, json.dumps(body))
        self._stream = self._stream_connection.getresponse()
        assert self._stream.status == 200
        self.stream_id = self._stream.headers["Mesos-Stream-Id"]
        self._calls = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self.id = self.hear("SUBSCRIBED")["subscribed"]["framework_id"]["value"]

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self._stream_connection.close()
        self._calls.close()

    def hear(self, kind: str) -> dict[str, Any]:
        """The next event of this kind; heartbeats are skipped, and offers too, which may arrive at any time."""
        while True:
            length = b""
            while not length.endswith(b"\n"):
                length += self._stream.read(1)
            event: dict[str, Any] = json.loads(self._stream.read(int(length)))
            if event["type"] == kind or event["type"] not in {"HEARTBEAT", "OFFERS"}:
                assert event["type"] == kind, event
                return event

    def offers(self) -> list[dict[str, Any]]:
        """The offers of the next event."""
        found: list[dict[str, Any]] = self.hear("OFFERS")["offers"]["offers"]
        return found

    def status(self, acknowledged: bool = True) -> dict[str, Any]:
        """The status of the next event, acknowledged if it has a uuid."""
        status: dict[str, Any] = self.hear("UPDATE")["update"]["status"]
        if acknowledged and "uuid" in status:
            self.call("ACKNOWLEDGE", **{name: status[name] for name in ("agent_id", "task_id", "uuid")})
        return status

    def call(self, kind: str, stream_id: str | None = None, **members: Any) -> int:
        """Send a call, and return the HTTP status of the answer."""
        body = {"type": kind, "framework_id": {"value": self.id}, kind.lower(): members}
        headers = {"Mesos-Stream-Id": stream_id or self.stream_id, "Content-Type": "application/json"}
        self._calls.request("POST", _PATH, json.dumps(body), headers)
        answer = self._calls.getresponse()
        answer.read()
        return answer.status

    def accept(self, offer: dict[str, Any], *groups: dict[str, Any], refuse_seconds: float = 120.0) -> int:
        """Launch groups on an offer."""
        filters = {"refuse_seconds": refuse_seconds}
        return self.call("ACCEPT", offer_ids=[offer["id"]], operations=list(groups), filters=filters)

    def decline(self, *offers: dict[str, Any], refuse_seconds: float = 120.0) -> int:
        """Decline offers."""
        return self.call(
            "DECLINE", offer_ids=[offer["id"] for offer in offers], filters={"refuse_seconds": refuse_seconds}
        )
