"""The driver: pymesos' scheduler driver with its transport replaced. It subscribes to the master and sends calls.

pymesos' own transport would tear the framework down - kill every pod - on any exception, never notice a dead
connection, and block for a day in a call. Nothing here ever tears the framework down. ADR 1 says what of pymesos is
still in use.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog

from scheduler.core.effects import Accept, Acknowledge, ListAgents, ListFrameworks, Revive, SetRoles, Suppress
from scheduler.core.events import Event
from scheduler.loop.ports import Lease, MesosCall, Question, Secrets
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.callbacks import Callbacks
from scheduler.mesos.calls import update_framework
from scheduler.mesos.connection import ConnectionEndedError
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.delivery import NO_LEASE, Route
from scheduler.mesos.follower import JOIN_TIMEOUT, Follower
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.mesos.library import MesosSchedulerDriver
from scheduler.mesos.requests import Call, head, request
from scheduler.mesos.roles import Roles
from scheduler.mesos.secrets import Forbids, Launches, nothing
from scheduler.mesos.service_account import LoginError
from scheduler.mesos.timing import DEFAULT, Timing
from scheduler.mesos.tls import Tls
from scheduler.model.json import Json

_log = structlog.get_logger("scheduler.mesos")


def _ignore(_message: str) -> None:
    _log.info("message of an executor ignored")


class Driver(Follower):
    """Subscribes to the leading master and sends calls to it. Starts once; ``stop`` leaves the tasks running.

    ``submit`` receives the events, several at a time if they arrived together, and ``failed`` the error that ended the
    driver; both are called on other threads. ``secrets`` has the values that launches refer to; without it the
    references themselves are sent; ``forbids`` says why a pod may not use one of them. ``messages`` receives the
    messages of executors, in base64. Without the ``lease`` it neither subscribes nor sends; None: it always may.
    """

    def __init__(
        self,
        identity: FrameworkIdentity,
        master: str,
        submit: Callable[[Sequence[Event]], None],
        failed: Callable[[BaseException], None],
        *,
        framework_id: str | None = None,
        credentials: Credentials | None = None,
        tls: Tls | None = None,
        secrets: Secrets | None = None,
        forbids: Forbids = nothing,
        timing: Timing = DEFAULT,
        messages: Callable[[str], None] = _ignore,
        lease: Lease | None = None,
    ) -> None:
        self._credentials = credentials or Credentials()

        def submit_one(event: Event) -> None:
            submit((event,))

        self._agents = AgentProbe(submit_one, self._credentials, tls, answer=submit_one)
        info = identity.info()
        if framework_id is not None:
            info["id"] = {"value": framework_id}
        heard: list[Event] = []  # on the driver's thread, and not submitted yet
        callbacks = Callbacks(heard.append, self._agents, messages)
        launches = Launches(secrets, submit, self.perform_all, forbids)
        route = Route(self._connect, self._credentials, timing.call, launches.prepare, launches.refused, lease)
        super().__init__(callbacks, heard, info, master, route, submit, failed, timing, tls)
        self._roles = Roles(info["roles"])

    # -------------------------------------------------------------------- for the event loop

    def perform(self, effect: MesosCall) -> None:
        """``perform_all`` for one effect."""
        self.perform_all((effect,))

    def perform_all(self, effects: Sequence[MesosCall]) -> None:
        """Queue the calls for these effects. Without a subscription they are dropped: the core repeats them later."""
        with self._lock:
            calls = [call for effect in effects if (call := self._call(effect)) is not None]
            if calls and not (self._may_act() and self._sender.send(calls)):
                _log.info("not subscribed, calls dropped", calls=len(calls))

    def tell_executor(self, agent_id: str, executor_id: str, data: str) -> None:
        """Send an executor a message, in base64. It may be lost, and without a subscription it is."""
        self.sendFrameworkMessage({"value": executor_id}, {"value": agent_id}, data)

    def start(self) -> None:
        """Start to look for the master; returns at once."""
        self._sender.start()
        super(MesosSchedulerDriver, self).start()
        if self._detector is not None:
            self._detector.start()

    def stop(self, failover: bool = True) -> None:
        """End the subscription. The tasks keep running for ``failover_timeout``. pymesos' ``failover=False`` is not
        supported.
        """
        if not failover:
            raise ValueError("podexec never tears its framework down: remove the pods instead")
        if self._detector is not None:
            self._detector.stop()
        super(MesosSchedulerDriver, self).stop()

    def join(self) -> None:
        """Wait, with a timeout, until the driver's thread has ended; returns at once when called on that thread."""
        if self._io_thread is not None and self._io_thread is not threading.current_thread():
            self._io_thread.join(JOIN_TIMEOUT)

    # -------------------------------------------------------- pymesos' methods, overridden

    @property
    def framework(self) -> Json:
        """The FrameworkInfo exactly as configured: pymesos would add GPU_RESOURCES."""
        return dict(self._framework)

    def gen_request(self) -> bytes:
        """The SUBSCRIBE call. Roles that do not want offers stay suppressed. Raises ConnectionEndedError."""
        if self._lease is not None and not self._lease.holds():
            raise ConnectionEndedError(NO_LEASE)
        with self._lock:
            info = self.framework
            subscribe: Json = {"framework_info": info, "suppressed_roles": self._roles.suppressed}
            self._roles.sent()
        body: Json = {"type": "SUBSCRIBE", "subscribe": subscribe}
        if "id" in info:
            body["framework_id"] = info["id"]
        data = orjson.dumps(body)
        try:
            authorization = self._credentials.authorization(now=True)
        except LoginError as error:
            raise ConnectionEndedError(f"no credentials: {error}") from error
        return request(head(self.master, authorization, Connection="close"), data)

    def on_heartbeat(self) -> None:
        """Use the heartbeats to list the master's agents from time to time."""
        self._agents.look_again()

    def _send(self, body: Json, *_: Any, **__: Any) -> Json:
        """Send the calls of pymesos' methods in the same way as others."""
        self._sender.send((body,))
        return {}

    def _run(self) -> None:
        try:
            super()._run()
        finally:
            self._agents.stop()

    # ------------------------------------------------------------------------ helpers

    def _call(self, effect: MesosCall) -> Call | None:
        """The call for an effect, if there is one. Under the lock."""
        match effect:
            case Acknowledge() | Accept():  # most are
                return effect
        if isinstance(effect, SetRoles):
            return self._set_roles(list(effect.roles))
        if isinstance(effect, ListAgents | ListFrameworks):
            self._ask_master(effect)
            return None
        if isinstance(effect, Revive):
            self._roles.revive(effect.roles)
        elif isinstance(effect, Suppress):
            self._roles.suppress(effect.roles)
        return effect

    def _ask_master(self, question: Question) -> None:
        """Ask on a connection of its own. Under the lock."""
        if self._subscription is None:
            return
        master = self._subscription.master
        if isinstance(question, ListAgents):
            self._agents.look_around(master)
        else:
            self._agents.look_for_namesakes(master, str(self._framework["name"]), self._subscription.framework_id)

    def _set_roles(self, roles: list[str]) -> Call | None:
        """Change the roles of every later subscription, and of the current one unless it has them already."""
        self._framework["roles"] = roles
        self._roles.replace(roles)
        if self._subscription is None or self._roles.are_sent:
            return None
        self._roles.sent()
        return update_framework(self.framework, self._roles.suppressed)
