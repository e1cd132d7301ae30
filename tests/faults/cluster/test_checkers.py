"""Each checker accepts a history as it should be, and notices one that was doctored."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cluster.__main__ import main
from tests.faults.cluster.checkers import LATE_SECONDS, Violation, check
from tests.faults.cluster.history import Entry
from tests.faults.cluster.report import report

_POD, _GONE = "/user1/pod1", "/user1/pod2"
_EXECUTOR = "instance-user1_pod1.0f"


def _task(number: int, incarnation: int = 1) -> list[str]:
    """A container of the pod, as observed."""
    suffix = "" if incarnation == 1 else f".{incarnation}"
    return [
        f"agent-{number}",
        _POD,
        f"{_EXECUTOR}{number}{suffix}",
        f"user1_pod1.instance-0f{number}.main.{incarnation}",
    ]


class _Writer:
    """Writes histories in which each entry is a second later than the one before."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._ops = 0

    def add(self, kind: str, **members: Any) -> Entry:
        entry = {"t": float(len(self.entries)), "kind": kind, **members}
        self.entries.append(entry)
        return entry

    def ask(self, do: str, value: tuple[int, int], outcome: str, pod: str = _POD, **more: Any) -> None:
        self._ops += 1
        op, (revision, instances) = self._ops, value
        self.add("invoke", op=op, worker=1, do=do, pod=pod, revision=revision, instances=instances)
        members = {"status": None, "deployment": None, "found": None, "why": "", "stale": False, **more}
        self.add("answer", op=op, outcome=outcome, **members)

    def event(self, number: int, kind: str, **content: Any) -> None:
        self.add("event", stream="events-1", id=number, type=kind, content=content)

    def status(self, number: int, state: str) -> None:
        self.event(number, "status_update_event", taskId="t", taskStatus=state, message="")


def _fine() -> list[Entry]:
    """A history of everything, in which nothing is wrong."""
    write = _Writer()
    topology = {"masters": 3, "zookeepers": 3, "agents": 3, "schedulers": 1, "ensemble": False}
    write.add("run", seed=7, topology=topology, round_seconds=10.0)
    write.add("round", number=1, faults=[{"kind": "kill", "target": "scheduler-1", "peer": ""}], afterwards="")
    write.ask("create", (1, 2), "ok", deployment="d1")
    write.event(1, "deployment_info", plan="d1")
    write.add("live", live=[_task(1), _task(2)])
    write.status(2, "TASK_STARTING")
    write.status(3, "TASK_RUNNING")
    write.status(4, "TASK_UNREACHABLE")
    write.status(5, "TASK_RUNNING")
    write.event(6, "deployment_success", id="d1", plan="d1")
    write.ask("scale", (1, 1), "maybe")
    write.ask("read", (1, 1), "ok", found=[1, 2])
    write.ask("read", (1, 1), "ok", found=[0, 1], stale=True)
    write.ask("update", (2, 2), "no", status=409)
    write.ask("create", (1, 1), "ok", pod=_GONE)
    write.ask("delete", (1, 1), "ok", pod=_GONE, deployment="d2")
    write.event(7, "deployment_failed", id="d2", plan="d2")
    write.add("ended", server="scheduler-1", code=-9, wanted=True, why="")
    write.add("quiet", number=1, seconds=1.0, pods={_POD: [1, 1]}, live=[_task(1)], executors=[_task(1)[:3:2]])
    write.add("store", fault="lost-store", told=True, before=[_task(1)], after=[_task(1)])
    return write.entries


def _the(entries: list[Entry], kind: str, **members: Any) -> Entry:
    """The first entry of the kind with these members."""
    return next(each for each in entries if each["kind"] == kind and members.items() <= each.items())


def _found(entries: list[Entry]) -> list[Violation]:
    return check(entries)


def test_a_history_as_it_should_be_is_accepted() -> None:
    assert _found(_fine()) == []


def _change(kind: str, change: dict[str, Any], **which: Any) -> Callable[[list[Entry]], None]:
    """Changes members of an entry."""
    return lambda entries: _the(entries, kind, **which).update(change)


def _without(kind: str, **which: Any) -> Callable[[list[Entry]], None]:
    """Removes an entry."""
    return lambda entries: entries.remove(_the(entries, kind, **which))


def _with(kind: str, **members: Any) -> Callable[[list[Entry]], None]:
    """Adds an entry at the end."""
    return lambda entries: entries.append({"t": 99.0, "kind": kind, **members})


def _sudden(kind: str, **members: Any) -> Callable[[list[Entry]], None]:
    """Adds an entry within the round, after the pod was created."""
    return lambda entries: entries.insert(5, {"t": 5.0, "kind": kind, **members})


