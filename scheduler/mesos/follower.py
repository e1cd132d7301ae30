"""Follows the leading master: one subscription after the other, on the driver's own thread.

It reads the events of a stream until the stream ends, and subscribes again, at the same master or at another one. It
never gives up by itself, and never tears the framework down.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

import structlog

from scheduler.core.events import Event
from scheduler.mesos.address import Address, parse_address, parse_masters
from scheduler.mesos.callbacks import Callbacks
from scheduler.mesos.codec import MalformedError, parsed
from scheduler.mesos.connection import (
    Connection,
    ConnectionEndedError,
    InterruptedWaitError,
    Wakeup,
    connection,
)
from scheduler.mesos.delivery import NO_LEASE, Route, Subscription
from scheduler.mesos.detector import Detector
from scheduler.mesos.dialer import Dialer
from scheduler.mesos.dispatch import Dispatch
from scheduler.mesos.grant import read_grant
from scheduler.mesos.large_events import small_events
from scheduler.mesos.recordio import Record
from scheduler.mesos.sender import Sender
from scheduler.mesos.stream import RedirectedError, Stream, SubscriptionRefusedError
from scheduler.mesos.threads import run_guarded
from scheduler.mesos.timing import Timing
from scheduler.mesos.tls import Tls
from scheduler.mesos.typed_status import read_status
from scheduler.model.json import Json
from scheduler.model.shapes import shown

_ZOOKEEPER = "zk://"
_FAILED_OVER = "failed over"  # in the master's words, when another scheduler subscribed
_OUR_FAULT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_MAX_REFUSALS = 5
JOIN_TIMEOUT = 5.0
_log = structlog.get_logger("scheduler.mesos")


class Follower(Dispatch):
    """A driver as far as it follows masters. The calls of a subscription are sent by its ``_sender``."""

    # pymesos' own attributes, which have no types.
    framework_id: Any
    stream_id: Any
    _wakeup_fds: Any

    def __init__(
        self,
        callbacks: Callbacks,
        heard: list[Event],
        info: Json,
        master: str,
        route: Route,
        submit: Callable[[Sequence[Event]], None],
        failed: Callable[[BaseException], None],
        timing: Timing,
        tls: Tls | None,
    ) -> None:
        """``heard``: to which the callbacks add events; they are submitted together, as they were received."""
        super().__init__(callbacks, info, master, use_addict=False, implicit_acknowledgements=False, failover=True)
        self._heard = heard
        self._submit = submit
        self._failed = failed
        self._timing = timing
        self._tls = tls
        self._lease = route.lease
        self._sender = Sender(route, self._on_subscription_broken, failed)
        self._dialer = Dialer(_masters(master), timing.first_pause, timing.longest_pause)
        self._detector = Detector(master, self._on_leader, failed) if master.startswith(_ZOOKEEPER) else None
        self._address: Address | None = None
        self._stream: Stream | None = None
        self._subscription: Subscription | None = None
        self._leave_reason: str | None = None  # why the current stream, or pause, is to end
        self._refusals = 0
        self._subscribed_at = 0.0

    # -------------------------------------------------------- pymesos' methods, overridden

    def change_master(self, master: str | None) -> None:
        """Follow this master from now on; None: none leads."""
        self._on_leader(None if master is None else parse_address(master))

    def on_subscribed(self, info: Json) -> None:
        """The subscription is granted: calls can be sent, and the back-off starts again."""
        assert self._address is not None
        assert self._stream is not None
        try:
            grant = read_grant(info, self._address)
        except MalformedError as error:  # this stream is of no use then
            raise ConnectionEndedError(f"the master granted a subscription that cannot be read: {error}") from error
        is_known = self.framework_id is not None
        self.framework_id = grant.framework_id
        self._stream.silence = (grant.heartbeat or self._timing.heartbeat) * self._timing.missed_heartbeats
        with self._lock:
            self._dialer.subscribed()
            self._subscribed_at = time.monotonic()
            self._refusals = 0
            self._subscription = Subscription(self._address, self.stream_id, grant.framework_id)
            self._sender.subscribed(self._subscription)
        # The master's version is not kept in self.version, which pymesos would parse at every offer.
        if is_known:
            self.sched.reregistered(self, grant.master)
        else:
            self.sched.registered(self, info["framework_id"], grant.master)

    def on_error(self, event: Json) -> None:
        """The master refuses this framework, or this scheduler, for good: trying again would never end.

        With several schedulers, one that was paused while it subscribed may have taken the framework from the leader,
        which takes it back.
        """
        if self._lease is not None and _FAILED_OVER in str(event.get("message")) and self._lease.holds():
            raise ConnectionEndedError("a scheduler that does not lead took the framework over")
        with self._lock:
            self._started = False
        super().on_error(event)

    def _notify(self) -> None:
        with self._lock:
            if self._wakeup_fds:
                with contextlib.suppress(BlockingIOError):  # full of wake-ups already
                    os.write(self._wakeup_fds[1], b"\0")

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
            self._sender.stop(JOIN_TIMEOUT)
            os.close(reader)
            os.close(writer)

    # ----------------------------------------------------------------- one master after the other

    def _follow_masters(self, wakeup: Wakeup) -> None:
        while not self.aborted:
            with self._lock:
                self._leave_reason = None
                self._address = address = self._dialer.target()
            with contextlib.suppress(InterruptedWaitError):
                wakeup.sleep(None if address is None else self._follow(address, wakeup))

    def _follow(self, address: Address, wakeup: Wakeup) -> float:
        """Subscribe and read events until the stream ends; returns the seconds to wait before the next attempt."""
        self._master = str(address)
        try:
            with self._connect(address, wakeup) as connected:
                self._stream = stream = Stream(connected, self._timing.heartbeat * self._timing.missed_heartbeats)
                self.stream_id = stream.open(self.gen_request())
                for records in stream.records():
                    self._read_events(records)
        except RedirectedError as redirect:
            _log.info("redirected", master=self._master, to=str(redirect.address))
            with self._lock:
                return self._dialer.redirected(redirect.address)
        except SubscriptionRefusedError as refusal:
            return self._refused(refusal)
        except ConnectionEndedError as end:
            return self._retry(str(end))
        except InterruptedWaitError:
            return self._left(address)
        finally:
            self._end_stream()
        raise AssertionError("a stream of records ends only by an exception")

    def _connect(self, address: Address, wakeup: Wakeup) -> AbstractContextManager[Connection]:
        return connection(address, self._tls, wakeup, self._timing.connect)

    def _left(self, address: Address) -> float:
        """The stream was left on purpose: subscribe to another master at once, or to the same one after a pause."""
        with self._lock:
            if not self._started:
                return 0.0
            is_other = self._dialer.target() != address
            reason = str(self._leave_reason)
            useless = self._subscription is not None
        if is_other:
            _log.info("left the master", master=self._master, reason=reason)
            return 0.0
        return self._retry(reason, useless=useless)

    def _refused(self, refusal: SubscriptionRefusedError) -> float:
        if refusal.status in _OUR_FAULT:
            self._refusals += 1
            if self._refusals >= _MAX_REFUSALS:
                self.on_error({"message": f"the master at {self._master} rejects this framework: {refusal}"})
        return self._retry(str(refusal))

    def _retry(self, reason: str, *, useless: bool = False) -> float:
        """Log the failure; returns the pause. ``useless``: there was a subscription, but no call got through on it."""
        with self._lock:
            held = time.monotonic() - self._subscribed_at
            pause = self._dialer.useless(held) if useless else self._dialer.failed()
        _log.warning("not connected to the master", master=self._master, reason=reason, again_in=round(pause, 1))
        return pause

    def _end_stream(self) -> None:
        with self._lock:
            was_subscribed = self._subscription is not None
            self._subscription = self._stream = None
            self.stream_id = None
            self._sender.unsubscribed()
        if was_subscribed:
            self.on_close()
        self._submit_heard()

    # --------------------------------------------------------------------------- events

    def _read_events(self, records: Iterable[Record]) -> None:
        """Handle the records that were received together, and submit their events together."""
        try:
            for record in records:
                self._read_event(record)
        finally:
            self._submit_heard()

    def _read_event(self, record: Record) -> None:
        status = read_status(record, time.time())
        if status is None:
            for place, (event, more) in enumerate(small_events(record)):
                self._read_any_event(event, more)
                if place == 0 and more:
                    self._submit_heard()  # the first offers may be all that is needed
        elif self._started:
            self._heard.append(status)
        if not self._started:
            raise InterruptedWaitError

    def _read_any_event(self, record: Record, more_offers: int) -> None:
        try:
            event = parsed(record)
        except MalformedError as error:
            _log.error("event cannot be read, skipping it", error=str(error))
            return
        except ValueError as error:
            raise ConnectionEndedError(f"the master sent an event that is not JSON: {shown(str(error))}") from error
        try:
            self.more_offers = more_offers
            self.process_event(event)
        except MalformedError as error:
            _log.error(
                "event cannot be read, skipping it", type=event.get("type"), error=str(error), record=shown(record)
            )

    def _submit_heard(self) -> None:
        if self._heard:
            heard = tuple(self._heard)
            self._heard.clear()
            self._submit(heard)

    # --------------------------------------------------------------------- interruptions

    def _may_act(self) -> bool:
        """Whether calls may be sent; else the subscription ends, whose offers nobody would answer. Under the lock."""
        if self._lease is None or self._lease.holds():
            return True
        if self._leave_reason is None:
            self._leave_reason = NO_LEASE
            self._notify()
        return False

    def _is_interrupted(self) -> bool:
        with self._lock:
            return not self._started or self._leave_reason is not None

    def _on_leader(self, master: Address | None) -> None:
        """A new leader ends the stream from the old one, even one that seems alive; the lack of a leader does not."""
        with self._lock:
            self._dialer.leads(master)
            if master is None or (master == self._address and self._subscription is not None):
                return
            self._leave_reason = f"{master} leads now"
        self._notify()

    def _on_subscription_broken(self, subscription: Subscription, reason: str) -> None:
        with self._lock:
            if self._subscription is not subscription:
                return
            self._leave_reason = reason
        self._notify()


def _masters(master: str) -> tuple[Address, ...]:
    return () if master.startswith(_ZOOKEEPER) else parse_masters(master)
