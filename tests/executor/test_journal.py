"""The journal that remains in the sandbox after the executor's end."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from podexec import events as ev
from podexec import journal, log
from podexec.journal import Journal
from podexec.wire import ExecutorData
from tests.executor.conftest import StartExecutor
from tests.fakes.agent import FakeAgent, task

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"


def lines(sandbox: Path, name: str = "journal") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (sandbox / name).read_text().splitlines()]


def test_a_killed_executor_leaves_the_story_of_its_containers(agent: FakeAgent, start: StartExecutor) -> None:
    """The journal does not depend on the log level."""
    agent.executor["data"] = ExecutorData(log_level="error").encode()
    executor = start()
    agent.wait_subscribed()
    agent.stubborn = {"web"}
    agent.launch_group(task("web", grace=1000.0), task("job"))
    agent.wait_state("web", S, R)
    agent.wait_state("job", S, R)
    agent.exit("job", 3 << 8)
    agent.wait_state("web", S, R, K)
    agent.wait(lambda: agent.container("web").signals == [15], "the SIGTERM")
    executor.process.kill()
    executor.wait_exit()
    story = lines(executor.sandbox)
    web = agent.container("web").id
    about_web = [(line["what"], line.get("state")) for line in story if line.get("container_id") == web]
    assert about_web == [
        ("Report", S),
        ("Launch", None),
        ("ContainerLaunched", None),
        ("Report", R),
        ("Report", K),
        ("Signal", None),
    ]
    (end,) = [line for line in story if line["what"] == "ContainerExited"]
    assert end["termination"] == {"wait_status": 3 << 8}
    assert story[0]["tasks"].keys() == {"pod.web", "pod.job"}


def test_a_long_journal_begins_anew_and_keeps_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BYTES", 300)
    kept = Journal(tmp_path)
    for number in range(20):
        kept.write(ev.Signal(f"web-{number}", 15))
    numbers = [line["container_id"] for name in ("journal.1", "journal") for line in lines(tmp_path, name)]
    assert numbers == [f"web-{number}" for number in range(20 - len(numbers), 20)]
    assert len(numbers) > 5


def test_what_is_of_no_interest_is_not_written(tmp_path: Path) -> None:
    kept = Journal(tmp_path)
    for record in (ev.Ticked(), ev.HealthObserved("web-1", True), ev.Note("nothing")):
        kept.write(record)
    assert not (tmp_path / "journal").exists()


def test_a_sandbox_that_cannot_be_written_to_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    logger = SimpleNamespace(warning=lambda event, **fields: said.append(f"{event} {fields['path']}"))
    monkeypatch.setattr(log, "get", lambda: logger)
    kept = Journal(tmp_path / "nowhere")
    kept.write(ev.Leave(0.0))
    kept.write(ev.Leave(0.0))
    assert said == [f"cannot write the journal {tmp_path}/nowhere/journal"]
