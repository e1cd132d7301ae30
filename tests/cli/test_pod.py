"""``podexec pod`` against a real API on a loopback port."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.events import OffersReceived, StatusUpdated, Subscribed
from scheduler.model.records import Condition
from tests.api.fakes import FakeShell
from tests.cli.conftest import Run

POD = {
    "id": "/web",
    "containers": [{"name": "one", "resources": {"cpus": 0.1}, "exec": {"command": {"shell": "sleep 9"}}}],
}
OFFER = {
    "id": {"value": "O-1"},
    "framework_id": {"value": "F-1"},
    "agent_id": {"value": "A-1"},
    "hostname": "node1",
    "allocation_info": {"role": "*"},
    "resources": [
        {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": "*"}, "role": "*"}
        for name, value in (("cpus", 4.0), ("mem", 4096.0), ("disk", 4096.0))
    ],
}


@pytest.fixture
def pod_file(tmp_path: Path) -> str:
    """A JSON file with one pod."""
    file = tmp_path / "pod.json"
    file.write_text(json.dumps(POD))
    return str(file)


def launch(shell: FakeShell, *conditions: Condition) -> None:
    """Place the one instance and let its task report these."""
    shell.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    shell.happens(OffersReceived((OFFER,)))
    [task_id] = shell.world.tasks
    for condition in conditions:
        message = "Command exited with status 3" if condition is Condition.FAILED else ""
        shell.happens(StatusUpdated(task_id, condition, "A-1", None, 1_000_000.0, message=message))


def test_add_list_show_remove(run: Run, url: str, shell: FakeShell, pod_file: str) -> None:
    added = run("pod", "add", pod_file)
    assert added.code == 0
    assert "Pod /web is added" in added.out
    assert "podexec pod show /web" in added.err

    listed = run("pod", "list")
    assert re.search(r"/web +DEGRADED +0/1 +one ", listed.out)

    launch(shell, Condition.RUNNING)
    shown = run("pod", "show", "web")
    assert shown.code == 0
    assert re.search(r"/web  STABLE  1/1 instances stable", shown.out)
    assert re.search(r"one +TASK_RUNNING", shown.out)
    assert "node1" in shown.out

    removed = run("pod", "remove", "/web", "--yes")
    assert removed.code == 0
    assert "/web is removed" in removed.out
    assert "no pods" in run("pod", "list").out


def test_show_tells_how_the_last_instance_ended(run: Run, url: str, shell: FakeShell, pod_file: str) -> None:
    run("pod", "add", pod_file)
    launch(shell, Condition.RUNNING, Condition.FAILED)
    shown = run("pod", "show", "/web")
    assert "How the last instances ended" in shown.out
    assert "TASK_FAILED" in shown.out
    assert "Command exited with status 3" in shown.out


def test_json_is_the_apis(run: Run, url: str, shell: FakeShell, pod_file: str) -> None:
    added: Any = json.loads(run("pod", "add", pod_file, "--json").out)
    launch(shell, Condition.RUNNING)
    assert added["role"] == "*"
    assert json.loads(run("pod", "show", "/web", "--json").out)["spec"] == added
    assert [status["spec"] for status in json.loads(run("pod", "list", "--json").out)] == [added]
    assert json.loads(run("pod", "remove", "/web", "--yes", "--json").out)["deploymentId"]


def test_update_changes_a_pod(run: Run, url: str, tmp_path: Path) -> None:
    file = tmp_path / "pod.json"
    file.write_text(json.dumps(POD | {"scaling": {"instances": 0}}))
    run("pod", "add", str(file))
    file.write_text(json.dumps(POD | {"scaling": {"instances": 0}, "labels": {"changed": "yes"}}))
    updated = run("pod", "update", str(file), "--wait")
    assert updated.code == 0
    assert "Pod /web is updated" in updated.out
    assert "/web: STABLE, 0/0 instances stable" in updated.err


def test_yaml_may_hold_several_pods(run: Run, url: str, shell: FakeShell, tmp_path: Path) -> None:
    file = tmp_path / "pods.yaml"
    file.write_text(
        """
        id: /a
        version: 2020-01-01T00:00:00.000Z
        containers: [{name: one, resources: {}}]
        ---
        id: /b
        environment: {ON: "yes"}
        containers:
          - name: one
            resources: {mem: 64}
        ---
        """.replace("\n        ", "\n")
    )
    assert run("pod", "add", str(file)).code == 0
    assert sorted(shell.world.pods) == ["/a", "/b"]


def test_standard_input(run: Run, url: str, shell: FakeShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([POD, POD | {"id": "/second"}])))
    assert run("pod", "add", "-").code == 0
    assert sorted(shell.world.pods) == ["/second", "/web"]


@pytest.mark.parametrize(
    ("name", "text", "meaning"),
    [
        ("pod.json", '{"id": "/a",}', "is not JSON"),
        ("pod.yaml", "id: [", "is not YAML"),
        ("pod.yaml", "cpus: .inf", "JSON cannot say"),
        ("pod.yaml", "", "holds no pod definition"),
        ("pod.json", "[]", "holds no pod definition"),
    ],
)
def test_files_that_cannot_be_read(run: Run, url: str, tmp_path: Path, name: str, text: str, meaning: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    outcome = run("pod", "add", str(file))
    assert outcome.code == 2
    assert meaning in outcome.err


def test_a_file_that_is_not_there(run: Run, url: str, tmp_path: Path) -> None:
    outcome = run("pod", "add", str(tmp_path / "none.json"))
    assert outcome.code == 2
    assert "none.json" in outcome.err


def test_problems_are_told_by_path_in_words(run: Run, url: str, shell: FakeShell, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("id: /a\ncontainers: [{name: One, resources: {cpus: lots}}]\nenvironment: {PORT: 80}\n")
    outcome = run("pod", "add", str(file))
    assert outcome.code == 1
    assert outcome.out == ""
    assert "/containers(0)/resources/cpus: must be a number" in outcome.err
    assert "/environment/PORT: must be a text (in YAML, quote it)" in outcome.err
    assert shell.world.pods == {}


@pytest.mark.parametrize("text", ["hello", "5", '"text"', "- - 1"])
def test_what_is_no_definition_is_refused_by_the_scheduler(run: Run, url: str, tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    outcome = run("pod", "add", str(file))
    assert outcome.code == 1
    assert "/: must be an object" in outcome.err


def test_an_update_without_an_id_is_wrong_usage(run: Run, url: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    file.write_text("{}")
    outcome = run("pod", "update", str(file))
    assert outcome.code == 2
    assert "without an id" in outcome.err


def test_a_duplicate_is_refused(run: Run, url: str, pod_file: str) -> None:
    run("pod", "add", pod_file)
    outcome = run("pod", "add", pod_file)
    assert outcome.code == 1
    assert "already exists: /web" in outcome.err


@pytest.mark.parametrize("words", [("show", "/none"), ("remove", "/none", "--yes")])
def test_an_unknown_pod(run: Run, url: str, words: tuple[str, ...]) -> None:
    outcome = run("pod", *words)
    assert outcome.code == 1
    assert "Pod '/none' does not exist" in outcome.err


def test_waiting_ends_when_the_pod_is_stable(
    run: Run, url: str, shell: FakeShell, pod_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens while it pauses is seen when it looks again."""
    monkeypatch.setattr("scheduler.cli.pod.time.sleep", lambda _: launch(shell, Condition.RUNNING))
    outcome = run("pod", "add", pod_file, "--wait")
    assert outcome.code == 0
    assert outcome.err.splitlines()[-2:] == [
        "/web: DEGRADED, 0/1 instances stable",
        "/web: STABLE, 1/1 instances stable",
    ]


