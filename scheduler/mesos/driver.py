"""The connection to the master: pymesos' scheduler driver with its transport replaced.

Of pymesos it keeps the callbacks and the bodies of its calls. The thread that follows the event stream, the sending
of calls and the finding of the leader are here, because pymesos' own would tear the framework down - kill every pod -
on any exception, never notice a dead connection, and block for a day in a call. Nothing here ever tears down.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
import structlog

from scheduler.core.effects import ListAgents, ListFrameworks, Revive, SetRoles, Suppress
from scheduler.core.events import Event
from scheduler.loop.ports import MesosCall, Question, Secrets
from scheduler.mesos.address import Address, parse_address, parse_masters
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.callbacks import Callbacks
from scheduler.mesos.calls import update_framework
from scheduler.mesos.codec import MalformedError, parsed, value_of
from scheduler.mesos.connection import (
    Connection,
    ConnectionEndedError,
    InterruptedWaitError,
    Wakeup,
    connection,
)
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.delivery import Route, Subscription
from scheduler.mesos.detector import Detector
from scheduler.mesos.dialer import Dialer
from scheduler.mesos.dispatch import Dispatch
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.mesos.library import MesosSchedulerDriver
from scheduler.mesos.recordio import Record
from scheduler.mesos.requests import Call, head, request
from scheduler.mesos.secrets import Launches
from scheduler.mesos.sender import Sender
from scheduler.mesos.stream import RedirectedError, Stream, SubscriptionRefusedError
from scheduler.mesos.threads import run_guarded
from scheduler.mesos.tls import Tls
from scheduler.model.json import Json
from scheduler.model.shapes import amount, shown

_ZOOKEEPER = "zk://"
_OUR_FAULT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_MAX_REFUSALS = 5
_JOIN = 5.0
_LONGEST_HEARTBEAT = 3600.0
_LONGEST_REASON = 2000
_log = structlog.get_logger("scheduler.mesos")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    Attributes:
        connect: for a connection to be made.
        call: for a call to be answered.
        heartbeat: expected between signs of life until the master says how often it gives one.
        missed_heartbeats: how many may be missing.
        first_pause: before the second try; later ones double, each shortened at random by up to a half.
        longest_pause: between two tries.
    """

    connect: float = 5.0
    call: float = 10.0
    heartbeat: float = 15.0
    missed_heartbeats: int = 5
    first_pause: float = 0.5
    longest_pause: float = 15.0


def _unheard(message: str) -> None:
    _log.info("an executor's message was ignored")


