"""Delivers the calls of one subscription: decides which is sent next, and which is sent again.

Calls are sent in order, many before the first is answered. A call that may have arrived without an answer is sent again
if repeating it is harmless. Otherwise the subscription is over, which makes the loss certain: a master rejects calls of
an older subscription, no matter how late they arrive.
"""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import structlog

from scheduler.loop.ports import Lease
from scheduler.mesos.address import Address
from scheduler.mesos.connection import Connection, ConnectionEndedError, Wakeup
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.pipeline import MOST_CALLS, Answer, Pipeline
from scheduler.mesos.requests import Call, Encoded, Encoder, head
from scheduler.mesos.verdicts import ONCE_ONLY, REPEATED, Verdict, verdict
from scheduler.model.json import Json

NO_LEASE = "another scheduler may lead now"
_TRIES = 4
_FIRST_PAUSE = 0.1
_log = structlog.get_logger("scheduler.mesos")


@dataclass(frozen=True, slots=True)
class Subscription:
    """The subscription to which calls belong."""

    master: Address
    stream_id: str
    framework_id: str


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a master.

    Attributes:
        connect: makes a connection.
        patience: timeout for each answer, in seconds.
        prepare: returns an ACCEPT with its secrets, which are not kept once it is sent.
        refused: called with an ACCEPT that the master did not carry out, and the reason.
        lease: without it nothing is sent; None: there is only one scheduler.
    """

    connect: Callable[[Address, Wakeup], AbstractContextManager[Connection]]
    credentials: Credentials
    patience: float
    prepare: Callable[[Json], Json]
    refused: Callable[[bytes, str], None]
    lease: Lease | None = None


class SubscriptionOverError(Exception):
    """No further calls of the subscription can be delivered; says why."""


class Delivery:
    """Delivers calls. ``next_call`` returns the next one; None: there is none at the moment."""

    def __init__(
        self, subscription: Subscription, route: Route, next_call: Callable[[], Call | None], wakeup: Wakeup
    ) -> None:
        self._subscription = subscription
        self._route = route
        self._next_call = next_call
        self._wakeup = wakeup
        self._encoder = Encoder(subscription.framework_id, route.prepare)
        self._authorization: str | None = None
        self._head = b""
        self._front: deque[Encoded] = deque()  # to be sent before the next calls
        self._later: list[Encoded] = []  # to be sent again once everything sent is answered
        self._pipeline: Pipeline | None = None
        self._at_once = MOST_CALLS
        self._failures = self._denials = 0  # in a row

    def undelivered(self) -> int:
        """How many of the accepted calls have no final answer."""
        sent = self._pipeline.unanswered if self._pipeline is not None else 0
        return sent + len(self._front) + len(self._later)

    def run(self) -> None:
        """Deliver calls until SubscriptionOverError or InterruptedWaitError is raised."""
        while True:
            while not self._fill_front():
                self._wakeup.once()
            try:
                with self._route.connect(self._subscription.master, self._wakeup) as connection:
                    self._pipeline = pipeline = Pipeline(
                        connection, self._route.patience, self._at_once, self._require_lease
                    )
                    while True:
                        self._turn(pipeline)
            except ConnectionEndedError as error:
                self._connection_ended(str(error))

    # ------------------------------------------------------------------------ helpers

    def _require_lease(self) -> None:
        """Just before bytes are sent: the process may have been paused since they were queued."""
        if self._route.lease is not None and not self._route.lease.holds():
            raise SubscriptionOverError(NO_LEASE)

    def _turn(self, pipeline: Pipeline) -> None:
        if not self._later:
            self._fill(pipeline)
        for answer in pipeline.turn():
            self._judge(answer)
        if self._later and not pipeline.unanswered:
            self._once_more()

    def _fill(self, pipeline: Pipeline) -> None:
        request_head = self._request_head()
        while pipeline.has_room and self._fill_front():
            pipeline.put(request_head, self._front.popleft())

    def _fill_front(self) -> bool:
        """Whether there is a call to send."""
        if not self._front:
            call = self._next_call()
            if call is None:
                return False
            self._front.append(self._encoder.encode(call))
        return True

    def _request_head(self) -> bytes:
        authorization = self._route.credentials.authorization()
        if not self._head or authorization != self._authorization:
            self._authorization = authorization
            self._head = head(
                str(self._subscription.master), authorization, Mesos_Stream_Id=self._subscription.stream_id
            )
        return self._head

    def _judge(self, answer: Answer) -> None:
        call, reason = answer.call, f"HTTP {answer.status} {answer.text}".rstrip()
        judged = verdict(call.name, answer.status, answer.text)
        if judged is Verdict.ACCEPTED:
            self._failures = self._denials = 0
            return
        _log.error("master refused a call", call=call.name, status=answer.status, answer=answer.text)
        call.failures += 1
        match judged:
            case Verdict.OVER:
                raise SubscriptionOverError(f"the master rejects its calls: {reason}")
            case Verdict.REFUSED if call.name == "ACCEPT":
                self._route.refused(call.body, reason)
            case Verdict.DENIED:
                self._denials += 1
                self._later.append(call)
            case Verdict.FAILED if call.failures < _TRIES:
                self._later.append(call)
            case Verdict.FAILED if call.name not in REPEATED:
                raise SubscriptionOverError(f"the master fails on every {call.name}: {reason}")

    def _once_more(self) -> None:
        """Send the calls again whose answers allow it."""
        tries = max(call.failures for call in self._later)
        if tries > _TRIES:
            raise SubscriptionOverError("the master rejects the credentials of its calls")
        self._front.extendleft(reversed(self._later))
        self._later.clear()
        if not (self._denials and self._route.credentials.authorization(now=True) != self._authorization):
            self._wakeup.sleep(_FIRST_PAUSE * 2.0**tries)

    def _connection_ended(self, why: str) -> None:
        pipeline = self._pipeline
        arrived, unsent = pipeline.left() if pipeline is not None else ([], [])
        if any(call.name in ONCE_ONLY for call in arrived):
            raise SubscriptionOverError(f"an ACCEPT may or may not have arrived ({why})")
        self._pipeline = None
        self._front.extendleft(reversed([*self._later, *arrived, *unsent]))
        self._later.clear()
        if pipeline is not None and pipeline.is_closing:
            self._at_once = 1  # a proxy closes the connection after every answer
            return
        if not self._front:
            return  # no call was affected
        self._failures += 1
        _log.warning("connection for calls failed", error=why, calls=len(self._front))
        if self._failures >= _TRIES:
            raise SubscriptionOverError(f"no call can be delivered: {why}")
        self._wakeup.sleep(_FIRST_PAUSE * 2.0 ** (self._failures - 1))
