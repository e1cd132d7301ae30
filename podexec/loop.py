"""The event loop: takes events from the inbox, steps the machine, and performs the effects.

Owns the pod's state. The driver, and a worker for each run of a container, do what the machine asks for. Their threads
put events into the inbox; only the loop steps the machine.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from typing import Any, Final

from podexec import cgroup_release, cgroups, log, machine, random_ids, taskinfo
from podexec import events as ev
from podexec.agent import Agent
from podexec.driver import PodDriver
from podexec.journal import Journal
from podexec.pod import Condition, Pod
from podexec.settings import Settings
from podexec.sharing import Sharing
from podexec.status import task_status
from podexec.wire import ExecutorData, UsageAnswer, UsageQuestion, WireError
from podexec.worker import Worker, run_thread

Json = dict[str, Any]

# The longest wait for the first containers before the log starts.
_LOG_AFTER: Final = 2.0


def _urgency(effect: ev.Effect) -> bool:
    """Launches are first: the agent takes longest for them, and a report before them would delay them."""
    return not isinstance(effect, ev.Launch)


class EventLoop:
    """One pod instance, from the first LAUNCH_GROUP to the last acknowledgement. It is the driver's ``Callbacks``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._agent = Agent(settings, self._stop)
        self._driver = PodDriver(self, settings, self._agent)
        self._inbox: queue.SimpleQueue[ev.Event] = queue.SimpleQueue()
        self._journal = Journal(settings.sandbox)
        self._sharing = Sharing(settings.sandbox)
        self._pod = Pod()
        self._root: Json = {}
        self._stands_in = False  # for Mesos' default executor: `data` of other frameworks is not addressed to us
        self._refusal = ""
        self._labelled = False
        self._tasks: dict[str, taskinfo.Task] = {}
        self._workers: dict[str, Worker] = {}
        self._settled = threading.Event()
        self._leave_by: float | None = None
        self._log = log.get(pod=settings.executor_id)

    def run(self) -> None:
        """Run until the pod has ended and every update is acknowledged, or until time is up."""
        self._driver.start()
        run_thread("log", self._start_log)
        while True:
            now = time.monotonic()
            if self._leave_by is not None and (now >= self._leave_by or not len(self._driver.outbox)):
                break
            event = self._next_event(now)
            self._journal.write(event)
            self._pod, effects = machine.step(self._pod, event, time.monotonic())
            for effect in effects:
                self._journal.write(effect)
            for effect in sorted(effects, key=_urgency):
                self._perform(effect)
            if isinstance(event, ev.ContainerLaunched):
                # Not earlier: it would delay the report that the container runs.
                self._workers[event.container_id].wait()
            if not self._settled.is_set() and self._is_settled():
                self._settled.set()
            if isinstance(event, ev.ContainerExited | ev.LaunchFailed):
                self._workers.pop(event.container_id).retire()
        self._stop.set()
        self._driver.stop()
        self._log.info("exiting", unacknowledged=len(self._driver.outbox))
        log.start()

    def _start_log(self) -> None:
        """Start the log when the first containers run and the agent knows it: the import would delay either."""
        self._settled.wait(_LOG_AFTER)
        log.start()

    def _is_settled(self) -> bool:
        launching = any(c.condition is Condition.LAUNCHING for c in self._pod.alive())
        return self._pod.started and not launching and not len(self._driver.outbox)

    def _next_event(self, now: float) -> ev.Event:
        times = [t for t in (machine.next_deadline(self._pod), self._leave_by) if t is not None]
        try:
            return self._inbox.get(timeout=max(0.0, min(times) - now) if times else None)
        except queue.Empty:
            return ev.Ticked()

    # -- callbacks of the driver (on its threads) --------------------------------------------------------------

    def subscribed(self, subscribed: Json) -> None:
        self._root = subscribed["container_id"]
        self._stands_in = subscribed["executor_info"].get("type") == "DEFAULT"
        self._read_data(None if self._stands_in else subscribed["executor_info"].get("data"))
        capabilities = {c["type"] for c in subscribed["framework_info"].get("capabilities", ())}
        self._log.info("subscribed", container=self._root["value"], refusal=self._refusal or None)
        self._inbox.put(
            ev.Subscribed("TASK_KILLING_STATE" in capabilities, "PARTITION_AWARE" in capabilities, self._labelled)
        )

    def _read_data(self, data: str | None) -> None:
        """Read ``ExecutorInfo.data`` of podexec's scheduler; without it (another framework) use the defaults."""
        try:
            log.configure((ExecutorData.decode(data) if data else ExecutorData()).log_level)
            self._labelled = bool(data)
        except WireError as error:
            self._refusal = str(error)

    def disconnected(self) -> None:
        self._log.warning("disconnected from the agent")

    def group_received(self, tasks: list[Json]) -> None:
        specs, launches, refusal = [], [], self._refusal
        for task in tasks:
            container_id = taskinfo.container_id(task, random_ids.suffix())
            try:
                read = self._read(task, container_id)
                self._tasks[container_id] = read
                specs.append(read.spec)
                launches.append(read.launch)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                refusal = refusal or f"cannot read the TaskInfo of {task['task_id']['value']}: {error!r}"
                specs.append(ev.TaskSpec(task["task_id"]["value"], container_id, name=container_id))
        self._sharing.open_for(launches)
        self._inbox.put(ev.GroupReceived(tuple(specs), refusal))

    def _read(self, task: Json, container_id: str) -> taskinfo.Task:
        """Read the whole TaskInfo now, so that errors are reported before anything is launched."""
        if self._stands_in:
            task = {field: value for field, value in task.items() if field != "data"}
        return taskinfo.read(task, container_id, self._agent.own_address)

    def kill_requested(self, task_id: str, kill_policy: Json | None) -> None:
        self._inbox.put(ev.KillRequested(task_id, taskinfo.kill_grace(kill_policy)))

    def shutdown_requested(self, reason: str) -> None:
        """Also called from a signal handler."""
        self._inbox.put(ev.ShutdownRequested(reason, self._settings.shutdown_grace, self._driver.connected))

    def crashed(self, args: threading.ExceptHookArgs) -> None:
        """Shut down after a bug ended a thread: a pod that is only half looked after must not keep running."""
        name = args.thread.name if args.thread else "unknown"
        error = (args.exc_type, args.exc_value, args.exc_traceback)
        self._log.error("a thread of the executor crashed", thread=name, exc_info=error)
        self.shutdown_requested(f"internal error in the executor's thread {name}: {args.exc_value!r}")

    def acknowledged(self) -> None:
        self._inbox.put(ev.Ticked())

    def message_received(self, data: str) -> None:
        try:
            question = UsageQuestion.decode(data)
        except WireError as error:
            self._log.info("ignored a framework message", why=str(error))
            return
        run_thread("usage", lambda: self._answer_usage(question.number))

    def _answer_usage(self, number: int) -> None:
        from podexec.usage import usage  # noqa: PLC0415 - most executors are never asked

        containers = {c.id: c.spec.task_id for c in self._pod.containers.values() if c.alive}
        self._driver.send_message(UsageAnswer(number, time.time(), usage(containers)).encode())

    # -- effects -----------------------------------------------------------------------------------------------

    def _perform(self, effect: ev.Effect) -> None:
        match effect:
            case ev.Launch(container_id, first_id):
                self._launch(container_id, self._tasks[first_id])
            case ev.Forget(first_id):
                del self._tasks[first_id]
            case ev.Signal() | ev.RunHook() | ev.StartChecks() | ev.StopChecks():
                self._workers[effect.container_id].perform(effect)
            case ev.AwaitCgroupRelease(container_id):
                run_thread(f"let go {container_id}", lambda: self._await_let_go(container_id))
            case ev.Remove(container_id):
                run_thread(f"remove {container_id}", lambda: self._remove(container_id))
            case ev.Report():
                self._send_report(effect)
            case ev.Leave(by):
                self._leave_by = by
            case ev.Note(text, container_id):
                self._log.info(text, container=container_id)

    def _launch(self, container_id: str, task: taskinfo.Task) -> None:
        task_id = task.spec.task_id
        ids = {"pod": self._settings.executor_id, "task": task_id, "container": container_id}
        nested = self._nested(container_id)
        connection = self._driver.connection
        worker = Worker(task, nested, self._agent, connection, self._inbox.put, ids)
        self._workers[container_id] = worker
        worker.launch(lambda: self._link(container_id, task_id))

    def _remove(self, container_id: str) -> None:
        removed = self._agent.remove(self._nested(container_id))
        self._log.info("removed an earlier run of a container", container=container_id, removed=removed)

    def _await_let_go(self, container_id: str) -> None:
        if cgroups.all_removed_are_released(cgroup_release.RELEASED_WITHIN, self._stop):
            self._inbox.put(ev.CgroupReleased(container_id))

    def _link(self, container_id: str, task_id: str) -> None:
        """Link ``tasks/<task id>`` to the container's sandbox: Mesos' web UI and people look there."""
        folder = f"{self._settings.sandbox}/tasks"
        link, new = f"{folder}/{task_id}", f"{folder}/.{container_id}"
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)
            os.symlink(f"../containers/{container_id}", new)
            os.replace(new, link)
        except OSError as error:
            self._log.warning("cannot link the container's sandbox", link=link, error=str(error))

    def _send_report(self, report: ev.Report) -> None:
        self._log.info(
            "status",
            state=report.state,
            reason=report.reason,
            message=report.message and report.message.partition("\n")[0],
            task=report.task_id,
            container=report.container_id,
        )
        container_id = self._nested(report.container_id) if report.container_id else None
        self._driver.sendStatusUpdate(task_status(report, container_id, self._labelled), report.age)

    def _nested(self, container_id: str) -> Json:
        return {"value": container_id, "parent": self._root}
