"""Checkers: each reads a history alone, and says where it breaks a promise.

A user's request whose answer did not come (``maybe``) may have been carried out, or may be for a while: both are right.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.cluster.history import Entry, of_kind
from tests.faults.cluster.plan import FSYNC_ERROR, FULL_DISK
from tests.faults.cluster.topology import AGENT, MASTER, SCHEDULER, kind_of

# A request may wait in the socket of a scheduler that is stopped; when it goes on, it carries it out.
LATE_SECONDS = 90.0

Value = tuple[int, int] | None  # revision and instances of a pod; None: there is none


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise.

    Attributes:
        rule: name of the checker.
        t: when, in seconds of the history.
        text: what was seen, and what should have been.
        about: names in the history that this is about: a pod, a task, a deployment.
    """

    rule: str
    t: float
    text: str
    about: str = ""


Checker = Callable[[Sequence[Entry]], Iterator[Violation]]


# ---------------------------------------------------------------------------------------------------------- writes


@dataclass
class _Register:
    """What a pod may be, by the writes of its one user."""

    possible: set[Value] = field(default_factory=lambda: {None})
    pending: list[tuple[float, Value]] = field(default_factory=list)

    def allowed(self) -> set[Value]:
        return self.possible | {value for _, value in self.pending}

    def known(self, value: Value, t: float) -> None:
        """From the time ``t`` it was this."""
        self.possible = {value}
        self.pending = [each for each in self.pending if each[0] + LATE_SECONDS > t]


def acknowledged_writes(entries: Sequence[Entry]) -> Iterator[Violation]:
    """What was acknowledged is there, until something else is."""
    registers: dict[str, _Register] = defaultdict(_Register)
    asked: dict[int, Entry] = {}
    for entry in of_kind(entries, "invoke", "answer", "quiet", "restless"):
        if entry["kind"] == "invoke":
            asked[entry["op"]] = entry
        elif entry["kind"] == "answer":
            request = asked.pop(entry["op"])
            yield from _after_answer(registers[request["pod"]], request, entry)
        elif entry["pods"] is not None:
            pods = {pod: (found[0], found[1]) for pod, found in entry["pods"].items()}
            for pod in sorted(registers.keys() | pods.keys()):
                yield from _after_read(registers[pod], pod, pods.get(pod), entry["t"], entry["t"])


def _after_answer(register: _Register, request: Entry, answer: Entry) -> Iterator[Violation]:
    if request["do"] in ("create", "update", "scale", "delete"):
        value = None if request["do"] == "delete" else (request["revision"], request["instances"])
        if answer["outcome"] == "ok":
            register.known(value, request["t"])
        elif answer["outcome"] == "maybe":
            register.pending.append((answer["t"], value))
    elif request["do"] == "read" and answer["outcome"] == "ok" and not answer["stale"]:
        found = answer["found"]
        seen = None if found is None else (found[0], found[1])
        yield from _after_read(register, request["pod"], seen, request["t"], answer["t"])


def _after_read(register: _Register, pod: str, seen: Value, asked: float, t: float) -> Iterator[Violation]:
    if seen not in (allowed := register.allowed()):
        text = f"{pod} is {_value(seen)}, and should be {' or '.join(sorted(map(_value, allowed)))}"
        yield Violation("acknowledged-writes", t, text, pod)
    register.known(seen, asked)


def _value(value: Value) -> str:
    return "absent" if value is None else f"revision {value[0]} with {value[1]} instances"


# ------------------------------------------------------------------------------------------------------ containers


def convergence(entries: Sequence[Entry]) -> Iterator[Violation]:
    """Each round converges in time once it is healed."""
    for entry in of_kind(entries, "restless"):
        text = f"round {entry['number']} has not converged in {entry['seconds']:g} s: {'; '.join(entry['differs'])}"
        yield Violation("convergence", entry["t"], text)


