"""The HTTP side of the fake agent: how it answers each call."""

from __future__ import annotations

import base64
import json
import queue
import socket
from typing import TYPE_CHECKING

from tests.fakes.containers import DEADLINE, PREFIX, ROOT, SIGKILL, FakeContainer, Json, name_of
from tests.fakes.server import Handler, chunk, record

if TYPE_CHECKING:
    from tests.fakes.agent import FakeAgent


class AgentHandler(Handler):
    """Answers the calls of executors and of operators."""

    fake: FakeAgent

    def setup(self) -> None:
        super().setup()
        with self.fake.changed:
            self.fake.connections.add(self.connection)

    def finish(self) -> None:
        with self.fake.changed:
            self.fake.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        fake = self.fake
        if self.path != f"{PREFIX}/flags":
            self.answer(404)
            return
        with fake.changed:
            fake.flags_reads.append(self.headers["Authorization"])
            fake.changed.notify_all()
            fake.changed.wait_for(lambda: not fake.holds_flags, DEADLINE)
        self.answer(*fake.flags_answer)

    def do_POST(self) -> None:
        fake = self.fake
        call = self.body()
        kind = call["type"]
        with fake.changed:
            fake.calls.append((kind, call))
            fake.changed.notify_all()
        if fake.token is not None and self.headers["Authorization"] != f"Bearer {fake.token}":
            self.answer(401, "no token, no service")
        elif not fake.routes or self.path not in (f"{PREFIX}/api/v1", f"{PREFIX}/api/v1/executor"):
            self.answer(404, "404 Not Found.")
        elif kind == "SUBSCRIBE":
            self.subscribe(call)
        elif fake.recovering:
            self.answer(503, "Agent has not finished recovery")
        else:
            getattr(self, kind.lower())(call.get(kind.lower()) or {})

    # -- executor API ---------------------------------------------------------------------------------------------

    def subscribe(self, call: Json) -> None:
        fake = self.fake
        if self.headers["Accept"] != "application/json":
            return self.answer(406, "Expecting 'Accept' to allow 'application/json'")
        if fake.refuse_subscribe is not None:
            return self.answer(fake.refuse_subscribe, "not now")
        events: queue.SimpleQueue[Json | bytes | None] = queue.SimpleQueue()
        self.begin_stream()
        info = {"executor_id": call["executor_id"], **fake.executor}
        framework = {"id": call["framework_id"], "capabilities": [{"type": c} for c in fake.capabilities]}
        subscribed = {"executor_info": info, "framework_info": framework, "agent_info": {}, "container_id": ROOT}
        events.put({"type": "SUBSCRIBED", "subscribed": subscribed})
        with fake.changed:
            fake.subscriptions.append(call["subscribe"])
            fake.stream = None if fake.end_streams else events
            for update in call["subscribe"]["unacknowledged_updates"]:
                self.accept_update(update["status"])
            fake.changed.notify_all()
        if fake.end_streams:
            events.put(None)
        while (event := events.get()) is not None:
            self.wfile.write(chunk(event if isinstance(event, bytes) else record(json.dumps(event).encode())))
        self.close_connection = True
        return None

    def message(self, message: Json) -> None:
        self.answer(202)

    def update(self, update: Json) -> None:
        fake = self.fake
        with fake.changed:
            refused = fake.refuse_updates.pop(0) if fake.refuse_updates else None
            if refused is None:
                self.accept_update(update["status"])
                fake.changed.notify_all()
        self.answer(*(refused or (202, "")))

    def accept_update(self, status: Json) -> None:
        assert len(base64.b64decode(status["uuid"])) == 16
        assert status["source"] == "SOURCE_EXECUTOR"
        self.fake.updates.append(status)
        if self.fake.acknowledge and self.fake.stream is not None:
            acknowledged = {"task_id": status["task_id"], "uuid": status["uuid"]}
            self.fake.stream.put({"type": "ACKNOWLEDGED", "acknowledged": acknowledged})

    # -- operator API ---------------------------------------------------------------------------------------------

    def launch_container(self, call: Json) -> None:
        fake, value = self.fake, call["container_id"]["value"]
        name = name_of(value)
        with fake.changed:
            if value in fake.containers:
                return self.answer(202)
            container = fake.containers[value] = FakeContainer(value, call, launching=True)
            fake.started.append(container)
            fake.changed.notify_all()
            fake.changed.wait_for(lambda: name not in fake.held or container.launch_error is not None, DEADLINE)
            error = container.launch_error or fake.broken.get(name)
            container.launching = False
            if error is not None:
                container.removed = True
            fake.changed.notify_all()
        if name in fake.drop_launch_answer:
            fake.drop_launch_answer.discard(name)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        return self.answer(200) if error is None else self.answer(400, error)

    def find(self, container_id: Json) -> FakeContainer | None:
        container = self.fake.containers.get(container_id["value"])
        return None if container is None or container.removed else container

    def wait_container(self, call: Json) -> None:
        container_id = call["container_id"]
        container = self.find(container_id)
        if container is None:
            return self.answer(
                404, f"Container {container_id['parent']['value']}.{container_id['value']} cannot be found"
            )
        with self.fake.changed:
            self.fake.changed.wait_for(lambda: container.status is not None or not self.fake.is_up)
            if container.status is None:
                self.close_connection = True
                return None
            answer = {"exit_status": container.status, **container.extra}
        if container.name in self.fake.wait_answers:
            return self.answer(*self.fake.wait_answers[container.name])
        if container.name in self.fake.garbled:
            return self.answer(200, "nonsense")
        return self.answer(200, {"type": "WAIT_CONTAINER", "wait_container": answer})

    def kill_container(self, call: Json) -> None:
        fake, signal = self.fake, call["signal"]
        with fake.changed:
            container = self.find(call["container_id"])
            if fake.refuse_signals:
                fake.refuse_signals -= 1
                return self.answer(500, "kill(2) failed")
            too_early = container is not None and container.launching and not fake.kill_finds_launching
            if container is None or container.status is not None or too_early:
                return self.answer(404, f"Container {call['container_id']['value']} cannot be found")
            container.signals.append(signal)
            name = container.name
            if container.launching:
                container.launch_error = "Container is being destroyed during provisioning"
            elif signal == SIGKILL or name not in fake.stubborn:
                container.status = signal
            fake.changed.notify_all()
        return self.answer(200)

    def remove_container(self, call: Json) -> None:
        with self.fake.changed:
            container = self.find(call["container_id"])
            if self.fake.refuse_removals or (container is not None and container.status is None):
                return self.answer(500, "still running")
            self.fake.containers.pop(call["container_id"]["value"], None)
        return self.answer(200)

    def launch_nested_container_session(self, call: Json) -> None:
        fake, value = self.fake, call["container_id"]["value"]
        assert self.headers["Accept"] == "application/recordio"
        if fake.refuse_sessions:
            return self.answer(400, fake.refuse_sessions)
        with fake.changed:
            status = fake.command_results.pop(0) if fake.command_results else 0
            container = fake.containers[value] = FakeContainer(value, call)
        self.begin_stream()
        output = json.dumps({"type": "DATA", "data": {"type": "STDOUT", "data": "b2s="}}).encode()
        self.wfile.write(chunk(record(output)))
        if status is None:
            # Hang until the client closes; then the agent kills the session.
            self.connection.settimeout(DEADLINE)
            self.connection.recv(1)
            status = SIGKILL
        else:
            self.wfile.write(b"0\r\n\r\n")
        with fake.changed:
            container.status = container.status or status
            fake.changed.notify_all()
        self.close_connection = True
        return None
