"""Sends the calls to the master, on a thread of its own, in order.

Calls belong to a subscription. When it ends, the remaining ones are dropped: the core repeats what matters after every
new subscription. ``Delivery`` decides about calls that were sent without an answer.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from scheduler.mesos.connection import InterruptedWaitError, Wakeup
from scheduler.mesos.delivery import Delivery, Route, Subscription, SubscriptionOverError
from scheduler.mesos.requests import Call
from scheduler.mesos.threads import guarded

_log = structlog.get_logger("scheduler.mesos")


class Sender:
    """A queue of calls and the thread that sends them. Both callbacks are called on that thread.

    ``broken`` receives a subscription on which calls can no longer be delivered, and why; ``failed`` an error that
    ended the thread.
    """

    def __init__(
        self, route: Route, broken: Callable[[Subscription, str], None], failed: Callable[[BaseException], None]
    ) -> None:
        self._route = route
        self._broken = broken
        self._lock = threading.Lock()
        self._queue: deque[Call] = deque()
        self._subscription: Subscription | None = None
        self._served: Subscription | None = None  # the one whose calls the thread is sending
        self._ended = False
        self._reader, writer = os.pipe()
        for fileno in (self._reader, writer):
            os.set_blocking(fileno, False)
        self._writer: int | None = writer  # None: the thread has ended
        self._wakeup = Wakeup(self._reader, self._is_interrupted)
        self._thread = guarded("mesos-calls", self._run, failed)

    def start(self) -> None:
        """Start the thread; nothing is sent before ``subscribed``."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Drop queued calls and end the thread, within ``timeout``."""
        with self._lock:
            self._ended = True
        self.unsubscribed()
        if self._thread.is_alive():
            self._thread.join(timeout)
        with self._lock:
            self._writer, writer = None, self._writer
            if writer is not None and not self._thread.is_alive():
                os.close(self._reader)
                os.close(writer)

    def subscribed(self, subscription: Subscription) -> None:
        """From now on calls belong to this subscription."""
        self._become(subscription)

    def unsubscribed(self) -> None:
        """The subscription ended: drop its calls, including unanswered ones."""
        self._become(None)

    def send(self, calls: Sequence[Call]) -> bool:
        """Queue calls. False: there is no subscription, and they are dropped."""
        with self._lock:
            if self._subscription is None:
                return False
            self._queue.extend(calls)
            self._wake()
            return True

    # ------------------------------------------------------------------ on its thread

    def _run(self) -> None:
        while not self._ended:
            with self._lock:
                self._served = self._subscription
            with contextlib.suppress(InterruptedWaitError):
                if self._served is not None:
                    self._serve(self._served)
                self._wakeup.sleep(None)

    def _serve(self, subscription: Subscription) -> None:
        """Deliver the subscription's calls until that is no longer possible. Raises InterruptedWaitError."""
        delivery = Delivery(subscription, self._route, self._next, self._wakeup)
        try:
            delivery.run()
        except SubscriptionOverError as error:
            self._broken(subscription, str(error))
        finally:
            if undelivered := delivery.undelivered():
                _log.info("subscription ended, unanswered calls dropped", calls=undelivered)

    def _next(self) -> Call | None:
        with self._lock:
            if self._is_interrupted():
                raise InterruptedWaitError
            return self._queue.popleft() if self._queue else None

    # ------------------------------------------------------------------------ helpers

    def _become(self, subscription: Subscription | None) -> None:
        with self._lock:
            if self._queue:
                _log.info("subscription ended, queued calls dropped", calls=len(self._queue))
            self._queue.clear()
            self._subscription = subscription
            self._wake()

    def _is_interrupted(self) -> bool:
        return self._ended or self._subscription is not self._served

    def _wake(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(BlockingIOError):  # full of wake-ups already
                os.write(self._writer, b"\0")
