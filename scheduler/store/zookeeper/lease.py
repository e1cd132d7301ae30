"""How long the writer may be sure that it is still the only one.

Another process can take the epoch only when the writer's session has ended, and the ensemble ends it ``timeout`` after
it last heard of it. So the lease is counted from when a question was *sent* that was answered later. The question is a
``multi`` that checks the epoch: only the ensemble's leader answers it, with a quorum, while a server that is cut off
from the others would go on answering pings and reads.

The leader hears of a session whose server is not itself when that server answers its next ping, which comes every half
tick, and with what that server heard before. A tick is at most half of the timeout that was granted. So the leader may
have noted the session a quarter of the timeout, and one interval between questions, before the answered one was sent.

The clock, ``steady``, goes on while the machine is suspended, as that of the ensemble does.
"""

import threading
import time
from collections.abc import Callable

from scheduler.loop.clock import steady
from scheduler.store.base import StoreError
from scheduler.store.replicated import DeposedError
from scheduler.store.zookeeper.fence import Fence, reclaim, took_over
from scheduler.store.zookeeper.session import Session, UncertainError

_EVERY, _UNNOTED = 1 / 8, 1 / 4 + 1 / 8  # of the timeout


class Lease:
    """Keeps asking, on a thread of its own, until it is lost or closed."""

    def __init__(
        self, session: Session, fence: Fence, lost: Callable[[StoreError], None], *, resumes: bool, now: float
    ) -> None:
        """``now``: when the epoch was taken (``steady``). ``resumes``: whether an expired session is replaced by the
        next one, if nobody took over meanwhile; else the lease is lost with it.
        """
        self._session = session
        self._fence = fence
        self._lost = lost
        self._resumes = resumes
        self._expired = threading.Event()
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._until = now
        self.renew(now)
        session.listen(self._on_expiry)
        self._thread = threading.Thread(target=self._run, name="store-lease", daemon=True)
        self._thread.start()

    def until(self) -> float:
        """When it ends, in seconds of ``time.monotonic``. On any thread."""
        if self._ended.is_set() or self._expired.is_set():
            return 0.0
        return time.monotonic() + self._until - steady()

    def renew(self, sent: float) -> None:
        """A ``multi`` that checked the epoch and was sent at that time (``steady``) was carried out. On any thread."""
        self._until = max(self._until, sent + self._session.timeout * (1 - _UNNOTED))

    def close(self) -> None:
        """Give it up. The thread ends soon."""
        self._ended.set()
        self._wake.set()

    def _on_expiry(self) -> None:
        """On kazoo's thread."""
        self._expired.set()
        self._wake.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(self._session.timeout * _EVERY)
            self._wake.clear()
            if self._ended.is_set():
                return
            try:
                self._ask()
            except UncertainError:
                continue  # the connection was lost; the lease runs out unless it comes back
            except StoreError as error:
                self.end(error)

    def _ask(self) -> None:
        sent = steady()
        deadline = time.monotonic() + self._session.timeout
        if self._expired.is_set():
            if not self._resumes:
                raise DeposedError(
                    f"cannot write the store {self._session.address}: its ZooKeeper session expired, so that another "
                    "scheduler may take over. Check the network, and whether this process was suspended"
                )
            if not self._session.is_connected:
                return
            errors = reclaim(self._session, self._fence, deadline)
            if self._fence.is_crossed(errors):
                raise took_over(self._session)
            self._expired.clear()
        else:
            errors = self._session.transact(self._fence.check, deadline)
            if self._fence.is_crossed(errors):
                raise took_over(self._session)
        if not errors:
            self.renew(sent)

    def end(self, error: StoreError) -> None:
        """End it because this process is no longer the writer. On any thread."""
        if not self._ended.is_set():
            self.close()
            self._lost(error)
