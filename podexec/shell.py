"""The loop: inbox -> machine -> effects.

Owns the pod's state and the threads that do what the machine asks for: one a container (launch, then wait), one
a container that is being killed (its signals, in order). Every thread tells what happened through the inbox; only the
loop steps the machine.
"""

from __future__ import annotations

import functools
import queue
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from podexec import events as ev
from podexec import log, machine, taskinfo
from podexec.agent import Agent, Stopped
from podexec.driver import PodDriver
from podexec.settings import Settings
from podexec.wire import ExecutorData, WireError

if TYPE_CHECKING:
    from podexec.checks import Checker, Result

Json = dict[str, Any]

_NO_MORE: Final = 0  # ends the thread that delivers a container's signals


class Shell:
    """One pod instance, from the first LAUNCH_GROUP to the last acknowledgement. It is the driver's ``Callbacks``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._agent = Agent(settings, self._stop)
        self._driver = PodDriver(self, settings, self._agent)
        self._inbox: queue.SimpleQueue[ev.Event] = queue.SimpleQueue()
        self._pod = machine.Pod()
        self._root: Json = {}
        self._stands_in = False  # for Mesos' default executor: what any framework writes into `data` is not for us
        self._refusal = ""
        self._tasks: dict[str, Json] = {}
        self._launches: dict[str, Json] = {}
        self._checks: dict[str, dict[str, taskinfo.CheckSpec]] = {}
        self._signals: dict[str, queue.SimpleQueue[int]] = {}
        self._checkers: dict[str, list[Checker]] = {}
        self._leave_by: float | None = None
        self._log = log.get(pod=settings.executor_id)

    def run(self) -> None:
        """Until the pod is over and everything is acknowledged, or there is no more time for it."""
        self._driver.start()
        while True:
            now = time.monotonic()
            if self._leave_by is not None and (now >= self._leave_by or not len(self._driver.outbox)):
                break
            event = self._next_event(now)
            self._pod, effects = machine.step(self._pod, event, time.monotonic())
            for effect in effects:
                self._perform(effect)
        self._stop.set()
        self._driver.stop()
        self._log.info("leaving", unacknowledged=len(self._driver.outbox))

    def _next_event(self, now: float) -> ev.Event:
        times = [t for t in (machine.next_deadline(self._pod), self._leave_by) if t is not None]
        try:
            return self._inbox.get(timeout=max(0.0, min(times) - now) if times else None)
        except queue.Empty:
            return ev.Ticked()

    # -- what the driver tells (on its threads) ----------------------------------------------------------------

    def subscribed(self, subscribed: Json) -> None:
        self._root = subscribed["container_id"]
        self._stands_in = subscribed["executor_info"].get("type") == "DEFAULT"
        self._read_data(None if self._stands_in else subscribed["executor_info"].get("data"))
        capabilities = {c["type"] for c in subscribed["framework_info"].get("capabilities", ())}
        self._log.info("subscribed", container=self._root["value"], refusal=self._refusal or None)
        self._inbox.put(ev.Subscribed("TASK_KILLING_STATE" in capabilities, "PARTITION_AWARE" in capabilities))

    def _read_data(self, data: str | None) -> None:
        """What our scheduler wrote into ExecutorInfo; without it (another scheduler's executor) the defaults hold."""
        try:
            log.configure((ExecutorData.decode(data) if data else ExecutorData()).log_level)
        except WireError as error:
            self._refusal = str(error)

    def disconnected(self) -> None:
        self._log.warning("disconnected from the agent")

    def group_received(self, tasks: list[Json]) -> None:
        specs, refusal = [], self._refusal
        for task in tasks:
            container_id = taskinfo.container_id(task, uuid.uuid4().hex[:8])
            try:
                spec = self._understand(task, container_id)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                refusal = refusal or f"the TaskInfo of {task['task_id']['value']} is not understood: {error!r}"
                spec = ev.TaskSpec(task["task_id"]["value"], container_id, name="")
            specs.append(spec)
        self._inbox.put(ev.GroupReceived(tuple(specs), refusal))

    def _understand(self, task: Json, container_id: str) -> ev.TaskSpec:
        """Read all of the TaskInfo now, so that what cannot be read is said before anything is launched."""
        if self._stands_in:
            task = {field: value for field, value in task.items() if field != "data"}
        self._tasks[container_id] = task
        self._launches[container_id] = taskinfo.launch_call(task, self._nested(container_id), self._agent.own_address)
        self._checks[container_id] = {
            field: taskinfo.check_spec(task[field]) for field in ("health_check", "check") if task.get(field)
        }
        return taskinfo.task_spec(task, container_id)

    def kill_requested(self, task_id: str, kill_policy: Json | None) -> None:
        self._inbox.put(ev.KillRequested(task_id, taskinfo.kill_grace(kill_policy)))

    def shutdown_requested(self, reason: str) -> None:
        """Also called from a signal handler."""
        self._inbox.put(ev.ShutdownRequested(reason, self._settings.shutdown_grace, self._driver.connected))

    def crashed(self, args: threading.ExceptHookArgs) -> None:
        """A thread ended by a fault of ours: a pod that is only half looked after must not go on."""
        name = args.thread.name if args.thread else "unknown"
        error = (args.exc_type, args.exc_value, args.exc_traceback)
        self._log.error("a thread of the executor crashed", thread=name, exc_info=error)
        self.shutdown_requested(f"internal error of the executor in thread {name}: {args.exc_value!r}")

    def acknowledged(self) -> None:
        self._inbox.put(ev.Ticked())

    # -- effects -----------------------------------------------------------------------------------------------

    def _perform(self, effect: ev.Effect) -> None:
        match effect:
            case ev.Launch(container_id):
                self._thread(container_id, lambda: self._run_container(container_id))
            case ev.Signal(container_id, number):
                self._send_signal(container_id, number)
            case ev.Report():
                self._send_report(effect)
            case ev.StartChecks(container_id):
                self._start_checks(container_id)
            case ev.StopChecks(container_id):
                for checker in self._checkers.pop(container_id, ()):
                    checker.stop()
            case ev.Forget(container_id):
                self._forget(container_id)
            case ev.Leave(by):
                self._leave_by = by
            case ev.Note(text, container_id):
                self._log.info(text, **self._ids(container_id))

    def _thread(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Stopped:
                return

        threading.Thread(target=run, name=name, daemon=True).start()

    def _run_container(self, container_id: str) -> None:
        error = self._agent.launch(self._launches.pop(container_id))
        if error is not None:
            self._inbox.put(ev.LaunchFailed(container_id, error))
            return
        self._link(container_id)
        self._inbox.put(ev.ContainerLaunched(container_id))
        self._inbox.put(ev.ContainerExited(container_id, self._agent.wait(self._nested(container_id))))

    def _send_signal(self, container_id: str, number: int) -> None:
        """In order: a SIGKILL must not overtake the SIGTERM."""
        signals = self._signals.get(container_id)
        if signals is None:
            signals = self._signals[container_id] = queue.SimpleQueue()
            self._thread(f"kill {container_id}", lambda: self._deliver_signals(container_id, signals))
        signals.put(number)

    def _deliver_signals(self, container_id: str, signals: queue.SimpleQueue[int]) -> None:
        for number in iter(signals.get, _NO_MORE):
            accepted = self._agent.kill(self._nested(container_id), number)
            self._log.info("signal", number=number, accepted=accepted, **self._ids(container_id))
            self._inbox.put(ev.SignalAnswered(container_id, number, accepted))

    def _forget(self, container_id: str) -> None:
        self._tasks.pop(container_id, None)
        self._checks.pop(container_id, None)
        signals = self._signals.pop(container_id, None)
        if signals is not None:
            signals.put(_NO_MORE)

    def _link(self, container_id: str) -> None:
        """``tasks/<task id>`` -> the container's sandbox: Mesos' web UI and people look there."""
        link = Path(self._settings.sandbox, "tasks", self._tasks[container_id]["task_id"]["value"])
        try:
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(Path("..", "containers", container_id), target_is_directory=True)
        except OSError as error:
            self._log.warning("no link to the container's sandbox", link=str(link), error=str(error))

    def _start_checks(self, container_id: str) -> None:
        from podexec.checks import Checker  # noqa: PLC0415 - most pods have none

        reports: dict[str, Callable[[taskinfo.CheckSpec, Result], ev.Event]] = {
            "health_check": lambda spec, r: ev.HealthObserved(container_id, r.passed, r.message),
            "check": lambda spec, r: ev.CheckObserved(container_id, ev.CheckStatus(spec.kind, r.value)),
        }
        for field, spec in self._checks[container_id].items():
            report = functools.partial(reports[field], spec)
            checker = Checker(
                spec,
                self._nested(container_id),
                self._agent,
                self._driver.connection,
                functools.partial(self._observed, report),
                self._ids(container_id),
            )
            self._checkers.setdefault(container_id, []).append(checker)
            checker.start()

    def _observed(self, report: Callable[[Result], ev.Event], result: Result) -> None:
        self._inbox.put(report(result))

    def _send_report(self, report: ev.Report) -> None:
        container = self._pod.by_task(report.task_id)
        container_id = container.spec.container_id if container else ""
        self._log.info(
            "status",
            state=report.state,
            reason=report.reason,
            message=report.message,
            task=report.task_id,
            container=container_id,
        )
        status: Json = {"task_id": {"value": report.task_id}, "state": report.state}
        optional = {
            "reason": report.reason,
            "message": report.message,
            "healthy": report.healthy,
            "limitation": report.limitation,
            "check_status": _check_json(report.check) if report.check else None,
            "container_status": {"container_id": self._nested(container_id)} if container_id else None,
        }
        status.update({field: value for field, value in optional.items() if value is not None})
        self._driver.sendStatusUpdate(status)

    # -- ids ---------------------------------------------------------------------------------------------------

    def _nested(self, container_id: str) -> Json:
        return {"value": container_id, "parent": self._root}

    def _ids(self, container_id: str) -> dict[str, str]:
        task = self._tasks.get(container_id)
        ids = {"pod": self._settings.executor_id}
        if task is not None:
            ids |= {"task": task["task_id"]["value"], "container": container_id}
        return ids


_CHECK_FIELDS = {
    "HTTP": ("http", "status_code"),
    "TCP": ("tcp", "succeeded"),
    "COMMAND": ("command", "exit_code"),
}


def _check_json(status: ev.CheckStatus) -> Json:
    """CheckStatusInfo; the inner message is there, and empty, while nothing is known."""
    message, field = _CHECK_FIELDS[status.kind]
    return {"type": status.kind, message: {} if status.value is None else {field: status.value}}