def no_doubles(entries: Sequence[Entry]) -> Iterator[Violation]:
    """No task runs twice; no instance runs twice, except while an agent or a master is disturbed.

    Mesos delivers late what it was told before: such a launch is ended when it is seen.
    """
    disturbed = False
    for entry in of_kind(entries, "round", "live", "quiet"):
        if entry["kind"] == "round":
            disturbed = _hits(entry, AGENT, MASTER)
            continue
        tasks = Counter(task for _, _, _, task in entry["live"])
        for task in sorted(task for task, count in tasks.items() if count > 1):
            yield Violation("no-doubles", entry["t"], f"the task {task} runs {tasks[task]} times", task)
        disturbed &= entry["kind"] != "quiet"
        if not disturbed:
            executors = {(_instance(executor), executor) for _, _, executor, _ in entry["live"]}
            for instance, count in sorted(Counter(instance for instance, _ in executors).items()):
                if count > 1:
                    yield Violation("no-doubles", entry["t"], f"the instance {instance} runs {count} times", instance)


def not_more_than_wanted(entries: Sequence[Entry]) -> Iterator[Violation]:
    """No pod has more instances than any of its definitions wanted since the last quiet moment; then, exactly those."""
    wanted: dict[str, int] = {}
    disturbed = False
    for entry in of_kind(entries, "round", "invoke", "live", "quiet"):
        if entry["kind"] == "round":
            disturbed = _hits(entry, AGENT, MASTER)
        elif entry["kind"] == "invoke":
            if entry["do"] in ("create", "update", "scale"):
                wanted[entry["pod"]] = max(wanted.get(entry["pod"], 0), entry["instances"])
        else:
            if entry["kind"] == "quiet":
                wanted, disturbed = {pod: found[1] for pod, found in entry["pods"].items()}, False
            if not disturbed:
                yield from _more_than(wanted, entry)


def _more_than(wanted: dict[str, int], entry: Entry) -> Iterator[Violation]:
    executors = {(pod, executor) for _, pod, executor, _ in entry["live"]}
    for pod, count in sorted(Counter(pod for pod, _ in executors).items()):
        if pod in wanted and count > wanted[pod]:
            yield Violation("not-more-than-wanted", entry["t"], f"{pod} has {count} instances, not {wanted[pod]}", pod)


def no_orphans(entries: Sequence[Entry]) -> Iterator[Violation]:
    """When it is quiet, nothing runs of a pod that does not exist, by the processes and by the agents."""
    for entry in of_kind(entries, "quiet"):
        live = {executor for _, _, executor, _ in entry["live"]}
        for agent, pod, executor, task in entry["live"]:
            if pod not in entry["pods"]:
                text = f"{task} of {executor} runs on {agent}, and there is no pod {pod}"
                yield Violation("no-orphans", entry["t"], text, executor)
        for agent, executor in entry["executors"]:
            if executor not in live:
                yield Violation("no-orphans", entry["t"], f"{agent} has {executor}, which runs nothing", executor)


# ---------------------------------------------------------------------------------------------------------- events

# A task does not go back to a state of a lower rank, but to be unreachable and return.
_RANKS = {"TASK_STAGING": 0, "TASK_STARTING": 1, "TASK_RUNNING": 2, "TASK_KILLING": 3}
_AWAY = frozenset({"TASK_UNREACHABLE", "TASK_LOST", "TASK_UNKNOWN"})
_END = 4
_ENDS = ("deployment_success", "deployment_failed")


def monotone_statuses(entries: Sequence[Entry]) -> Iterator[Violation]:
    """The states of a task, as told on the event stream, only advance."""
    last: dict[tuple[str, str], str] = {}
    for entry in of_kind(entries, "event"):
        if entry["type"] != "status_update_event":
            continue
        task, state = entry["content"]["taskId"], entry["content"]["taskStatus"]
        before = last.get((entry["stream"], task))
        if state in _AWAY:
            continue
        if before is not None and _RANKS.get(state, _END) < _RANKS.get(before, _END):
            yield Violation("monotone-statuses", entry["t"], f"{task} became {state} after {before}", task)
        last[entry["stream"], task] = state


def gapless_events(entries: Sequence[Entry]) -> Iterator[Violation]:
    """The ids of an event stream increase by one, whatever happens to the connection and the scheduler."""
    last: dict[str, int] = {}
    for entry in of_kind(entries, "event"):
        before = last.get(entry["stream"])
        if before is not None and entry["id"] != before + 1:
            yield Violation("gapless-events", entry["t"], f"event {entry['id']} came after {before}")
        last[entry["stream"]] = entry["id"]


