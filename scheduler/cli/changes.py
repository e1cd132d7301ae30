"""Waits for changes of pods: on the event stream, which is resumed when it is lost, on a thread of its own."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from scheduler.cli.client import ChangeRefusedError, Client
from scheduler.cli.errors import CommandError

_LONGEST_WAIT = 10.0  # seconds: a proxy may hold events back
_RETRY = 1.0
_PATIENCE = 0.5
_FIRST_SERVER_ERROR = 500
_KINDS = (
    "pod_created_event",
    "pod_updated_event",
    "pod_deleted_event",
    "deployment_info",
    "deployment_step_success",
    "deployment_success",
    "deployment_failed",
    "instance_changed_event",
    "instance_health_changed_event",
    "status_update_event",
    "app_terminated_event",
    "unknown_instance_terminated_event",
    "scheduler_registered_event",
    "scheduler_reregistered_event",
    "scheduler_disconnected_event",
)


class Changes:
    """Notices that something may have changed. A context manager."""

    def __init__(self, url: str) -> None:
        """``url``: as of Client; the connection is another one. Raises CommandError."""
        self._client = Client(url)
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._end: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._follow, name="changes", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._end()
        self._thread.join(_PATIENCE)  # it may be connecting, and nobody waits for that

    def wait(self, seconds: float) -> None:
        """Return when something may have changed since the last call, after this time at the latest."""
        self._changed.wait(max(0.0, min(seconds, _LONGEST_WAIT)))
        self._changed.clear()

    def _follow(self) -> None:
        last: int | None = None
        while not self._ended.is_set():
            try:
                for event in self._client.events(_KINDS, last, attached=self._attached):
                    last = event.number
                    self._changed.set()
            except ChangeRefusedError as error:
                if error.status < _FIRST_SERVER_ERROR:
                    break  # others of the command's requests are refused as well, and say why
            except (CommandError, LookupError, TypeError, ValueError):
                pass  # no scheduler answers, or it answers nonsense: as above
            self._changed.set()
            self._ended.wait(_RETRY)
        self._client.close()

    def _attached(self, end: Callable[[], None]) -> None:
        """The stream has begun: what was read before may be older than its first event, which counts as a change."""
        self._end = end
        if self._ended.is_set():
            end()
        self._changed.set()