class Driver(Dispatch):
    """Follows the leading master and carries calls to it. Starts once; ``stop`` leaves the framework's tasks running.

    ``submit`` gets the events, several at a time where they came so, and ``failed`` the error that ended the driver;
    both are called by other threads. ``secrets`` has the values that launches refer to; without it the references
    themselves are sent. ``messages`` gets what executors say, in base64.
    """

    # pymesos' own attributes, which have no types.
    framework_id: Any
    stream_id: Any
    _wakeup_fds: Any

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
        timing: Timing = Timing(),
        messages: Callable[[str], None] = _unheard,
    ) -> None:
        self._credentials = credentials or Credentials()
        self._tls = tls

        def heard(event: Event) -> None:
            submit((event,))

        self._agents = AgentProbe(heard, self._credentials, tls, answer=heard)
        self._heard: list[Event] = []  # on the driver's thread, and not yet submitted
        info = identity.info()
        if framework_id is not None:
            info["id"] = {"value": framework_id}
        super().__init__(
            Callbacks(self._heard.append, self._agents, messages),
            info,
            master,
            use_addict=False,
            implicit_acknowledgements=False,
            failover=True,
        )
        self._submit = submit
        self._failed = failed
        self._timing = timing
        launches = Launches(secrets, submit, self.perform_all)
        route = Route(self._connect, self._credentials, timing.call, launches.prepare, launches.refused)
        self._sender = Sender(route, self._give_up, failed)
        self._dialer = Dialer(_masters(master), timing.first_pause, timing.longest_pause)
        self._detector = Detector(master, self._lead, failed) if master.startswith(_ZOOKEEPER) else None
        self._address: Address | None = None
        self._stream: Stream | None = None
        self._subscription: Subscription | None = None
        self._turn_away: str | None = None  # why the present stream, or pause, is to end
        self._wanting_offers: set[str] = set()  # of the roles
        self._told_roles: list[str] = []  # to the master, on the present stream
        self._refusals = 0
        self._subscribed_at = 0.0

    # ------------------------------------------------------------------- for the shell

    def perform(self, effect: MesosCall) -> None:
        """``perform_all`` of one."""
        self.perform_all((effect,))

    def perform_all(self, effects: Sequence[MesosCall]) -> None:
        """Queue the calls the effects ask for; dropped without a subscription: the core asks again after the next."""
        with self._lock:
            calls = [call for effect in effects if (call := self._call(effect)) is not None]
            if calls and not self._sender.send(calls):
                _log.info("no subscription: calls dropped", calls=len(calls))

    def tell_executor(self, agent_id: str, executor_id: str, data: str) -> None:
        """Send an executor a message, in base64. It may be lost, and is without a subscription."""
        self.sendFrameworkMessage({"value": executor_id}, {"value": agent_id}, data)

    def start(self) -> None:
        """Begin to look for the master; returns at once."""
        self._sender.start()
        super(MesosSchedulerDriver, self).start()
        if self._detector is not None:
            self._detector.start()

    def stop(self, failover: bool = True) -> None:
        """End the subscription. The tasks run on, for ``failover_timeout``; pymesos' ``failover=False`` is not
        supported.
        """
        if not failover:
            raise ValueError("podexec never tears its framework down: remove the pods instead")
        if self._detector is not None:
            self._detector.stop()
        super(MesosSchedulerDriver, self).stop()

    def join(self) -> None:
        """Wait, for a bounded time, until the driver's thread has ended; at once when called by that thread."""
        if self._io_thread is not None and self._io_thread is not threading.current_thread():
            self._io_thread.join(_JOIN)

    # ------------------------------------------------------------- pymesos' seams, repaired

    @property
    def framework(self) -> Json:
        """The FrameworkInfo exactly as configured: pymesos would add GPU_RESOURCES."""
        return dict(self._framework)

    def change_master(self, master: str | None) -> None:
        """Follow this master from now on; None: none leads."""
        self._lead(None if master is None else parse_address(master))

    def gen_request(self) -> bytes:
        """The SUBSCRIBE call. Roles stay suppressed over a reconnection while they want nothing."""
        with self._lock:
            info = self.framework
            subscribe: Json = {"framework_info": info, "suppressed_roles": self._suppressed()}
            self._told_roles = info["roles"]
        body: Json = {"type": "SUBSCRIBE", "subscribe": subscribe}
        if "id" in info:
            body["framework_id"] = info["id"]
        data = orjson.dumps(body)
        return request(head(self.master, self._credentials.authorization(now=True), Connection="close"), data)

    def on_subscribed(self, info: Json) -> None:
        """The subscription is granted: calls can be sent, and the back-off starts over."""
        assert self._address is not None
        assert self._stream is not None
        try:
            framework_id = value_of(info.get("framework_id"), "framework_id")
        except MalformedError as error:  # without it nothing can be done on this stream
            raise ConnectionEndedError(f"the master granted a subscription that cannot be read: {error}") from error
        is_known = self.framework_id is not None
        self.framework_id = framework_id
        self._stream.silence = self._heartbeat(info) * self._timing.missed_heartbeats
        with self._lock:
            self._dialer.subscribed()
            self._subscribed_at = time.monotonic()
            self._refusals = 0
            self._subscription = Subscription(self._address, self.stream_id, framework_id)
            self._sender.subscribed(self._subscription)
        master: Json = {"hostname": self._address.host, "port": self._address.port}
        told = info.get("master_info")
        master_info: Json = told if isinstance(told, dict) else {}
        version = master_info.get("version")
        if version and isinstance(version, str):
            # Not kept in self.version, which pymesos would take apart at every offer.
            master["version"] = version
        if "domain" in master_info:
            master["domain"] = master_info["domain"]
        if is_known:
            self.sched.reregistered(self, master)
        else:
            self.sched.registered(self, info["framework_id"], master)

    def _heartbeat(self, info: Json) -> float:
        """How often this master gives a sign of life, in seconds."""
        told = info.get("heartbeat_interval_seconds")
        if told and amount(told) is None and told <= _LONGEST_HEARTBEAT:
            return float(told)
        return self._timing.heartbeat

    def on_heartbeat(self) -> None:
        """The master is there: a time to see whether all its agents are."""
        self._agents.look_again()

    def on_error(self, event: Json) -> None:
        """The master will have nothing more to do with this framework, or with this scheduler: to go on would be a
        loop.
        """
        with self._lock:
            self._started = False
        message = event.get("message", "no reason given")
        self.sched.error(self, message[:_LONGEST_REASON] if isinstance(message, str) else shown(message))

    def _send(self, body: Json, *_: Any, **__: Any) -> Json:
        """pymesos' calls take the same way as ours."""
        self._sender.send((body,))
        return {}

    def _notify(self) -> None:
        with self._lock:
            if self._wakeup_fds:
                with contextlib.suppress(BlockingIOError):  # full of wake-ups already
                    os.write(self._wakeup_fds[1], b"\0")

    # --------------------------------------------------------------- the driver's thread

    def _run(self) -> None:
        reader, writer = self._wakeup_fds
        for fileno in (reader, writer):
            os.set_blocking(fileno, False)
        wakeup = Wakeup(reader, self._is_interrupted)
        try:
            run_guarded("mesos-events", lambda: self._follow_masters(wakeup), self._failed)
        finally:
            with self._lock:
                self._started = False
                self._wakeup_fds = None
            self._agents.stop()
            self._sender.stop(_JOIN)
            os.close(reader)
            os.close(writer)

    def _follow_masters(self, wakeup: Wakeup) -> None:
        while not self.aborted:
            with self._lock:
                self._turn_away = None
                self._address = address = self._dialer.target()
            with contextlib.suppress(InterruptedWaitError):
                wakeup.sleep(None if address is None else self._follow(address, wakeup))

    def _follow(self, address: Address, wakeup: Wakeup) -> float:
        """Subscribe and hear events until the stream ends; gives the seconds to wait before the next."""
        self._master = str(address)
        try:
            with self._connect(address, wakeup) as connected:
                self._stream = stream = Stream(connected, self._timing.heartbeat * self._timing.missed_heartbeats)
                self.stream_id = stream.open(self.gen_request())
                for records in stream.records():
                    self._hear(records)
        except RedirectedError as redirect:
            _log.info("redirected", master=self._master, to=str(redirect.address))
            with self._lock:
                return self._dialer.redirected(redirect.address)
        except SubscriptionRefusedError as refusal:
            return self._refused(refusal)
        except ConnectionEndedError as end:
            return self._again(str(end))
        except InterruptedWaitError:
            return self._turned_away(address)
        finally:
            self._stream_over()
        raise AssertionError("a stream of records ends only by an exception")

    def _hear(self, records: Iterable[Record]) -> None:
        """Take in what was received at once, and submit what it means at once."""
        try:
            for record in records:
                self._hear_one(record)
        finally:
            self._submit_heard()

    def _hear_one(self, record: Record) -> None:
        try:
            event = parsed(record)
        except MalformedError as error:
            _log.error("an event could not be read, skipping it", error=str(error))
            return
        except ValueError as error:
            raise ConnectionEndedError(f"the master sent an event that is not JSON: {shown(str(error))}") from error
        try:
            self.process_event(event)
        except MalformedError as error:
            _log.error(
                "an event could not be read, skipping it",
                type=event.get("type"),
                error=str(error),
                record=shown(record),
            )
        if not self._started:
            raise InterruptedWaitError

    def _submit_heard(self) -> None:
        if self._heard:
            heard = tuple(self._heard)
            self._heard.clear()
            self._submit(heard)

    def _stream_over(self) -> None:
        with self._lock:
            was_subscribed = self._subscription is not None
            self._subscription = self._stream = None
            self.stream_id = None
            self._sender.unsubscribed()
        if was_subscribed:
            self.on_close()
        self._submit_heard()

    def _turned_away(self, address: Address) -> float:
        """The stream was left on purpose: for another master at once, for the same one after a pause."""
        with self._lock:
            if not self._started:
                return 0.0
            goes_elsewhere = self._dialer.target() != address
            why = str(self._turn_away)
            useless = self._subscription is not None
        if goes_elsewhere:
            _log.info("left the master", master=self._master, reason=why)
            return 0.0
        return self._again(why, useless=useless)

    def _again(self, why: str, *, useless: bool = False) -> float:
        """What failed is tried again; ``useless``: it was a subscription, but nothing could be done with it."""
        with self._lock:
            held = time.monotonic() - self._subscribed_at
            pause = self._dialer.useless(held) if useless else self._dialer.failed()
        _log.warning("not connected to the master", master=self._master, reason=why, again_in=round(pause, 1))
        return pause

    def _refused(self, refusal: SubscriptionRefusedError) -> float:
        if refusal.status in _OUR_FAULT:
            self._refusals += 1
            if self._refusals >= _MAX_REFUSALS:
                self.on_error({"message": f"the master at {self._master} does not let this framework in: {refusal}"})
        return self._again(str(refusal))

    # ------------------------------------------------------------------------ helpers

    def _connect(self, address: Address, wakeup: Wakeup) -> AbstractContextManager[Connection]:
        return connection(address, self._tls, wakeup, self._timing.connect)

    def _call(self, effect: MesosCall) -> Call | None:
        """What to send for an effect, if anything. Under the lock."""
        if isinstance(effect, SetRoles):
            return self._set_roles(list(effect.roles))
        if isinstance(effect, ListAgents | ListFrameworks):
            self._ask_master(effect)
            return None
        if isinstance(effect, Revive):
            self._wanting_offers.update(effect.roles)
        elif isinstance(effect, Suppress):
            self._wanting_offers.difference_update(effect.roles)
        return effect

    def _ask_master(self, question: Question) -> None:
        """Beside the stream. Under the lock."""
        if self._subscription is None:
            return
        master = self._subscription.master
        if isinstance(question, ListAgents):
            self._agents.look_around(master)
        else:
            self._agents.look_for_namesakes(master, str(self._framework["name"]), self._subscription.framework_id)

    def _set_roles(self, roles: list[str]) -> Call | None:
        """Change the roles of every subscription from now on, and of the present one unless it has them."""
        self._framework["roles"] = roles
        self._wanting_offers.intersection_update(roles)
        if self._subscription is None or roles == self._told_roles:
            return None
        self._told_roles = roles
        return update_framework(self.framework, self._suppressed())

    def _suppressed(self) -> list[str]:
        return [role for role in self._framework["roles"] if role not in self._wanting_offers]

    def _is_interrupted(self) -> bool:
        with self._lock:
            return not self._started or self._turn_away is not None

    def _lead(self, master: Address | None) -> None:
        """A new leader ends the stream to the old one, even one that looks alive; that nobody leads does not."""
        with self._lock:
            self._dialer.leads(master)
            if master is None or (master == self._address and self._subscription is not None):
                return
            self._turn_away = f"{master} leads now"
        self._notify()

    def _give_up(self, subscription: Subscription, why: str) -> None:
        with self._lock:
            if self._subscription is not subscription:
                return
            self._turn_away = why
        self._notify()


def _masters(master: str) -> tuple[Address, ...]:
    return () if master.startswith(_ZOOKEEPER) else parse_masters(master)