_RESTLESS = {"number": 2, "seconds": 90.0, "differs": ["/a has none"], "live": [], "executors": []}
DOCTORED = {
    "a write is forgotten": ("acknowledged-writes", _change("quiet", {"pods": {}})),
    "a write is half there": ("acknowledged-writes", _change("quiet", {"pods": {_POD: [1, 3]}})),
    "a refused write is there": ("acknowledged-writes", _change("quiet", {"pods": {_POD: [2, 2]}})),
    "a deleted pod is back": ("acknowledged-writes", _change("quiet", {"pods": {_POD: [1, 1], _GONE: [1, 1]}})),
    "a read is wrong": ("acknowledged-writes", _change("answer", {"found": [9, 9]}, op=3)),
    "it does not converge": ("convergence", _with("restless", **_RESTLESS, pods=None)),
    "a write is forgotten when it does not converge": ("acknowledged-writes", _with("restless", **_RESTLESS, pods={})),
    "a task runs twice": ("no-doubles", _sudden("live", live=[_task(1), ["agent-3", *_task(1)[1:]]])),
    "an instance runs twice": ("no-doubles", _sudden("live", live=[_task(1), _task(1, 2)])),
    "an instance runs twice at last": ("no-doubles", _change("quiet", {"live": [_task(1), _task(1, 2)]})),
    "there are too many": ("not-more-than-wanted", _sudden("live", live=[_task(1), _task(2), _task(3)])),
    "there are too many at last": ("not-more-than-wanted", _change("quiet", {"live": [_task(1), _task(2)]})),
    "a container has no pod": (
        "no-orphans",
        _change("quiet", {"live": [_task(1), ["agent-2", _GONE, "instance-user1_pod2.aa", "x"]]}),
    ),
    "an agent has an executor too many": ("no-orphans", _change("quiet", {"executors": [["agent-2", "instance-a.b"]]})),
    "a status goes back": (
        "monotone-statuses",
        lambda entries: _the(entries, "event", id=5)["content"].update(taskStatus="TASK_STAGING"),
    ),
    "a task ends twice": (
        "monotone-statuses",
        lambda entries: _the(entries, "event", id=2)["content"].update(taskStatus="TASK_FAILED"),
    ),
    "an event is missing": ("gapless-events", _without("event", id=4)),
    "an event comes twice": ("gapless-events", _change("event", {"id": 3}, id=4)),
    "a deployment does not end": ("deployments-end-once", _change("event", {"type": "group_change_success"}, id=7)),
    "a deployment ends twice": (
        "deployments-end-once",
        lambda entries: _the(entries, "event", id=7)["content"].update(id="d1"),
    ),
    "a lost store is not noticed": ("stores-are-told-apart", _change("store", {"told": False})),
    "a lost store costs a container": ("stores-are-told-apart", _change("store", {"after": []})),
    "a scheduler has a traceback": ("no-tracebacks", _with("traceback", server="scheduler-1", text="Traceback")),
    "a request is answered with 500": ("no-tracebacks", _change("answer", {"status": 500, "outcome": "maybe"}, op=2)),
    "a scheduler ends": ("schedulers-stay", _change("ended", {"wanted": False})),
}


@pytest.mark.parametrize("name", DOCTORED)
def test_a_doctored_history_is_noticed(name: str) -> None:
    rule, doctor = DOCTORED[name]
    entries = copy.deepcopy(_fine())
    doctor(entries)
    found = _found(entries)
    assert rule in {violation.rule for violation in found}, found
    text = report(entries, found)
    assert f"FAILED {sum(violation.rule == rule for violation in found)}" in text
    assert "violation 1: " in text


def test_every_checker_has_a_doctored_history() -> None:
    text = report(_fine(), [])
    assert all(rule in text for rule, _ in DOCTORED.values())
    assert text.count("  ok  ") == len({rule for rule, _ in DOCTORED.values()})
    assert "no violations" in text


def test_what_nobody_answered_may_be_carried_out_late_but_not_forever() -> None:
    def history(seconds: float) -> list[Entry]:
        write = _Writer()
        write.ask("create", (1, 1), "ok")
        write.ask("update", (2, 1), "maybe")
        write.ask("update", (3, 1), "ok")
        write.ask("read", (3, 1), "ok", found=[3, 1])
        for entry in write.entries[4:]:
            entry["t"] += seconds
        write.ask("read", (3, 1), "ok", found=[2, 1])
        for entry in write.entries[8:]:
            entry["t"] += seconds
        return write.entries

    assert _found(history(1.0)) == []
    assert [violation.rule for violation in _found(history(LATE_SECONDS + 1))] == ["acknowledged-writes"]


@pytest.mark.parametrize(("target", "violations"), [("agent-1", 0), ("master-2", 0), ("zookeeper-1", 1)])
def test_a_late_launch_is_excused_while_its_agent_may_be_away(target: str, violations: int) -> None:
    entries = _fine()
    _the(entries, "round")["faults"][0]["target"] = target
    _sudden("live", live=[_task(1), _task(1, 2)])(entries)
    assert len(_found(entries)) == violations


@pytest.mark.parametrize("fault", ["full-disk", "fsync-error"])
def test_a_scheduler_may_end_when_its_store_fails(fault: str) -> None:
    entries = _fine()
    _the(entries, "ended")["wanted"] = False
    _the(entries, "round")["faults"][0]["kind"] = fault
    assert _found(entries) == []


@pytest.mark.parametrize(
    "text", [None, "", '{"t": 0, "kind": "round"}\n', "no JSON\n"], ids=["none", "empty", "part", "text"]
)
def test_what_is_no_history_is_refused(text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "history.jsonl"
    if text is not None:
        file.write_text(text)
    assert main(["--check", str(file)]) == 2
    assert capsys.readouterr().err.startswith("make faults: ")


@pytest.mark.parametrize(("doctored", "code"), [(False, 0), (True, 1)], ids=["fine", "doctored"])
def test_a_history_can_be_judged_again_and_its_exit_code_says_how(
    doctored: bool, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = _fine()
    if doctored:
        _change("quiet", {"pods": {}})(entries)
    file = tmp_path / "history.jsonl"
    file.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    assert main(["--check", str(file)]) == code
    shown = capsys.readouterr().out
    assert ("/user1/pod1 is absent, and should be revision 1 with" in shown) == doctored
