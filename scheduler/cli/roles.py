"""A scheduler that is one of several: a standby until it is elected, then the leader until it no longer may.

The process lasts longer than its roles: the API is served all the time, by the app of the current role. A leader that
loses its lease, the store, or its wish to lead becomes a standby again. It ends with an error only for what another
scheduler could not do better: a store that cannot be read, a framework that Mesos refuses, a fault of its own.
"""

import asyncio
import contextlib
import secrets
import time
from importlib.metadata import version
from typing import Any, NoReturn

import structlog
from msgspec.structs import replace
from starlette.types import ASGIApp, Receive, Scope, Send

from scheduler.cli.following import Following
from scheduler.cli.life import announce, stop_signal
from scheduler.cli.relaying import tls_for_leader
from scheduler.cli.resources import Resources
from scheduler.cli.server import api_server
from scheduler.cli.standby import StandbyApps
from scheduler.cli.standing import Standing
from scheduler.cli.term import Term
from scheduler.core.replication import records_of, take_over
from scheduler.core.settings import Settings
from scheduler.loop.event_loop import LeadLostError, LoopError
from scheduler.store import StoreError
from scheduler.store.replicated import BehindError
from scheduler.store.zookeeper.session import LostError
from scheduler.store.zookeeper.store import ZooKeeperStore

_FLUSH = 2.0  # seconds for the last commits of a leader that leaves
_PAUSE = 1.0  # before it begins again after an error
_SESSIONS = 2.0  # session timeouts that an elected scheduler waits for the last writer's session to end
_log = structlog.get_logger("scheduler")


class Front:
    """The API of a process: that of its current role."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. A role that ends meanwhile still answers its own."""
        await self.app(scope, receive, send)


class StoreLease:
    """The right to lead, as long as nobody else can write the store."""

    def __init__(self, store: ZooKeeperStore) -> None:
        self._store = store

    def holds(self) -> bool:
        """Whether it has not run out."""
        return time.monotonic() < self._store.lease()

    async def runs_out(self) -> None:
        """Return when it has run out."""
        while (left := self._store.lease() - time.monotonic()) > 0:
            await asyncio.sleep(left)


