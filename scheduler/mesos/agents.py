"""Reads the isolators of agents, which are not in their offers, from their flags, once for each agent.

Agents are known from offers, and from the master's list, which is read after every subscription and every few minutes.
The list also shows which agents are gone, in case the master's event was missed.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import orjson
import structlog

from scheduler.core.events import AgentDescribed, AgentsListed, AgentsUnlisted, FrameworksListed, Namesake
from scheduler.mesos.address import Address, parse_address
from scheduler.mesos.bounded_socket import BoundedSocket
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.tls import Tls
from scheduler.model.json import Json
from scheduler.model.records import Agent
from scheduler.model.shapes import identifier

_TIMEOUT = 3.0
_LARGEST_LIST = 256 * 1024 * 1024  # the master's, with some 3 kB an agent
_LARGEST_FLAGS = 1024 * 1024  # of an agent
_LONGEST_ANSWER = 60.0  # seconds
_AT_ONCE = 4
_LONGEST_ERROR = 200
_REFUSALS = (http.client.UNAUTHORIZED, http.client.FORBIDDEN)
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_LOOK_EVERY = 600.0  # seconds; a list of thousands of agents is large
_UNREADABLE = (
    *(OSError, http.client.HTTPException),
    # from JSON of an unexpected shape
    *(AttributeError, LookupError, OverflowError, TypeError, ValueError, msgspec.DecodeError, RecursionError),
)
_log = structlog.get_logger("scheduler.mesos")


class ClusterRefusedError(ValueError):
    """The other side refuses to answer."""


class _ListedAgent(msgspec.Struct, gc=False):
    """``pid`` is ``slave(1)@HOST:PORT``."""

    id: str
    hostname: str = ""
    pid: str = ""


class _Listed(msgspec.Struct):
    slaves: list[_ListedAgent]
    recovered_slaves: list[_ListedAgent] | None = None


_LISTED = msgspec.json.Decoder(_Listed)  # the rest of it would be many objects, and hold other threads for seconds


class AgentProbe:
    """Submits an AgentDescribed for every agent whose flags can be read, and AgentsUnlisted for those that are gone.

    No method waits for an answer.
    """

    def __init__(
        self,
        submit: Callable[[AgentDescribed | AgentsUnlisted], None],
        credentials: Credentials,
        tls: Tls | None,
        timeout: float = _TIMEOUT,
        look_every: float = _LOOK_EVERY,
        answer: Callable[[AgentsListed | FrameworksListed], None] = lambda _: None,
    ) -> None:
        """``answer`` receives the lists of all agents, and of other frameworks.

        The credentials are sent to masters but not to agents: any machine may claim to be one.
        """
        self._submit = submit
        self._answer = answer
        self._credentials = credentials
        self._tls = tls
        self._timeout = timeout
        self._look_every = look_every
        self._seen: set[str] = set()
        self._failed: set[str] = set()
        self._looked: tuple[Address, float] | None = None  # the master whose list was read last, and when
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mesos-agents")

    def look_around(self, master: Address) -> None:
        """Ask the master's agents, including those that have not answered so far."""
        with self._lock:
            self._looked = (master, time.monotonic())
            self._seen -= self._failed
            self._failed.clear()
            known = frozenset(self._seen)  # an agent that registers in the meantime may be missing in the list
        self._pool.submit(self._ask_master, master, known)

    def look_again(self) -> None:
        """Look around again if the last time is long ago."""
        if self._looked is not None and time.monotonic() - self._looked[1] >= self._look_every:
            self.look_around(self._looked[0])

    def look_at(self, offers: Iterable[Json]) -> None:
        """Ask the new agents among those of these offers."""
        for offer in offers:
            if identifier(offer.get("agent_id")) is None:
                self._ask_once(offer["agent_id"]["value"], partial(_in_offer, offer))

    def forget(self, agent_id: str) -> None:
        """The agent is gone: if it returns it is asked again, because its flags may have changed."""
        with self._lock:
            self._seen.discard(agent_id)
            self._failed.discard(agent_id)

    def look_for_namesakes(self, master: Address, name: str, framework_id: str) -> None:
        """Ask for frameworks of this name with running tasks, except the one with this id."""
        self._pool.submit(self._ask_for_namesakes, master, name, framework_id)

    def stop(self) -> None:
        """Stop asking."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask_master(self, master: Address, known: frozenset[str]) -> None:
        try:
            listed = _LISTED.decode(self._get(master, "/slaves", self._credentials.authorization()))
            agents = {agent.id: agent for agent in listed.slaves}
            # After a change of masters, the new one waits for these to register again.
            awaited = {agent.id: agent for agent in listed.recovered_slaves or ()}
            named = tuple(Agent(agent_id, agent.hostname or agent_id) for agent_id, agent in (awaited | agents).items())
        except ClusterRefusedError as refusal:
            _log.warning("master refuses to list its agents", master=str(master), error=str(refusal))
            self._answer(AgentsListed(None))
            return
        except _UNREADABLE as error:
            _log.info("cannot read the master's agents", master=str(master), error=repr(error)[:_LONGEST_ERROR])
            return
        self._answer(AgentsListed(named))
        self._unlisted(known - agents.keys() - awaited.keys())
        for agent_id, agent in agents.items():
            self._ask_once(agent_id, partial(_in_list, agent))

    def _ask_for_namesakes(self, master: Address, name: str, framework_id: str) -> None:
        try:
            call: Json = {"type": "GET_FRAMEWORKS"}
            answer = orjson.loads(self._get(master, "/api/v1", self._credentials.authorization(), call))
            found = tuple(_namesakes(answer["get_frameworks"].get("frameworks") or (), name, framework_id))
        except _UNREADABLE as error:
            _log.info("cannot read the master's frameworks", master=str(master), error=repr(error)[:_LONGEST_ERROR])
            return
        self._answer(FrameworksListed(found))

    def _unlisted(self, agent_ids: frozenset[str]) -> None:
        with self._lock:
            self._seen -= agent_ids
            self._failed -= agent_ids
            if agent_ids:
                self._submit(AgentsUnlisted(agent_ids))

    def _ask_once(self, agent_id: str, where: Callable[[], tuple[Address, str]]) -> None:
        with self._lock:
            is_new = agent_id not in self._seen
            self._seen.add(agent_id)
        if is_new:
            self._pool.submit(self._ask, agent_id, where)

    def _ask(self, agent_id: str, where: Callable[[], tuple[Address, str]]) -> None:
        try:
            address, prefix = where()
            isolation: str = orjson.loads(self._get(address, f"{prefix}/flags", most=_LARGEST_FLAGS))["flags"][
                "isolation"
            ]
            isolators = frozenset(name.strip() for name in isolation.split(",") if name.strip())
        except _UNREADABLE as error:
            with self._lock:
                self._failed.add(agent_id)
            _log.info("cannot read the agent's flags", agent_id=agent_id, error=repr(error)[:_LONGEST_ERROR])
            return
        with self._lock:
            if agent_id in self._seen:  # otherwise it was lost in the meantime
                self._submit(AgentDescribed(agent_id, isolators))

    def _get(
        self,
        address: Address,
        path: str,
        authorization: str | None = None,
        call: Json | None = None,
        most: int = _LARGEST_LIST,
    ) -> bytes:
        connection = self._connection(address)
        connection.connect()
        with contextlib.closing(connection.sock) as connected:
            connection.sock = BoundedSocket(connected, self._timeout, _LONGEST_ANSWER, most)
            headers = {} if authorization is None else {"Authorization": authorization}
            if call is None:
                connection.request("GET", path, headers=headers)
            else:
                connection.request("POST", path, orjson.dumps(call), {**headers, **_JSON})
            response = connection.getresponse()
            coding = response.getheader("Content-Encoding", "identity")
            if coding.lower() != "identity":
                raise ValueError(
                    f"the answer has the Content-Encoding {coding[:_LONGEST_ERROR]!r}, which was not requested"
                )
            body = response.read()
        if response.status in _REFUSALS:
            raise ClusterRefusedError(f"HTTP {response.status}")
        if response.status != http.client.OK:
            raise ValueError(f"HTTP {response.status}")
        return body

    def _connection(self, address: Address) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(address.host, address.port, timeout=self._timeout)
        return http.client.HTTPSConnection(
            address.host, address.port, timeout=self._timeout, context=self._tls.context()
        )


def _namesakes(frameworks: Iterable[Json], name: str, framework_id: str) -> Iterator[Namesake]:
    for each in frameworks:
        info = each["framework_info"]
        # Allocated resources mean that executors are running.
        if info["name"] == name and info["id"]["value"] != framework_id and each.get("allocated_resources"):
            yield Namesake(str(info["id"]["value"]), name, bool(each.get("connected")))


def _in_offer(offer: Json) -> tuple[Address, str]:
    """The agent's address and the prefix of its paths, from one of its offers."""
    url = offer["url"]
    address = url["address"]
    return Address(address.get("ip") or address["hostname"], int(address["port"])), url.get("path", "").rstrip("/")


def _in_list(agent: _ListedAgent) -> tuple[Address, str]:
    """The same from the master's list."""
    name, _, address = agent.pid.partition("@")
    return parse_address(address), f"/{name}"
