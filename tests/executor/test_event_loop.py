"""The executor's event loop in the test's own process, with workers that do nothing and no agent."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from podexec import events as ev
from podexec import log
from podexec import loop as module
from podexec.loop import EventLoop
from podexec.settings import Settings
from podexec.termination import Termination
from podexec.wire import ALWAYS, ContainerOptions, Restart, TaskData
from tests.fakes.agent import task

RUNS = 50


class QuickWorker:
    """A run that is launched and ends well at once."""

    def __init__(self, _task: object, container_id: Any, _agent: object, _connected: object, emit: Any, *_: object):
        self._id, self._emit = container_id["value"], emit

    def launch(self, launched: Any) -> None:
        launched()
        self._emit(ev.ContainerLaunched(self._id))

    def wait(self) -> None:
        self._emit(ev.ContainerExited(self._id, Termination(0)))

    def retire(self) -> None:
        """There is no thread to end."""


class NoAgent:
    """One that does whatever is asked."""

    own_address = "127.0.0.1"

    def __init__(self, *_: object) -> None:
        """There is nothing to connect to."""

    def remove(self, _container_id: object) -> bool:
        return True


class NoDriver:
    """One whose updates are acknowledged at once."""

    def __init__(self, *_: object) -> None:
        self.connection = threading.Event()
        self.outbox: list[object] = []

    def start(self) -> None:
        """There is no thread."""

    def stop(self) -> None:
        """There is no thread."""

    def sendStatusUpdate(self, _status: object, _age: float) -> None:
        """It is acknowledged."""


def test_a_run_that_ended_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container that restarts for months must not fill the executor's memory."""
    kept: weakref.WeakSet[QuickWorker] = weakref.WeakSet()
    counts = []

    def worker(*arguments: Any) -> QuickWorker:
        made = QuickWorker(*arguments)
        kept.add(made)
        counts.append(len(kept))
        return made

    for name, fake in (("Worker", worker), ("Agent", NoAgent), ("PodDriver", NoDriver)):
        monkeypatch.setattr(module, name, fake)
    monkeypatch.setattr(log, "start", lambda: None)
    loop = EventLoop(Settings("framework", "pod", "127.0.0.1", 1, "", str(tmp_path), True, 5.0, 900.0, 2.0))
    restart = Restart(ALWAYS, RUNS - 1, 0.0, 1.0, 0.0, 600.0)
    web = task("web", data=TaskData(behaviour=ContainerOptions(restart=restart)).encode())
    loop.subscribed({"container_id": {"value": "root"}, "executor_info": {}, "framework_info": {}})
    loop.group_received([web])
    loop.run()
    assert len(counts) == RUNS
    assert max(counts) <= 2, "a new one, and perhaps the one before it"
