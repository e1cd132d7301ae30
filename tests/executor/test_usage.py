"""Usage of containers from /proc, and the messages that request and report it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from podexec.processes import Process, of_proc, of_psutil
from podexec.usage import usage
from podexec.wire import UsageAnswer, UsageQuestion, Use, WireError, run_before, run_id
from tests.executor.conftest import Executor
from tests.fakes.agent import FakeAgent, task, wait_until

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def process(proc: Path, pid: int, parent: int, environment: bytes | None, ticks: int = 0, pages: int = 0) -> None:
    """A process as the kernel shows it; with ``environment`` None, this user may not read that."""
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    before = f"{pid} (a ) name) S {parent} " + "0 " * 9
    after = "0 " * 28  # psutil reads more of it than usage needs
    (folder / "stat").write_text(
        f"{before}{ticks} {2 * ticks} {3 * ticks} {4 * ticks} 20 0 1 0 5 1000 {pages} {after}\n"
    )
    (folder / "statm").write_text(f"9 {pages} 0 0 0 0 0\n")
    if environment is not None:
        (folder / "environ").write_bytes(environment)


@pytest.mark.parametrize("reader", ["psutil", "proc"])
def test_processes_are_those_whose_environment_or_ancestors_name_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    """The static executor has psutil, the zipapp has not: both count the same."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    psutil.process_iter.cache_clear()  # of the real processes with these numbers, which other tests looked at
    (tmp_path / "stat").write_text("btime 1000\n")
    process(tmp_path, 10, 1, b"A=1\0MESOS_TASK_ID=pod.web\0", ticks=TICKS, pages=3)
    process(tmp_path, 11, 10, b"", ticks=TICKS, pages=5)  # cleared its environment
    process(tmp_path, 12, 11, None, pages=1)  # of another user
    process(tmp_path, 13, 1, b"XMESOS_TASK_ID=pod.web\0", pages=100)
    process(tmp_path, 14, 10, b"MESOS_TASK_ID=pod.db\0", pages=7)
    process(tmp_path, 15, 1, b"MESOS_TASK_ID=another.web\0", pages=100)
    process(tmp_path, 16, 17, b"", pages=100)  # two that are each other's parents: the file system lies
    process(tmp_path, 17, 16, b"", pages=100)
    (tmp_path / "18").mkdir()  # ended while it was looked at
    (tmp_path / "self").mkdir()
    running = of_psutil() if reader == "psutil" else of_proc(tmp_path)
    assert usage({"web-1": "pod.web", "db-2": "pod.db", "idle-3": "pod.idle"}, running) == {
        "web-1": Use(20.0, 9 * PAGE, 3),
        "db-2": Use(0.0, 7 * PAGE, 1),
        "idle-3": Use(0.0, 0, 0),
    }


@contextmanager
def busy(task_id: str) -> Iterator[None]:
    """A process of this task that has used some CPU time and memory."""
    code = "x = bytearray(30_000_000)\nfor i in range(3_000_000): pass\nprint(flush=True)\ninput()"
    environment = {**os.environ, "MESOS_TASK_ID": task_id}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield
        started.kill()


@pytest.mark.parametrize("reader", [of_psutil, lambda: of_proc(Path("/proc"))])
def test_it_is_read_off_the_real_proc(reader: Callable[[], Iterator[Process]]) -> None:
    with busy("a.task.of.this.test"):
        used = usage({"c": "a.task.of.this.test"}, reader())["c"]
    assert used.processes == 1
    assert used.cpu_seconds > 0.02
    assert used.memory_bytes > 30_000_000


def test_the_executor_answers_the_question(agent: FakeAgent, executor: Executor) -> None:
    """It reports running containers by id, and ignores any other message."""
    agent.launch_group(task("web"), task("done"))
    agent.wait_state("web", "TASK_STARTING", "TASK_RUNNING")
    agent.exit("done", 0)
    agent.wait_state("done", "TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED")
    with busy("pod.web"):
        for data in ("", "nonsense", base64.b64encode(b'{"other": 1}').decode(), UsageQuestion(7).encode()):
            agent.send({"type": "MESSAGE", "message": {"data": data}})
        wait_until(lambda: agent.called("MESSAGE"), "an answer")
    [call] = agent.called("MESSAGE")
    told = UsageAnswer.decode(call["message"]["data"])
    assert (told.number, list(told.containers)) == (7, [agent.container("web").id])
    assert told.containers[agent.container("web").id].processes == 1


def test_what_is_said_is_understood() -> None:
    answer = UsageAnswer(3, 1.5, {"web-1": Use(0.5, 100, 2)})
    assert UsageAnswer.decode(answer.encode()) == answer
    assert UsageQuestion.decode(UsageQuestion(3).encode()) == UsageQuestion(3)


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"usage": "1"},
        {"usage": 1, "more": 2},
        {"usage": 1, "at": 1, "containers": {"c": {}}},
        {"usage": 1, "at": None, "containers": {}},
        {"usage": 1, "at": True, "containers": {}},
        {"usage": 1, "at": float("inf"), "containers": {}},
        {"usage": 1, "at": 1, "containers": {"c": {"cpu_seconds": True, "memory_bytes": 1, "processes": 1}}},
    ],
)
def test_what_is_not_understood_is_refused(said: Any) -> None:
    data = "///" if said is None else base64.b64encode(json.dumps(said).encode()).decode()
    with pytest.raises(WireError):
        UsageQuestion.decode(data)
    with pytest.raises(WireError):
        UsageAnswer.decode(data)


def test_runs_are_numbered() -> None:
    assert [run_id("web-ab", run) for run in range(3)] == ["web-ab", "web-ab-1", "web-ab-2"]
    assert run_before("web-ab-2", 2) == "web-ab-1"
    assert run_before("web-ab-1", 1) == "web-ab"
    assert run_before("web-ab", 0) is None
    assert run_before("web-ab-1", 2) is None
