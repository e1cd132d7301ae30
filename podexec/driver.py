"""The executor driver: pymesos' MesosExecutorDriver with a connection that survives restarts of the agent.

Owns the subscription (framing, back-off, recovery deadline) and the delivery of status updates until they are
acknowledged. What remains of pymesos is its dispatch of events to ``on_…`` methods, and the ids it reads from the
environment. The driver knows nothing of containers: it calls :class:`Callbacks` on its own threads, and they must not
block.
"""

from __future__ import annotations

import base64
import contextlib
import json
import signal
import threading
import time
from typing import Any, Final, Protocol

from podexec import log, random_ids
from podexec.agent import EXECUTOR_API, NOT_FOUND, RECOVERING, Agent
from podexec.outbox import Outbox
from podexec.recordio import FramingError
from podexec.settings import Settings
from podexec.transport import TRANSPORT_ERRORS, Answer, Stream

# pymesos installs a SIGINT handler when it is imported; the executor handles signals itself.
_sigint = signal.getsignal(signal.SIGINT)
from podexec._vendor.pymesos import MesosExecutorDriver  # noqa: E402

signal.signal(signal.SIGINT, _sigint)

Json = dict[str, Any]

_OK: Final = 200
_ACCEPTED: Final = 202
_BAD_REQUEST: Final = 400
_LONGEST_REASON: Final = 500
# A subscription that ends sooner than this is followed by a pause, like one that was refused.
_STABLE_AFTER: Final = 1.0
# The longest back-off an agent allows equals the time it waits for its executors after a restart: use half, so that an
# attempt just before the agent is up is followed by another in time.
_BACKOFF_SHARE: Final = 0.5
_BUSY_RETRY: Final = 1.0
# However short an agent's back-off is, nothing is retried without a pause.
_LEAST_PAUSE: Final = 0.05
_SENDER_WAKES: Final = 60.0


class Callbacks(Protocol):
    """Receiver of the driver's events, called on the driver's threads."""

    def subscribed(self, subscribed: Json) -> None: ...

    def disconnected(self) -> None: ...

    def group_received(self, tasks: list[Json]) -> None: ...

    def kill_requested(self, task_id: str, kill_policy: Json | None) -> None: ...

    def shutdown_requested(self, reason: str) -> None: ...

    def acknowledged(self) -> None: ...

    def message_received(self, data: str) -> None: ...


