"""Benchmark: CPU time of the scheduler's driver for a call that is sent and for an event that is received.

A program that only answers stands in for the master, so only this side is measured. Acknowledgements are passed on as
the loop does it, those of a pass at once; statuses count when they are in the loop's inbox. The baseline is pymesos'
own driver with the same input, but less of it.
"""

import argparse
import asyncio
import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog

from bench.answering_master import HOST
from scheduler.core.effects import Acknowledge, Reconcile
from scheduler.core.events import Event
from scheduler.loop.event_loop import MAX_BATCH
from scheduler.mesos.driver import Driver
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.mesos.library import MesosSchedulerDriver, Scheduler

NAME = "mesos-edge"
HELP = "CPU time of calls to Mesos and of events from it"

_COUNT = 50_000
_COUNT_OF_PYMESOS = 5_000
_ROUNDS = 3
_DEADLINE = 120.0
_UUID = "3q2+7wAAQACAAAAAAAAAAQ=="
_DRIVERS_THREAD = "Process IO"  # pymesos' name for it


class _Inbox:
    """Stands in for the event loop and its inbox; waits for a number of events."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def submit(self, events: Sequence[object]) -> None:
        self.events.extend(events)
        self._loop.call_soon_threadsafe(self._wake)

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.events) >= count, _DEADLINE), len(self.events)
        self.events.clear()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()


class _Callbacks(Scheduler):  # type: ignore[misc] # pymesos has no types
    """Passes the events of pymesos' own driver to the inbox."""

    def __init__(self, inbox: _Inbox) -> None:
        self._inbox = inbox

    def registered(self, driver: Any, frameworkId: object, masterInfo: object) -> None:  # noqa: N803
        self._inbox.submit((masterInfo,))

    def statusUpdate(self, driver: Any, status: object) -> None:
        self._inbox.submit((status,))


def add_options(_parser: argparse.ArgumentParser) -> None:
    """Add no options."""


def run(_options: argparse.Namespace, report: Callable[[str], None]) -> None:
    """Run the benchmark, and print microseconds of CPU time per call and event."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    inbox = _Inbox()
    with _master() as master, _pymesos(master, inbox) as theirs:
        _measure("pymesos' own", _COUNT_OF_PYMESOS, inbox, report, _Theirs(theirs))
    with _master() as master, _podexec(master, inbox) as ours:
        _measure("podexec's", _COUNT, inbox, report, _Ours(ours))


class _Ours:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def acknowledge(self, count: int) -> None:
        calls = [Acknowledge(_task_id(number), "agent", _UUID) for number in range(count)]
        for start in range(0, count, MAX_BATCH):
            self._driver.perform_all(calls[start : start + MAX_BATCH])

    def reconcile(self, *task_ids: str) -> None:
        self._driver.perform(Reconcile(tuple((task_id, None) for task_id in task_ids)))


class _Theirs:
    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def acknowledge(self, count: int) -> None:
        for number in range(count):
            self._driver.acknowledgeStatusUpdate(
                {"task_id": {"value": _task_id(number)}, "agent_id": {"value": "agent"}, "uuid": _UUID}
            )

    def reconcile(self, *task_ids: str) -> None:
        self._driver.reconcileTasks([{"task_id": {"value": task_id}} for task_id in task_ids])


def _measure(whose: str, count: int, inbox: _Inbox, report: Callable[[str], None], driver: _Ours | _Theirs) -> None:
    (thread,) = (each for each in threading.enumerate() if each.name == _DRIVERS_THREAD)
    assert thread.ident is not None
    clock = time.pthread_getcpuclockid(thread.ident)
    for _ in range(_ROUNDS):
        began, began_at = time.process_time(), time.monotonic()
        driver.acknowledge(count)
        driver.reconcile()
        inbox.wait_for(1)
        report(
            f"{whose} driver: an acknowledgement takes {_each(time.process_time() - began, count)} of CPU, "
            f"{count / (time.monotonic() - began_at):,.0f} are sent per second"
        )
    for _ in range(_ROUNDS):
        began, began_at = time.clock_gettime(clock), time.monotonic()
        driver.reconcile(str(count))
        inbox.wait_for(count)
        report(
            f"{whose} driver: a status takes {_each(time.clock_gettime(clock) - began, count)} of CPU in its thread, "
            f"{count / (time.monotonic() - began_at):,.0f} are received per second"
        )


def _task_id(number: int) -> str:
    return f"shop_web.instance-5b3bcb5d-8e4d-4a4f-9a2b-9b2d7a3f{number:06}.main.1"


def _each(seconds: float, count: int) -> str:
    return f"{seconds / count * 1e6:.1f} us"


@contextlib.contextmanager
def _master() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.answering_master"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"{HOST}:{int(process.stdout.readline())}"
        finally:
            process.kill()


@contextlib.contextmanager
def _podexec(master: str, inbox: _Inbox) -> Iterator[Driver]:
    def submit(events: Sequence[Event]) -> None:
        inbox.submit(events)

    def fail(error: BaseException) -> None:
        raise error

    driver = Driver(FrameworkIdentity(), master, submit, fail)
    driver.start()
    try:
        inbox.wait_for(1)
        yield driver
    finally:
        driver.stop()
        driver.join()


@contextlib.contextmanager
def _pymesos(master: str, inbox: _Inbox) -> Iterator[Any]:
    driver = MesosSchedulerDriver(
        _Callbacks(inbox), FrameworkIdentity().info(), master, implicit_acknowledgements=False, failover=True
    )
    driver.start()
    try:
        inbox.wait_for(1)
        yield driver
    finally:
        driver.stop(failover=True)
        driver.join()


if __name__ == "__main__":
    run(argparse.Namespace(), print)
