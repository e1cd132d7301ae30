"""Clients of an API that ask at the same time, each on a connection that it keeps."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException
from statistics import median
from typing import Any

from bench.loopback import Loopback
from bench.report import percentile

Request = tuple[str, str, Any]  # method, path, body


@dataclass(frozen=True, slots=True)
class Answers:
    """Seconds of each answer, and from the first request until the last answer."""

    seconds: tuple[float, ...]
    elapsed: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.seconds) / self.elapsed

    @property
    def median(self) -> float:
        """Seconds of the median answer."""
        return median(self.seconds)

    @property
    def p99(self) -> float:
        """Seconds within which 99 % of the answers came."""
        return percentile(self.seconds, 99)


class _Clients:
    """Takes requests from one list, and notes how long each answer took."""

    def __init__(self, port: int, requests: Iterable[Request], limit: float) -> None:
        self._port = port
        self._requests = iter(requests)
        self._deadline = time.perf_counter() + limit
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.seconds: list[float] = []
        self.errors: list[Exception] = []

    def end(self) -> None:
        """Send no more requests."""
        self._ended.set()

    def work(self) -> None:
        """Be one client, until the requests or the time run out."""
        api = Loopback(self._port)
        try:
            while (request := self._next()) is not None:
                began = time.perf_counter()
                api.ask(*request)
                self.seconds.append(time.perf_counter() - began)
        except (OSError, HTTPException) as error:
            self.errors.append(error)
            self.end()
        finally:
            api.close()

    def _next(self) -> Request | None:
        if self._ended.is_set() or time.perf_counter() > self._deadline:
            return None
        with self._lock:
            return next(self._requests, None)


def ask(port: int, requests: Iterable[Request], clients: int, limit: float) -> Answers:
    """Send the requests with several clients at once, until none is left or ``limit`` seconds are over.

    Raises OSError or HTTPException if a request fails.
    """
    shared = _Clients(port, requests, limit)
    threads = [threading.Thread(target=shared.work) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:  # Ctrl-C reaches only this thread
        shared.end()
    elapsed = time.perf_counter() - began
    if shared.errors:
        raise shared.errors[0]
    return Answers(tuple(shared.seconds), elapsed)