class PodDriver(MesosExecutorDriver):  # type: ignore[misc]  # pymesos has no types
    """Connection of one executor to its agent."""

    def __init__(self, callbacks: Callbacks, settings: Settings, agent: Agent) -> None:
        super().__init__(callbacks)
        self.checkpoint = settings.checkpoint
        self.grace_shutdown_period = settings.shutdown_grace
        self.outbox = Outbox()
        self._callbacks = callbacks
        self._settings = settings
        self._agent = agent
        self._stopping = threading.Event()
        self._stream: Stream | None = None
        self._subscribed = threading.Event()
        self._tasks_lock = threading.Lock()
        self._log = log.get(pod=settings.executor_id)

    # -- life --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._master = self._new_master
        self._started = True
        threading.Thread(target=self._run, name="events", daemon=True).start()
        threading.Thread(target=self._deliver, name="updates", daemon=True).start()

    def stop(self) -> None:
        """Stop calls and callbacks. The agent tears nothing down until the process exits."""
        self._started = False
        self._stopping.set()
        self.outbox.wake()
        stream = self._stream
        if stream is not None:
            stream.interrupt()

    @property
    def connected(self) -> bool:
        return self._subscribed.is_set()

    @property
    def connection(self) -> threading.Event:
        """An event that is set while the executor is subscribed."""
        return self._subscribed

    # -- the event stream --------------------------------------------------------------------------------------

    def _run(self) -> None:
        lost = time.monotonic()
        while not self._stopping.is_set():
            began = time.monotonic()
            busy = self._subscribe()
            now = time.monotonic()
            if self._stopping.is_set():
                return
            if self._subscribed.is_set():
                lost = now
                self._subscribed.clear()
                self._callbacks.disconnected()
            if not busy and not self.checkpoint:
                self._give_up("the connection to the agent is lost and the framework does not checkpoint")
                return
            if now - lost >= self._settings.recovery_timeout:
                self._give_up(f"the agent did not come back within {self._settings.recovery_timeout:g} s")
                return
            if busy:
                self._stopping.wait(max(_LEAST_PAUSE, min(_BUSY_RETRY, self._settings.backoff_max)))
            elif lost != now or now - began < _STABLE_AFTER:
                self._stopping.wait(max(_LEAST_PAUSE, self._back_off()))

    def _back_off(self) -> float:
        import random  # noqa: PLC0415 - an executor that subscribes at once does not need it

        return random.uniform(0, _BACKOFF_SHARE * self._settings.backoff_max)

    def _give_up(self, reason: str) -> None:
        self._log.error("giving up on the agent", reason=reason)
        self._callbacks.shutdown_requested(reason)

    def _subscribe(self) -> bool:
        """Subscribe, and handle events until the stream ends. Returns whether the agent is up but not ready."""
        pending = self.outbox.pending()
        try:
            stream = self._stream = self._agent.subscribe(self._subscribe_call(pending))
        except TRANSPORT_ERRORS as error:
            self._log.info("the agent does not answer", error=repr(error))
            return False
        try:
            if stream.status != _OK:
                return self._log_refusal(stream.answer())
            self.outbox.sent(pending)
            for record in stream.records():
                self._handle(record)
            self._log.info("the agent closed the event stream")
        except FramingError as error:
            self._log.error("the event stream is malformed", error=str(error))
        except TRANSPORT_ERRORS as error:
            if not self._stopping.is_set():
                self._log.info("the connection of the event stream broke", error=repr(error))
        finally:
            self._stream = None
            stream.close()
        return False

    def _log_refusal(self, answer: Answer) -> bool:
        busy = answer.status in (RECOVERING, NOT_FOUND)
        write = self._log.info if busy else self._log.error
        write("the agent refused the subscription", status=answer.status, answer=answer.text)
        return busy

    def _subscribe_call(self, pending: list[Json]) -> Json:
        with self._tasks_lock:
            tasks = list(self.tasks.values())
        updates = [{"status": status} for status in pending]
        return self._call("SUBSCRIBE", subscribe={"unacknowledged_tasks": tasks, "unacknowledged_updates": updates})

    def _call(self, kind: str, **body: Json) -> Json:
        return {"type": kind, "framework_id": self.framework_id, "executor_id": self.executor_id, **body}

    def _handle(self, record: bytes) -> None:
        """Handle one event. A malformed one is skipped and logged without its text, which may hold secrets."""
        if self._stopping.is_set():
            return
        try:
            self.on_event(json.loads(record))
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # Not repr(): a UnicodeDecodeError's holds the whole text.
            why = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
            self._log.error("an event could not be read, skipping it", error=why, length=len(record))

    # -- events (called by pymesos' on_event) ------------------------------------------------------------------

    def on_subscribed(self, info: Json) -> None:
        self.framework_info, self.executor_info = info["framework_info"], info["executor_info"]
        self._callbacks.subscribed(info)
        self._subscribed.set()
        self.outbox.wake()

    def on_launch(self, event: Json) -> None:
        self._received([event["task"]])

    def on_launch_group(self, event: Json) -> None:
        self._received(event["task_group"]["tasks"])

    def _received(self, tasks: list[Json]) -> None:
        with self._tasks_lock:
            self.tasks.update({task["task_id"]["value"]: task for task in tasks})
        self._callbacks.group_received(tasks)

    def on_kill(self, event: Json) -> None:
        self._callbacks.kill_requested(event["task_id"]["value"], event.get("kill_policy"))

    def on_acknowledged(self, event: Json) -> None:
        with self._tasks_lock:
            self.tasks.pop(event["task_id"]["value"], None)
        self.outbox.acknowledged(event["uuid"])
        self._callbacks.acknowledged()

    def on_message(self, event: Json) -> None:
        self._callbacks.message_received(event.get("data") or "")

    def on_error(self, event: Json) -> None:
        self._log.error("the agent reports an error", message=event.get("message"))

    def on_shutdown(self) -> None:
        self._callbacks.shutdown_requested("the agent asked the executor to shut down")

    def send_message(self, data: str) -> None:
        """Send a framework message to the scheduler, once: it may be lost. Blocks."""
        with contextlib.suppress(*TRANSPORT_ERRORS):
            self._agent.call(EXECUTOR_API, self._call("MESSAGE", message={"data": data}))

    # -- updates -----------------------------------------------------------------------------------------------

    def sendStatusUpdate(self, status: Json, age: float = 0.0) -> None:
        """Queue an update about something that happened ``age`` seconds ago. Updates are delivered in order, and
        repeated until the agent has acknowledged them.
        """
        self.outbox.add(
            {
                **status,
                "executor_id": self.executor_id,
                "source": "SOURCE_EXECUTOR",
                "timestamp": time.time() - age,
                "uuid": base64.b64encode(random_ids.uuid()).decode("ascii"),
            }
        )

    def _deliver(self) -> None:
        while not self._stopping.is_set():
            if not self._subscribed.wait(_SENDER_WAKES):
                continue
            for status in self.outbox.wait_due(_SENDER_WAKES):
                if self._stopping.is_set() or not self._subscribed.is_set():
                    break
                self._post(status)

    def _post(self, status: Json) -> None:
        # Before the call: the acknowledgement may overtake the answer.
        self.outbox.sent([status])
        try:
            answer = self._agent.call(EXECUTOR_API, self._call("UPDATE", update={"status": status}))
        except TRANSPORT_ERRORS as error:
            self._log.info("no answer to a status update", task=status["task_id"]["value"], error=repr(error))
            self.outbox.refused(status)
            return
        if answer.status == _ACCEPTED:
            return
        write = self._log.info if answer.status in (RECOVERING, NOT_FOUND) else self._log.error
        write(
            "the agent refused a status update",
            task=status["task_id"]["value"],
            state=status["state"],
            status=answer.status,
            answer=answer.text,
        )
        if answer.status == _BAD_REQUEST and "cannot be found" not in answer.text:
            # It would be refused again, and hold up all later updates of the task.
            self.outbox.acknowledged(status["uuid"])
            self._callbacks.acknowledged()
        else:
            self.outbox.refused(status)