def test_waiting_gives_up_with_the_last_cause(run: Run, url: str, shell: FakeShell, pod_file: str) -> None:
    run("pod", "add", pod_file)
    launch(shell, Condition.RUNNING, Condition.FAILED)
    outcome = run("pod", "update", pod_file, "--wait", "--timeout", "0")
    assert outcome.code == 1
    assert "gave up waiting for /web: DEGRADED, 0/1 instances stable" in outcome.err
    assert "Command exited with status 3" in outcome.err


def test_removing_wants_to_be_sure(run: Run, url: str, shell: FakeShell, pod_file: str) -> None:
    run("pod", "add", pod_file)
    outcome = run("pod", "remove", "/web")
    assert outcome.code == 2
    assert "--yes" in outcome.err
    assert list(shell.world.pods) == ["/web"]


def test_no_scheduler_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("pod", "list", "--url", "http://127.0.0.1:1")
    assert outcome.code == 1
    assert "no scheduler answers at http://127.0.0.1:1" in outcome.err
    assert "podexec up" in outcome.err


def test_a_url_that_is_none(run: Run) -> None:
    outcome = run("pod", "list", "--url", "localhost:8080")
    assert outcome.code == 2
    assert "not an http(s) URL" in outcome.err


def test_something_else_there(run: Run, url: str) -> None:
    outcome = run("pod", "list", "--url", f"{url}/ping?")
    assert outcome.code == 1
    assert "/ping" in outcome.err


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_colours(
    run: Run, url: str, pod_file: str, monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool
) -> None:
    monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("TERM", "xterm")
    run("pod", "add", pod_file)
    assert ("\x1b[31m" in run("pod", "list").out) is coloured
