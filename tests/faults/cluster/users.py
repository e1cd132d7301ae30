"""Users: each has pods of its own, and creates, updates, scales, kills, deletes and reads them.

What a user does next follows from the seed and its number. A request has one of three outcomes: it was carried out
(``ok``), it was not (``no``), or nobody knows (``maybe``): its answer did not come, or a server says that it failed on
the way. A user never asks for a second thing before the first has an outcome.
"""

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx2

from tests.faults.cluster.history import History

_ANSWER_SECONDS = 5.0
_DEFINITE = range(400, 500)
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout)
_PAUSES = (0.05, 0.3, 1.0)  # seconds between requests
_MOST_INSTANCES = 3
_MOST_PODS = 2
_LONGEST = 300
_STALENESS = "X-Podexec-Staleness"  # the header with which standbys answer
REVISION = "REVISION"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request. ``stale``: it is a standby's answer, which may be older than the last write."""

    outcome: str
    status: int | None = None
    body: Any = None
    deployment: str | None = None
    why: str = ""
    stale: bool = False


class Api:
    """The schedulers' APIs, one of which is used until it does not answer. For one thread."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        """``urls``: of the schedulers, by host."""
        self._urls, self._count = itertools.cycle(urls.values()), len(urls)
        self._url = next(self._urls)
        self._client = httpx2.Client(timeout=_ANSWER_SECONDS, trust_env=False)

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Outcome:
        """Send a request once."""
        try:
            answer = self._client.request(method, f"{self._url}{path}", json=body, params=query)
        except httpx2.HTTPError as error:
            self._url = next(self._urls)
            outcome = "no" if isinstance(error, _NOT_SENT) else "maybe"
            return Outcome(outcome, why=f"{type(error).__name__}: {error}"[:_LONGEST])
        status, stale = answer.status_code, _STALENESS in answer.headers
        if answer.is_success:
            deployment = answer.headers.get("Marathon-Deployment-Id")
            return Outcome("ok", status, answer.json() if answer.content else None, deployment, stale=stale)
        if status >= 500:
            self._url = next(self._urls)
        return Outcome("no" if status in _DEFINITE else "maybe", status, why=answer.text[:_LONGEST], stale=stale)

    def get(self, path: str, **query: str) -> Any:
        """JSON at a path, of the scheduler that leads; raises LookupError with the reason if there is none."""
        for _ in range(self._count):
            found = self.ask("GET", path, **query)
            if found.outcome == "ok" and not found.stale:
                return found.body
            if found.stale:
                self._url = next(self._urls)
        raise LookupError(f"GET {path}: {found.status or ''} {found.why or 'a standby'}".replace("  ", " "))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def definition(pod: str, revision: int, instances: int) -> dict[str, Any]:
    """A pod of one or two containers, of unequal size; all but the number of instances follows from the revision."""
    random = Random(f"{pod} {revision}")
    names = ("main", "beside")[: random.choice((1, 1, 2))]
    healthy = random.choice((0, 0.5))
    return {
        "id": pod,
        "environment": {REVISION: str(revision)},
        "containers": [
            {
                "name": name,
                "resources": {"cpus": random.choice((0.01, 0.05, 0.1)), "mem": random.choice((16, 24, 40))},
                "exec": {"command": {"shell": "exec sleep 100000"}},
            }
            for name in names
        ],
        "scaling": {"kind": "fixed", "instances": instances},
        "scheduling": {
            "backoff": {"backoff": 0.2, "backoffFactor": 1.2, "maxLaunchDelay": 2},
            # Nothing may run in addition to what is wanted; this is what the checkers count on. If half of one instance
            # had to stay, there might be a second: nothing could be replaced otherwise.
            "upgrade": {"minimumHealthCapacity": healthy if instances > 1 else 0, "maximumOverCapacity": 0},
            "killSelection": random.choice(("YOUNGEST_FIRST", "OLDEST_FIRST")),
            "unreachableStrategy": {
                "inactiveAfterSeconds": (given_up := random.choice((0, 2))),
                "expungeAfterSeconds": 2 * given_up,
            },
        },
    }


def value_of(found: Mapping[str, Any]) -> list[int]:
    """What a user changes of a pod: its revision and its instances."""
    return [int(found["environment"][REVISION]), int(found["scaling"]["instances"])]


class User:
    """One user, who works in a thread of its own while it is let."""

    def __init__(self, number: int, seed: int, urls: Mapping[str, str], history: History, ops: Iterator[int]) -> None:
        """``ops``: numbers for requests, unique among all users."""
        self.number = number
        self._random = Random(f"user {seed} {number}")
        self._api = Api(urls)
        self._history, self._ops = history, ops
        self._pods: dict[str, list[int]] = {}  # last that it asked for
        self._made = 0
        self._let, self._idle, self._stop = threading.Event(), threading.Event(), threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._work, name=f"user {number}", daemon=True)

    def start(self) -> None:
        """Start the thread; it waits until it is let."""
        self._thread.start()

    def let(self) -> None:
        """Let it work."""
        self._let.set()

    def rest(self, seconds: float) -> None:
        """Let it finish its request, and do no other."""
        self._let.clear()
        if not self._idle.wait(seconds):
            raise TimeoutError(f"user {self.number} waits for an answer longer than {seconds:g} s")

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._let.set()
        self._thread.join()
        self._api.close()

    def _work(self) -> None:
        while not self._stop.is_set():
            if self._let.wait() and not self._stop.is_set():
                self._idle.clear()
                if self._let.is_set():  # else it is waited for
                    self._act()
                self._idle.set()
                self._stop.wait(self._random.choice(_PAUSES))

    def _act(self) -> None:
        """One request."""
        random = self._random
        if not self._pods or (len(self._pods) < _MOST_PODS and random.random() < 0.3):
            self._made += 1
            pod = f"/user{self.number}/pod{self._made}"
            self._pods[pod] = [1, random.randint(1, 3)]
            self._write("create", pod, "POST", "/v2/pods")
            return
        pod = random.choice(sorted(self._pods))
        do = random.choices(("read", "kill", "scale", "update", "delete"), (5, 2, 3, 2, 1))[0]
        if do == "read":
            self._read(pod)
        elif do == "kill":
            self._kill(pod)
        elif do == "delete":
            if self._ask("delete", pod, "DELETE", f"/v2/pods{pod}", force="true").outcome == "ok":
                del self._pods[pod]
        else:
            revision, instances = self._pods[pod]
            if do == "scale":
                self._pods[pod] = [revision, random.randint(0, _MOST_INSTANCES)]
            else:
                self._pods[pod] = [revision + 1, instances]
            self._write(do, pod, "PUT", f"/v2/pods{pod}")

    def _write(self, do: str, pod: str, method: str, path: str) -> None:
        body = definition(pod, *self._pods[pod])
        self._ask(do, pod, method, path, body, force=self._random.choice(("true", "false")))

    def _read(self, pod: str) -> None:
        op = self._invoke("read", pod)
        got = self._api.ask("GET", f"/v2/pods{pod}")
        if got.status == 404:
            self._answer(op, Outcome("ok", 404, stale=got.stale), None)
        else:
            self._answer(op, got, value_of(got.body) if got.outcome == "ok" else None)

    def _kill(self, pod: str) -> None:
        """Kill one of the pod's instances."""
        op = self._invoke("kill", pod)
        try:
            found = self._api.get(f"/v2/pods{pod}::instances")
        except LookupError as error:
            self._answer(op, Outcome("no", why=str(error)))
            return
        ids = sorted(instance["id"] for instance in found)
        if ids:
            path = f"/v2/pods{pod}::instances/{self._random.choice(ids)}"
            self._answer(op, self._api.ask("DELETE", path))
        else:
            self._answer(op, Outcome("no", why="no instances"))

    def _ask(self, do: str, pod: str, method: str, path: str, body: Any = None, **query: str) -> Outcome:
        op = self._invoke(do, pod)
        outcome = self._api.ask(method, path, body, **query)
        self._answer(op, outcome)
        return outcome

    def _invoke(self, do: str, pod: str) -> int:
        op = next(self._ops)
        revision, instances = self._pods[pod]
        members = {"do": do, "pod": pod, "revision": revision, "instances": instances}
        self._history.add("invoke", op=op, worker=self.number, **members)
        return op

    def _answer(self, op: int, outcome: Outcome, found: list[int] | None = None) -> None:
        members = {"status": outcome.status, "deployment": outcome.deployment, "found": found}
        members |= {"why": outcome.why, "stale": outcome.stale}
        self._history.add("answer", op=op, outcome=outcome.outcome, **members)


