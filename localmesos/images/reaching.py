"""Finds out whether a registry can be reached, while the cluster starts."""

from __future__ import annotations

import threading
import time

from localmesos.images.errors import ImageError
from localmesos.images.registry import Registry

SECONDS = 2.0  # since the beginning; no start waits longer for the answer


class Reaching:
    """One attempt to reach a registry, in a thread of its own: looking a name up cannot be interrupted."""

    def __init__(self, url: str) -> None:
        """Begin."""
        self._url, self._problem, self._deadline = url, "it does not answer", time.monotonic() + SECONDS
        self._thread = threading.Thread(target=self._reach, name="reach-registry", daemon=True)
        self._thread.start()

    def problem(self) -> str | None:
        """A line that says why the registry cannot be used now, if that is so."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        if not self._problem:
            return None
        return f"images of {self._url} cannot be pulled now: {self._problem}"

    def _reach(self) -> None:
        try:
            Registry(self._url, stall_seconds=SECONDS).check()
            self._problem = ""
        except ImageError as error:
            self._problem = str(error)
