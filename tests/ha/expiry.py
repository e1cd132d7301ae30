"""When the session of a leader expires."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.zookeeper import Ensemble

_DEADLINE = 30.0  # seconds


@contextmanager
def leaders_expiry(ensemble: Ensemble, path: str) -> Iterator[Callable[[], float]]:
    """Watch the session of the one that leads now, of the store at a path.

    Yields a function that waits for its end, and returns when that was, in seconds of ``time.monotonic``.
    """
    ended, at = threading.Event(), [0.0]

    def note(_: object) -> None:
        at[0] = time.monotonic()
        ended.set()

    def expired() -> float:
        assert ended.wait(_DEADLINE), "the leader's session did not expire"
        return at[0]

    client = ensemble.client()
    try:
        first = min(client.get_children(f"{path}/election"), key=lambda each: each[-10:])
        assert client.exists(f"{path}/election/{first}", watch=note), "the leader's session has expired already"
        yield expired
    finally:
        client.stop()
        client.close()