def deployments_end_once(entries: Sequence[Entry]) -> Iterator[Violation]:
    """Each deployment has an end when it is quiet, and only one."""
    ends: Counter[tuple[str, str]] = Counter()
    for entry in of_kind(entries, "event"):
        if entry["type"] in _ENDS:
            deployment = entry["content"]["id"]
            ends[entry["stream"], deployment] += 1
            if ends[entry["stream"], deployment] == 2:
                text = f"the deployment {deployment} ended more than once"
                yield Violation("deployments-end-once", entry["t"], text, deployment)
    last = max((index for index, entry in enumerate(entries) if entry["kind"] == "quiet"), default=-1)
    for deployment, begun in open_deployments(entries[: last + 1]).items():
        text = f"the deployment {deployment}, begun at {begun:g} s, has no end"
        yield Violation("deployments-end-once", entries[last]["t"], text, deployment)


def open_deployments(entries: Sequence[Entry]) -> dict[str, float]:
    """Deployments that were acknowledged or heard of, and have no end so far, with the time of their start."""
    begun: dict[str, float] = {}
    ended: set[str] = set()
    for entry in of_kind(entries, "event", "answer"):
        if entry["kind"] == "answer":
            if entry["deployment"] and entry["outcome"] == "ok":
                begun.setdefault(entry["deployment"], entry["t"])
        elif entry["type"] == "deployment_info":
            begun.setdefault(entry["content"]["plan"], entry["t"])
        elif entry["type"] in _ENDS:
            ended.add(entry["content"]["id"])
    return {deployment: t for deployment, t in begun.items() if deployment not in ended}


def stores_are_told_apart(entries: Sequence[Entry]) -> Iterator[Violation]:
    """With the wrong store a scheduler says so, and ends no container."""
    for entry in of_kind(entries, "store"):
        if not entry["told"]:
            yield Violation("stores-are-told-apart", entry["t"], f"{entry['fault']}: the scheduler said nothing")
        if gone := {task for *_, task in entry["before"]} - {task for *_, task in entry["after"]}:
            text = f"{entry['fault']}: these ended: {', '.join(sorted(gone))}"
            yield Violation("stores-are-told-apart", entry["t"], text)


# --------------------------------------------------------------------------------------------------------- processes


def no_tracebacks(entries: Sequence[Entry]) -> Iterator[Violation]:
    """No scheduler has an error that it does not know."""
    for entry in of_kind(entries, "traceback"):
        yield Violation("no-tracebacks", entry["t"], f"{entry['server']}: {entry['text']}", entry["server"])
    for entry in of_kind(entries, "answer"):
        if entry.get("status") == 500:
            yield Violation("no-tracebacks", entry["t"], f"a request was answered with 500: {entry['why']}")


def schedulers_stay(entries: Sequence[Entry]) -> Iterator[Violation]:
    """A scheduler ends by itself only if it loses its store."""
    excused = False
    for entry in of_kind(entries, "round", "ended"):
        if entry["kind"] == "round":
            kinds = {fault["kind"] for fault in entry["faults"]}
            excused = bool(kinds & {FULL_DISK, FSYNC_ERROR} or entry["afterwards"])
        elif not entry["wanted"] and kind_of(entry["server"]) == SCHEDULER and not excused:
            text = f"{entry['server']} ended by itself, with exit code {entry['code']}: {entry['why']}"
            yield Violation("schedulers-stay", entry["t"], text, entry["server"])


ALL: tuple[Checker, ...] = (
    acknowledged_writes,
    convergence,
    no_doubles,
    not_more_than_wanted,
    no_orphans,
    monotone_statuses,
    gapless_events,
    deployments_end_once,
    stores_are_told_apart,
    no_tracebacks,
    schedulers_stay,
)


def check(entries: Sequence[Entry]) -> list[Violation]:
    """All violations, in the order of time."""
    return sorted((found for checker in ALL for found in checker(entries)), key=lambda found: found.t)


def _hits(entry: Entry, *kinds: str) -> bool:
    """Whether a round has a fault that separates hosts of these kinds from others, or ends them."""
    hosts = {name for fault in entry["faults"] for name in (fault["target"], fault.get("peer", "")) if name}
    return any(kind_of(host) in kinds for host in hosts)


def _instance(executor: str) -> str:
    """The instance of an executor, whose id is ``instance-POD.UUID`` and, from the second on, ``.INCARNATION``."""
    return ".".join(executor.split(".")[:2])
