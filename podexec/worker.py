"""One run of a container: the threads that launch it, wait for it, signal it and check it.

Owns these threads; each reports events through ``emit``. It decides nothing.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from podexec import events as ev
from podexec import log, random_ids
from podexec.agent import RETRY_AFTER, Agent, SessionRefused, Stopped
from podexec.taskinfo import Meaning, Task
from podexec.transport import TRANSPORT_ERRORS, Stream

if TYPE_CHECKING:
    from podexec.checks import Checker, Result

Json = dict[str, Any]
Emit = Callable[[ev.Event], None]


class Worker:
    """Performs the effects of one run of a container. Its methods return at once."""

    def __init__(
        self, task: Task, container_id: Json, agent: Agent, connection: threading.Event, emit: Emit, ids: dict[str, str]
    ) -> None:
        self.task = task
        self._container_id = container_id
        self._id: str = container_id["value"]
        self._agent = agent
        self._connection = connection
        self._emit = emit
        self._ids = ids
        self._signals: queue.SimpleQueue[int | None] | None = None
        self._checkers: list[Checker] = []
        self._retired = threading.Event()
        self._log = log.get(**ids)

    def perform(self, effect: ev.Signal | ev.RunHook | ev.StartChecks | ev.StopChecks) -> None:
        match effect:
            case ev.Signal(_, number):
                self._signal(number)
            case ev.RunHook():
                run_thread(f"hook {self._id}", self._run_hook)
            case ev.StartChecks():
                self._start_checks()
            case ev.StopChecks():
                self._stop_checks()

    # -- life and death ----------------------------------------------------------------------------------------

    def launch(self, launched: Callable[[], None]) -> None:
        """Launch the container, and call ``launched`` if it runs. :meth:`wait` must follow."""
        run_thread(f"launch {self._id}", lambda: self._launch(launched))

    def _launch(self, launched: Callable[[], None]) -> None:
        error = self._agent.launch({**self.task.launch, "container_id": self._container_id})
        if error is not None:
            self._agent.wait_destroyed(self._container_id)
            self._emit(ev.LaunchFailed(self._id, error))
            return
        launched()
        self._emit(ev.ContainerLaunched(self._id))

    def wait(self) -> None:
        """Wait for the end of the container, which has been launched."""
        run_thread(self._id, self._wait)

    def _wait(self) -> None:
        self._emit(ev.ContainerExited(self._id, self._agent.wait(self._container_id)))

    def _signal(self, number: int) -> None:
        """Send signals in order: SIGKILL must not overtake SIGTERM."""
        if self._signals is None:
            self._signals = queue.SimpleQueue()
            signals = self._signals
            run_thread(f"kill {self._id}", lambda: self._deliver(signals))
        self._signals.put(number)

    def _deliver(self, signals: queue.SimpleQueue[int | None]) -> None:
        while (number := signals.get()) is not None:
            accepted = self._agent.kill(self._container_id, number)
            self._log.info("signal", number=number, accepted=accepted)
            self._emit(ev.SignalAnswered(self._id, number, accepted))

    def _run_hook(self) -> None:
        """Run the ``preStop`` command, whose result does not matter. An agent that is not ready is asked again."""
        while not self._hook_is_over() and not self._retired.wait(RETRY_AFTER):
            pass
        self._emit(ev.HookEnded(self._id))

    def _hook_is_over(self) -> bool:
        assert self.task.hook is not None
        session = {"value": f"hook-{random_ids.suffix()}", "parent": self._container_id}
        try:
            status = self._agent.session(session, self.task.hook, None, _never_interrupt)
            self._log.info("preStop command ended", wait_status=status)
        except (SessionRefused, *TRANSPORT_ERRORS) as error:
            is_busy = isinstance(error, ConnectionRefusedError) or (isinstance(error, SessionRefused) and error.is_busy)
            self._log.warning("cannot run the preStop command", error=str(error), again=is_busy)
            return not is_busy
        return True

    def retire(self) -> None:
        """Stop signals and checks: the run has ended."""
        self._retired.set()
        self._stop_checks()
        if self._signals is not None:
            self._signals.put(None)

    # -- checks ------------------------------------------------------------------------------------------------

    def _start_checks(self) -> None:
        from podexec.checks import Checker  # noqa: PLC0415 - most pods have none

        for spec, meaning in self.task.checks:
            report = self._report_of(meaning)
            checker = Checker(spec, self._container_id, self._agent, self._connection, report, self._ids)
            self._checkers.append(checker)
            checker.start()

    def _report_of(self, meaning: Meaning) -> Callable[[Result], None]:
        def report(result: Result) -> None:
            self._emit(meaning(self._id, result.passed, result.value, result.message))

        return report

    def _stop_checks(self) -> None:
        for checker in self._checkers:
            checker.stop()
        self._checkers.clear()


def run_thread(name: str, work: Callable[[], None]) -> None:
    """Run ``work`` in a thread of its own, which ends silently when the executor exits."""

    def run() -> None:
        try:
            work()
        except Stopped:
            return

    threading.Thread(target=run, name=name, daemon=True).start()


def _never_interrupt(stream: Stream) -> None:
    """Leave the session alone: it ends with its container at the latest."""
