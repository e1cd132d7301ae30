"""Several schedulers as processes of their own, over one ZooKeeper and one master."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeVar

import httpx2

from tests.ports import free_port

T = TypeVar("T")
Json = dict[str, Any]
DEADLINE = 30.0  # seconds; of everything that has no shorter one of its own
SESSION = 2.0  # seconds after which ZooKeeper ends the session of a scheduler that it no longer hears from
STALENESS, LEADER = "X-Podexec-Staleness", "X-Marathon-Leader"


class Node:
    """One scheduler. Its log is JSON, one event on each line."""

    def __init__(self, store: str, master: str, session: float, more: Sequence[str] = ()) -> None:
        """``session``: its ZooKeeper session's timeout, in seconds."""
        self.url = f"http://127.0.0.1:{free_port()}"
        words = [sys.executable, "-P", "-m", "scheduler.cli.main", "scheduler", "--ha", "--store", store]
        words += ["--master", master, "--listen", self.url.removeprefix("http://")]
        words += ["--zk-session-timeout", str(round(session * 1000)), *more]
        self._words = words
        self.http = httpx2.Client(base_url=self.url, timeout=DEADLINE, trust_env=False)
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, once more if it has ended."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PODEXEC_")}
        self._process = subprocess.Popen(self._words, stderr=subprocess.PIPE, text=True, env=environment)
        self._reader = threading.Thread(target=self._read, args=(self._process,))
        self._reader.start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        for line in process.stderr:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()
        process.stderr.close()

    @property
    def is_running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    def events(self, name: str) -> list[Json]:
        """The lines of the log with this event."""
        found = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [each for each in found if each["event"] == name]

    def event(self, name: str, count: int = 1) -> Json:
        """The ``count``-th line with this event, as soon as it is in the log."""
        end = time.monotonic() + DEADLINE
        with self._changed:
            while len(found := self.events(name)) < count:
                left = end - time.monotonic()
                assert self._changed.wait(max(0.0, left)), f"no {name!r} in the log of {self.url}: {self.tail()}"
        return found[count - 1]

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.lines[-40:])

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: int) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        assert self._process is not None
        if self.is_running:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
        code = self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """The answer to a GET."""
        return self.http.get(path, headers=headers)

    def info(self) -> Json:
        """What it says of itself."""
        answer = self.get("/v2/info")
        assert answer.headers.get("content-type") == "application/json", f"{answer} {answer.headers} {self.tail()}"
        content: Json = answer.json()
        return content

    def info_of_podexec(self) -> Json:
        """What it says of itself that Marathon does not have."""
        content: Json = self.get("/v2/info?embed=podexec").json()["podexec"]
        return content

    def post_pod(self, pod_id: str, **more: Any) -> httpx2.Response:
        """The answer to a request for a new pod."""
        return self.http.post("/v2/pods", json=definition(pod_id, **more))


def definition(pod_id: str, instances: int = 0, **more: Any) -> Json:
    """A small pod."""
    container = {"name": "one", "resources": {"cpus": 0.001, "mem": 1}, "exec": {"command": {"shell": "sleep 1000"}}}
    return {
        "id": pod_id,
        "containers": [container],
        "scaling": {"kind": "fixed", "instances": instances},
        **more,
    }


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = DEADLINE) -> T:
    """The probe's first true result; fails at the deadline with the last result, or its error."""
    end = time.monotonic() + seconds
    seen: object = None
    while time.monotonic() < end:
        try:
            seen = probe()
        except httpx2.HTTPError as error:
            seen = error
        else:
            if seen:
                return seen
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {seconds:g} s; last seen: {seen!r}")


def leader_of(nodes: Sequence[Node]) -> Node:
    """The one that leads, as soon as one does."""

    def probe() -> Node | None:
        for each in nodes:
            if each.is_running and each.info()["elected"]:
                return each
        return None

    try:
        return wait_for("a leader", probe)
    except AssertionError as error:
        raise AssertionError("\n--- ".join([str(error), *(each.tail() for each in nodes)])) from None


def standby_of(nodes: Sequence[Node]) -> Node:
    """One that does not lead and follows the leader, as soon as there is one."""

    def probe() -> Node | None:
        leader = leader_of(nodes)
        for each in nodes:
            if each is not leader and each.is_running:
                answer = each.get("/v2/leader")
                if answer.status_code == 200 and f"http://{answer.json()['leader']}" == leader.url:
                    return each if STALENESS in each.get("/v2/pods").headers else None
        return None

    return wait_for("a standby", probe)


def nothing(_: int) -> Sequence[str]:
    """No options of its own for a scheduler."""
    return ()


@contextmanager
def schedulers(
    store: str,
    master: str,
    count: int = 2,
    session: float = SESSION,
    more: Sequence[str] = (),
    own: Callable[[int], Sequence[str]] = nothing,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[list[Node]]:
    """Schedulers that end with the context. All are started.

    ``more``: further options of all. ``own``: those of the scheduler with this number. ``headers``: of requests.
    """
    nodes = [Node(store, master, session, [*more, *own(number)]) for number in range(count)]
    for each in nodes:
        each.http.headers.update(headers)
    try:
        for each in nodes:
            each.start()
        yield nodes
    finally:
        for each in nodes:
            each.end(signal.SIGKILL)
            each.http.close()
