"""Queries a cluster's members, and waits until they reach a state.

Every wait has a deadline, and fails with an error that shows the members' logs.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from localmesos import vanishing
from localmesos.errors import ClusterError
from localmesos.state import ClusterState, Member

START_SECONDS = 30.0
REGISTER_SECONDS = 60.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.25  # members log every request, so poll less and less often
TAIL_LINES = 15


def get_json(address: str, path: str, timeout: float = 2.0) -> Any:
    """A member's answer to GET; None unless it is 200."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return json.loads(response.read()) if response.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def accepts(address: str) -> bool:
    """Whether a port accepts connections."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def forget_images(agents: Sequence[Member]) -> list[str]:
    """Let agents forget what they have pulled, except what running containers use, so that they ask for it again.

    Returns the ids of those that did not: an agent that does not run, or that pulls an image at this moment.
    https://mesos.apache.org/documentation/latest/operator-http-api/#prune_images
    """
    kept = []
    for agent in agents:
        host, _, port = agent.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request("POST", "/api/v1", '{"type": "PRUNE_IMAGES"}', {"Content-Type": "application/json"})
            if connection.getresponse().status != http.client.OK:
                kept.append(agent.id)
        except (OSError, http.client.HTTPException):
            kept.append(agent.id)
        finally:
            connection.close()
    return kept


def answers(member: Member) -> bool:
    """Whether a master or agent answers requests."""
    return get_json(member.address, "/version") is not None


def is_leader(master: Member) -> bool:
    """Whether a master leads: others redirect or reject this request."""
    return get_json(master.address, "/slaves") is not None


def has_joined(master: Member) -> bool:
    """Whether a master has recovered the registry's log, and so counts for the quorum of an election."""
    metrics = get_json(master.address, "/metrics/snapshot")
    return metrics is not None and metrics.get("registrar/log/recovered") == 1.0


def leader(current: ClusterState) -> Member | None:
    """The leading master; None while there is none."""
    return next((master for master in current.of_kind("master") if is_leader(master)), None)


def registered_agents(current: ClusterState) -> set[str]:
    """Ids of the agents that the leading master lists as active."""
    for master in current.of_kind("master"):
        if (answer := get_json(master.address, "/slaves")) is not None:
            active = {slave["pid"].partition("@")[2] for slave in answer["slaves"] if slave["active"]}
            return {agent.id for agent in current.of_kind("agent") if agent.address in active}
    return set()


def wait_leader(current: ClusterState, timeout: float = START_SECONDS) -> Member:
    """Wait until a running master leads, and return it."""
    alive = [master for master in current.of_kind("master") if master.alive]
    found: list[Member] = []

    def look() -> bool:
        found.extend(filter(is_leader, alive))
        return bool(found)

    wait(look, "no master leads", alive, timeout)
    return found[0]


def wait_unused(member: Member, timeout: float = START_SECONDS) -> None:
    """Wait until nothing listens at the address of a killed member. A child that it had just forked keeps the sockets
    until it runs its program.
    """
    host, _, port = member.address.rpartition(":")
    wait(lambda: not _listens(host, int(port)), f"something else listens at {member.address}", [], timeout)


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def wait_joined(masters: Sequence[Member], timeout: float = START_SECONDS) -> None:
    """Wait until the masters can take over from each other."""
    problem = f"not all of {', '.join(master.id for master in masters)} have recovered the registry's log"
    wait(lambda: all(map(has_joined, masters)), problem, masters, timeout)


def wait_registered(current: ClusterState, agent_ids: Sequence[str], timeout: float = REGISTER_SECONDS) -> None:
    """Wait until the agents are active."""
    agents = [current.member(agent_id) for agent_id in agent_ids]
    wanted = set(agent_ids)
    missing = f"not all of {', '.join(sorted(wanted))} are registered"
    masters = [master for master in current.of_kind("master") if master.alive]
    wait(lambda: wanted <= registered_agents(current), missing, [*agents, *masters], timeout)


def wait(ready: Callable[[], bool], problem: str, members: Sequence[Member], timeout: float) -> None:
    """Wait until `ready`. Raises ClusterError with the members' logs if a member ends or at the deadline."""
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE_SECONDS
    while not ready():
        for member in members:
            if not member.alive:
                raise ClusterError(f"{member.id} has ended; the end of its log:\n{tail(member, TAIL_LINES)}")
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {member.id}\n{tail(member, TAIL_LINES)}" for member in members)
            raise ClusterError(f"{problem} after {timeout:.0f} s; the ends of the logs:\n{logs}")
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def tail(member: Member, lines: int) -> str:
    """The last lines of a member's log."""
    return "\n".join((vanishing.read(member.log) or "").splitlines()[-lines:])