class Follower:
    """Follows the event stream, and resumes after the last event that it got."""

    def __init__(self, urls: Mapping[str, str], history: History, name: str = "events") -> None:
        """``name``: of the stream in the history."""
        self._urls = itertools.cycle(urls.values())
        self._history, self._name = history, name
        self._streams = 1
        self.last = 0
        self._stop, self._let = threading.Event(), threading.Event()
        self._let.set()
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End; does not wait for a stream that is silent."""
        self._stop.set()
        self._let.set()

    def pause(self) -> None:
        """Do not connect again once the present connection ends."""
        self._let.clear()

    def resume(self, *, anew: bool = False) -> None:
        """Connect again. ``anew``: what follows is another stream, which has its own ids."""
        if anew:
            self._streams += 1
            self.last = 0
        self._let.set()

    def _follow(self) -> None:
        timeout = httpx2.Timeout(_ANSWER_SECONDS, read=20.0)  # a stream gives a sign of life every 15 s
        with httpx2.Client(timeout=timeout, trust_env=False) as client:
            while self._let.wait() and not self._stop.is_set():
                headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.last)}
                url = f"{next(self._urls)}/v2/events?embed=podexec"
                try:
                    with client.stream("GET", url, headers=headers) as answer:
                        if answer.status_code == 200:
                            self._hear(answer.iter_lines())
                except httpx2.HTTPError:
                    pass
                time.sleep(0.2)

    def _hear(self, lines: Iterator[str]) -> None:
        fields: dict[str, str] = {}
        for line in lines:
            if self._stop.is_set():
                return
            if line:
                name, _, text = line.partition(":")
                fields[name] = text.removeprefix(" ")
            else:
                if "data" in fields:
                    self._tell(int(fields["id"]), fields["event"], fields["data"])
                fields = {}

    def _tell(self, number: int, kind: str, data: str) -> None:
        self.last = number
        self._history.add(
            "event", stream=f"{self._name}-{self._streams}", id=number, type=kind, content=_brief(kind, data)
        )


def _brief(kind: str, data: str) -> dict[str, Any]:
    """Of an event, what the checkers read and a person wants to see."""
    content: dict[str, Any] = httpx2.Response(200, text=data).json()
    if "plan" in content:
        content["plan"] = content["plan"].get("id")
    keep = ("id", "plan", "taskId", "taskStatus", "instanceId", "condition", "runSpecId", "message", "reason", "master")
    return {name: content[name] for name in keep if name in content}
