"""What an agent can do is not in its offers: its flags are asked for, once for each agent, beside the stream."""

import http.client
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import structlog

from scheduler.core.events import AgentDescribed
from scheduler.model.json import Json

_TIMEOUT = 3.0
_AT_ONCE = 4
_log = structlog.get_logger("scheduler.mesos")


class AgentProbe:
    """Submits an AgentDescribed for every agent seen in an offer whose flags can be read."""

    def __init__(self, submit: Callable[[AgentDescribed], None], timeout: float = _TIMEOUT) -> None:
        self._submit = submit
        self._timeout = timeout
        self._seen: set[str] = set()
        self._failed: set[str] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mesos-agents")

    def look_at(self, offers: Iterable[Json]) -> None:
        """Ask the agents that are new; returns at once."""
        for offer in offers:
            agent_id = offer["agent_id"]["value"]
            with self._lock:
                is_new = agent_id not in self._seen
                self._seen.add(agent_id)
            if is_new:
                self._pool.submit(self._ask, agent_id, offer)

    def retry_failed(self) -> None:
        """Ask those again that did not answer, when they are next offered."""
        with self._lock:
            self._seen -= self._failed
            self._failed.clear()

    def stop(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, agent_id: str, offer: Json) -> None:
        try:
            isolators = self._isolators(offer)
        except (OSError, http.client.HTTPException, LookupError, TypeError, ValueError) as error:
            with self._lock:
                self._failed.add(agent_id)
            _log.info("the agent's flags cannot be read", agent_id=agent_id, error=repr(error))
            return
        self._submit(AgentDescribed(agent_id, isolators))

    def _isolators(self, offer: Json) -> frozenset[str]:
        url: dict[str, Any] = offer["url"]
        address = url["address"]
        host = address.get("ip") or address["hostname"]
        connection = http.client.HTTPConnection(host, int(address["port"]), timeout=self._timeout)
        try:
            connection.request("GET", f"{url.get('path', '').rstrip('/')}/flags")
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ValueError(f"HTTP {response.status}")
        isolation: str = orjson.loads(body)["flags"]["isolation"]
        return frozenset(name.strip() for name in isolation.split(",") if name.strip())
