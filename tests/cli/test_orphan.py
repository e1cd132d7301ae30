"""``podexec orphan`` against a real API on a loopback port."""

import json
from pathlib import Path

import pytest

from scheduler.core.events import StatusUpdated
from scheduler.model.records import Condition
from tests.cli.conftest import Run
from tests.fakes.loop import FakeLoop

UUID = "6b0d5a0f-1111-4222-8333-444455556666"
TASKS = tuple(f"shop_web.instance-{UUID}.{name}.1" for name in ("one", "two"))
ORPHAN = f"instance-shop_web.{UUID}"
DEFINITION = """
id: /shop/web
containers:
  - {name: one, resources: {cpus: 0.1, mem: 32}, exec: {command: {shell: sleep 1000}}}
  - {name: two, resources: {cpus: 0.1, mem: 32}, exec: {command: {shell: sleep 1000}}}
"""


@pytest.fixture
def lost(loop: FakeLoop, url: str) -> FakeLoop:
    """A pod of two containers runs, and so does something else; no record knows them."""
    for each in (*TASKS, "something else"):
        loop.happens(StatusUpdated(each, Condition.RUNNING, "A1", None, loop.now))
    return loop


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The pod's definition."""
    made = tmp_path / "pod.yaml"
    made.write_text(DEFINITION)
    return str(made)


def test_nothing_is_lost(run: Run, url: str) -> None:
    assert run("orphan", "list").out == "Every running task is on record.\n"


def test_they_are_listed_with_their_pods_agents_and_tasks(run: Run, lost: FakeLoop) -> None:
    lines = [line for line in run("orphan", "list").out.splitlines() if line.strip()]
    assert lines[0].split() == ["ORPHAN", "POD", "AGENT", "AGE", "TASKS"]
    assert [line.split()[0] for line in lines if "instance-" in line] == [ORPHAN]
    assert "one: Running" in run("orphan", "list").out
    assert "something else: Running" in run("orphan", "list").out
    assert [each["id"] for each in json.loads(run("orphan", "list", "--json").out)] == [ORPHAN, "something else"]


def test_one_is_adopted(run: Run, lost: FakeLoop, file: str) -> None:
    adopted = run("orphan", "adopt", ORPHAN, file)
    assert (adopted.code, adopted.out) == (0, f"{ORPHAN} is an instance of pod /shop/web.\n")
    assert "podexec pod show /shop/web" in adopted.err
    assert UUID[:8] in run("pod", "show", "/shop/web").out
    again = run("orphan", "adopt", ORPHAN, file)
    assert (again.code, f"Orphan '{ORPHAN}' does not exist" in again.err) == (1, True)


def test_one_that_does_not_fit_says_why(run: Run, lost: FakeLoop, file: str, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(DEFINITION.replace("name: two", "name: three"))
    refused = run("orphan", "adopt", ORPHAN, str(other))
    assert refused.code == 1
    expected = (
        "/containers: The definition has the containers one, three, but of the orphan these are running: one, two"
    )
    assert expected in refused.err
    other.write_text(f"{DEFINITION}  - {{name: three, resources: {{cpus: 0.1, mem: 32}}}}\n")
    refused = run("orphan", "adopt", ORPHAN, str(other))
    assert "these are running: one, two. All have to be running" in refused.err, refused.err


def test_one_is_adopted_with_one_definition(run: Run, lost: FakeLoop, tmp_path: Path) -> None:
    several = tmp_path / "several.yaml"
    several.write_text(f"{DEFINITION}\n---\n{DEFINITION.replace('/shop/web', '/shop/db')}")
    refused = run("orphan", "adopt", ORPHAN, str(several))
    assert (refused.code, "has 2 definitions" in refused.err) == (2, True)


def test_one_is_killed_if_that_is_confirmed(run: Run, lost: FakeLoop) -> None:
    refused = run("orphan", "kill", "something else")
    assert (refused.code, "Pass --yes to confirm." in refused.err) == (2, True)
    assert not lost.world.abandoned
    killed = run("orphan", "kill", "something else", "--yes")
    assert (killed.code, killed.out) == (0, "something else is being killed.\n")
    assert [each.tasks for each in lost.world.abandoned.values()] == [("something else",)]
