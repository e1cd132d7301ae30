"""The API of a standby, over a world that follows the log."""

import ssl
import time
from collections.abc import Callable

from starlette.types import ASGIApp

from scheduler.api.app import create_app
from scheduler.api.inside.guard import Guard
from scheduler.api.relay import Relay
from scheduler.api.relayed_socket import RelayedSockets
from scheduler.cli.following import Following
from scheduler.cli.resources import Resources
from scheduler.cli.standing import Standing
from scheduler.cli.term import edge_of, identity_of, server_info
from scheduler.core.effects import Answer
from scheduler.core.events import Event
from scheduler.inside.executors import Executors
from scheduler.loop.bus import Bus
from scheduler.loop.event_loop import LoopError
from scheduler.observe.metrics import Metrics


class StandbyApps:
    """Makes the apps of standbys, which share the connections to the leader."""

    def __init__(self, resources: Resources, standing: Standing, front: ASGIApp, tls: ssl.SSLContext | None) -> None:
        """``tls``: for leaders whose URL is https."""
        self._resources = resources
        self._standing = standing
        self._relay = Relay(standing, front, tls)
        self._sockets = RelayedSockets(standing, front, tls)

    def app_over(self, following: Following) -> ASGIApp:
        """The app over the world and the event stream of a standby."""
        resources, world = self._resources, following.world
        serving = resources.serving
        metrics = Metrics(world, time.time, uptime=resources.uptime, leads=False)
        metrics.watch("podexec.leader.gauge", "1 if this scheduler leads, 0 if it is a standby", lambda: 0.0)
        metrics.watch("podexec.standby.staleness.gauge.seconds", "Age of a standby's state, at most", self._staleness)
        return create_app(
            _NoLoop(following.bus),
            world,
            server_info(resources, identity_of(resources, world)),
            metrics=metrics,
            inside=edge_of(serving, world, Executors(_tell_nobody)),
            guard=Guard(serving.allowed_inside, audit=resources.audit),
            abdicate=_lead_nothing,
            clock=time.time,
            access=serving.access,
            audit=resources.audit,
            hosts=serving.hosts,
            proxies=serving.proxies,
            executor=resources.executor,
            leadership=self._standing,
            relay=self._relay,
            sockets=self._sockets,
        )

    async def close(self) -> None:
        """Close the connections to leaders."""
        await self._relay.close()

    def _staleness(self) -> float:
        return self._standing.staleness() or 0.0


class _NoLoop:
    """In place of the event loop: a standby changes nothing, and its world has nothing that is not durable."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    def submit(self, event: Event) -> None:
        """Only the leader counts the clients of the event stream."""

    async def request(self, make_event: Callable[[int], Event]) -> Answer:
        """Requests for changes are the leader's."""
        raise LoopError("this scheduler does not lead")

    async def durable(self) -> None:
        """Everything is."""


def _tell_nobody(agent_id: str, executor_id: str, data: str) -> None:
    """Only the leader's connection to Mesos reaches executors."""


def _lead_nothing() -> None:
    """A standby passes the request on to the leader."""
