"""The term of a leader: event loop, connection to Mesos, and API over a world whose store only this process writes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version

from scheduler.api.app import create_app
from scheduler.api.info import ServerInfo
from scheduler.api.inside.guard import Guard
from scheduler.api.leadership import Leadership
from scheduler.cli.configuration import Serving, configuration
from scheduler.cli.policy_file import watch
from scheduler.cli.resources import Resources
from scheduler.core import clock as core_clock
from scheduler.core.events import Event
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.inside import Edge
from scheduler.inside.executors import Executors
from scheduler.inside.inspector import Inspector
from scheduler.inside.master import Leader
from scheduler.loop.bus import Bus
from scheduler.loop.clock import Clock
from scheduler.loop.event_loop import EventLoop
from scheduler.loop.ports import Commits, Lease
from scheduler.mesos.driver import Driver
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.model.policy.judgement import of_secrets
from scheduler.observe.metrics import Metrics


class Term:
    """The parts of a leader, not started yet.

    Attributes:
        app: its API.
    """

    def __init__(
        self,
        resources: Resources,
        world: World,
        store: Commits,
        bus: Bus,
        wall: float,
        abdicate: Callable[[], None],
        *,
        lease: Lease | None = None,
        leadership: Leadership | None = None,
    ) -> None:
        """``wall``: the time now. ``abdicate`` is called when a user wants it to. ``lease`` and ``leadership``: None:
        there is only this scheduler.
        """
        serving, recorder = resources.serving, resources.recorder
        self._serving = serving

        def submit(events: Sequence[Event]) -> None:
            self.event_loop.submit_all_threadsafe(events)

        def failed(error: BaseException) -> None:
            self.event_loop.fail_threadsafe(error)

        def heard(message: str) -> None:
            executors.heard(message)

        def forbids(pod_id: str, secret: str) -> str | None:
            return of_secrets(world.volatile.policy, pod_id, secret)

        identity = identity_of(resources, world)
        self.driver = Driver(
            identity,
            serving.master,
            submit,
            failed,
            framework_id=world.framework.id if world.framework is not None else None,
            credentials=serving.credentials,
            tls=serving.tls,
            secrets=resources.source,
            forbids=forbids,
            messages=heard,
            lease=lease,
        )
        executors = Executors(self.driver.tell_executor)
        clock = Clock(core_clock.start(world, wall), world.skew)
        metrics = Metrics(world, clock.now, uptime=resources.uptime)
        self._edge = edge_of(serving, world, executors)
        self._inspector = Inspector(self._edge.last_lines, self._found)
        self.event_loop = EventLoop(
            world,
            step if recorder is None else recorder.recorded(step),
            store,
            self.driver,
            bus=bus,
            meter=metrics,
            inspector=self._inspector,
            clock=clock,
            lease=lease,
        )
        metrics.watch("podexec.loop.inbox.gauge", "Events that wait for the loop", lambda: self.event_loop.waiting)
        if leadership is not None:
            metrics.watch("podexec.leader.gauge", "1 if this scheduler leads, 0 if it is a standby", lambda: 1.0)
        self._guard = Guard(serving.allowed_inside, audit=resources.audit)
        self.app = create_app(
            self.event_loop,
            world,
            server_info(resources, identity),
            metrics=metrics,
            inside=self._edge,
            guard=self._guard,
            abdicate=abdicate,
            clock=clock.now,
            access=serving.access,
            audit=resources.audit,
            hosts=serving.hosts,
            proxies=serving.proxies,
            executor=resources.executor,
            leadership=leadership,
            ask_roles=self._edge.roles,
        )

    def start(self) -> "asyncio.Task[None]":
        """Start to lead. The returned task ends with the event loop, or its error."""
        self._looping = asyncio.create_task(self.event_loop.run())
        self._watching = asyncio.create_task(watch(self._serving.policy_file, self._found))
        self.driver.start()
        return self._looping

    def end_streams(self) -> None:
        """End the answers that last; otherwise the server would wait for them."""
        self._guard.stop()
        self.event_loop.bus.close()

    async def end(self) -> None:
        """End the loop once everything is durable. Raises LoopError if it failed."""
        self.event_loop.stop()
        await self._looping

    async def close(self) -> None:
        """End everything else. The tasks of pods keep running."""
        self.driver.stop()
        await asyncio.to_thread(self.driver.join)
        self._watching.cancel()
        await self._inspector.close()
        await self._edge.close()

    def _found(self, event: Event) -> None:
        self.event_loop.submit(event)


def identity_of(resources: Resources, world: World) -> FrameworkIdentity:
    """The framework's identity, with the values in use where options were left out."""
    serving, advertised = resources.serving, resources.advertised
    host = advertised.rpartition(":")[0]
    return replace(
        serving.identity,
        hostname=serving.identity.hostname or host.strip("[]"),
        webui_url=serving.identity.webui_url or f"{serving.scheme}://{advertised}",
        roles=world.roles(),
    )


def server_info(resources: Resources, identity: FrameworkIdentity) -> ServerInfo:
    """What the API shows of this process."""
    serving = resources.serving
    config = configuration(serving, identity, resources.room.connections)
    return ServerInfo(identity.name, version("podexec"), resources.advertised, config, serving.scheme)


def edge_of(serving: Serving, world: World, executors: Executors) -> Edge:
    """Access to containers, through the currently leading master."""

    def leader() -> Leader:
        connection, framework = world.volatile.connection, world.framework
        address = connection.master if connection.subscribed else None
        return Leader(address, framework.id if framework is not None else None)

    return Edge(leader, serving.credentials, serving.agent_credentials, serving.tls, executors)