async def run_among_several(resources: Resources) -> None:
    """Serve until a signal. Raises LoopError or StoreError."""
    with stop_signal() as stop:
        roles = Roles(resources, stop)
        server = api_server(roles.front, resources.room, resources.serving.api_tls)
        serving = asyncio.create_task(server.serve([resources.listening]))
        playing = asyncio.create_task(roles.play())
        try:
            await asyncio.wait((serving, playing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
            try:
                await playing
            finally:
                server.should_exit = True
                roles.end_streams()
                await serving
                await roles.close()


class Roles:
    """The roles of this process, one after the other.

    Attributes:
        front: the API.
    """

    def __init__(self, resources: Resources, stop: asyncio.Event) -> None:
        self._resources = resources
        self._stop = stop
        self._standing = Standing(resources.url)
        self._following: Following | None = None
        self.front = Front(_not_yet)
        self._apps = StandbyApps(resources, self._standing, self.front, tls_for_leader(resources.serving.options))

    async def play(self) -> None:
        """Be a standby and a leader, again and again, until told to stop. Raises LoopError or StoreError."""
        options = self._resources.serving.options
        is_first = True
        while not self._stop.is_set():
            self._following = following = Following(self._settings(), self._standing, self._resources.url)
            self.front.app = self._apps.app_over(following)
            if is_first:
                announce(self._resources, following.world)
                is_first = False
            begun = asyncio.create_task(self._one(following, options.store, options.zk_session_timeout))
            stopping = asyncio.create_task(self._stop.wait())
            try:
                await asyncio.wait((begun, stopping), return_when=asyncio.FIRST_COMPLETED)
                if not begun.done() and not self._standing.leads:
                    begun.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await begun
                else:
                    await begun
            finally:
                stopping.cancel()
                self._standing.forget()
                await following.close()

    def end_streams(self) -> None:
        """End the answers that last: those of leaders, which a standby passes on."""
        self._standing.end()

    async def close(self) -> None:
        """Close the connections to other schedulers."""
        await self._apps.close()

    # ------------------------------------------------------------------------ helpers

    def _settings(self) -> Settings:
        """The settings with the policy that was read last."""
        serving = self._resources.serving
        policy = serving.settings.policy if serving.policy_file is None else serving.policy_file.policy
        return replace(serving.settings, policy=policy)

    async def _one(self, following: Following, url: str, timeout: float) -> None:
        """One session with the store: a standby, and perhaps a leader. Raises LoopError or StoreError."""
        try:
            store = await following.open(lambda: ZooKeeperStore(url, timeout=timeout))
            self.front.app = self._apps.app_over(following)
            _log.info("standby", url=self._resources.url, pods=len(following.world.pods))
            following.enter_election(store)
            await following.until_elected(store)
            while not await following.takes_over(store, _SESSIONS * timeout):
                await asyncio.sleep(_PAUSE)
                await following.until_elected(store)
            await self._lead(following, store)
        except BehindError as error:
            _log.info("the log was compacted, loading the store again", error=str(error))
        except LostError as error:
            _log.error("lost the store, waiting for it as a standby", error=str(error))
            await asyncio.sleep(_PAUSE)

    async def _lead(self, following: Following, store: ZooKeeperStore) -> None:
        """Lead until told to stop or to abdicate, or until the lease runs out. Raises LoopError."""
        lease, abdicating = StoreLease(store), asyncio.Event()
        if (policy_file := self._resources.serving.policy_file) is not None:
            await asyncio.to_thread(policy_file.changed)  # only a leader watches it
        term = self._term(following, store, lease, abdicating)
        looping = term.start()
        self.front.app = term.app
        self._standing.led(lambda: store.position)
        _log.info("leading", url=self._resources.url, epoch=store.epoch, pods=len(following.world.pods))
        ends = [
            looping,
            *map(asyncio.create_task, (self._stop.wait(), abdicating.wait(), lease.runs_out(), following.overtaken())),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            self._log_end(lease, abdicating, ends[-1])
        finally:
            for each in ends[1:]:
                each.cancel()
            await self._leave(following, store, term, lease)

    def _term(self, following: Following, store: ZooKeeperStore, lease: StoreLease, abdicating: asyncio.Event) -> Term:
        world, settings, seed = following.world, self._settings(), secrets.randbits(64)
        take_over(world, settings.policy, seed)
        if self._resources.recorder is not None:
            records = records_of(world)
            self._resources.recorder.begin(version("podexec"), time.time(), seed, settings, records)
        return Term(
            self._resources,
            world,
            store,
            following.bus,
            time.time(),
            abdicating.set,
            lease=lease,
            leadership=self._standing,
        )

    def _log_end(self, lease: StoreLease, abdicating: asyncio.Event, overtaken: "asyncio.Future[Any]") -> None:
        if not lease.holds():
            _log.error("this scheduler no longer leads: it lost the store, and has done nothing since")
        elif abdicating.is_set():
            _log.warning("abdicating at a user's request")
        elif overtaken.done():
            _log.warning("another scheduler is elected, leaving the lead to it: was a node in ZooKeeper deleted?")

    async def _leave(self, following: Following, store: ZooKeeperStore, term: Term, lease: StoreLease) -> None:
        """Let another scheduler lead: at once if it is known to do nothing more, else once all is durable."""
        may_commit = lease.holds()
        if not may_commit:
            term.event_loop.fail_threadsafe(LeadLostError("this scheduler no longer leads; try again"))
            closing = asyncio.create_task(following.close())
        else:
            closing = asyncio.create_task(following.resign())
        self._standing.forget()
        self.front.app = self._apps.app_over(Following(self._settings(), self._standing, self._resources.url))
        term.end_streams()
        ending = asyncio.ensure_future(term.end())
        try:
            async with asyncio.timeout(_FLUSH):
                await asyncio.shield(ending)
        except TimeoutError:
            _log.error("the last changes were not stored in time; their requests were not answered")
        except LoopError as error:
            if may_commit and not isinstance(error, LeadLostError) and not isinstance(error.__cause__, StoreError):
                raise
            _log.warning("the event loop has ended", reason=str(error))
        finally:
            await closing
            await following.close()
            await asyncio.wait((ending,))  # without its store it ends soon
            if not ending.cancelled():
                ending.exception()  # or asyncio would say that nobody has seen it
            await term.close()


async def _not_yet(scope: Scope, receive: Receive, send: Send) -> NoReturn:
    raise AssertionError("the first role has an app before the server starts")
