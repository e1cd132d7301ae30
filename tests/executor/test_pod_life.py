"""The real executor process and the fake agent: launch, end, kill, exit."""

from __future__ import annotations

import ctypes
import signal
import time

import psutil

from podexec.wire import ExecutorData
from tests.executor.conftest import Executor, StartExecutor
from tests.fakes.agent import FakeAgent, task, wait_until
from tests.fakes.containers import ROOT, SIGKILL, SIGTERM

_TGKILL = 234  # the number of the system call on x86-64
S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, FAILED, KILLED = "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"


def test_a_pod_runs_and_the_executor_leaves_when_all_is_acknowledged(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"), task("db"))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    agent.exit("db", 0)
    last = agent.wait_state("db", S, R, FINISHED)
    assert last["message"] == "Command exited with status 0"
    assert agent.states("web") == [S, R], "a finished container does not end the pod"
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)
    assert executor.wait_exit() == 0


def test_every_status_says_which_nested_container_it_is_about(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)
    statuses = agent.statuses("web")
    expected = {"value": agent.container("web").id, "parent": ROOT}
    assert [s["container_status"]["container_id"] for s in statuses] == [expected] * 3
    assert {s["executor_id"]["value"] for s in statuses} == {"pod"}
    assert len({s["uuid"] for s in statuses}) == 3
    assert all(isinstance(s["timestamp"], float) and abs(s["timestamp"] - time.time()) < 60 for s in statuses)


def test_the_launch_call_carries_the_task_and_what_mesos_adds(agent: FakeAgent, executor: Executor) -> None:
    disk = {"persistence": {"id": "p"}, "volume": {"container_path": "data", "mode": "RO"}}
    resources = [*task("web")["resources"], {"name": "disk", "type": "SCALAR", "scalar": {"value": 1}, "disk": disk}]
    agent.launch_group(task("web", resources=resources, limits={"cpus": {"value": 2}}))
    agent.wait_state("web", S, R)
    call = agent.container("web").call
    variables = [(v["name"], v["value"]) for v in call["command"]["environment"]["variables"]]
    assert variables == [("A", "1"), ("MESOS_CONTAINER_IP", "127.0.0.1"), ("MESOS_ALLOCATION_ROLE", "web")]
    assert call["resources"] == resources
    assert call["limits"] == {"cpus": {"value": 2}}
    source = {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "data"}}
    assert call["container"] == {
        "type": "MESOS",
        "volumes": [{"container_path": "data", "mode": "RO", "source": source}],
    }


def test_the_sandbox_of_a_task_is_found_by_its_id(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    link = executor.sandbox / "tasks" / "pod.web"
    assert str(link.readlink()) == f"../containers/{agent.container('web').id}"


def test_a_container_is_reported_running_while_a_sibling_still_pulls_its_image(
    agent: FakeAgent, executor: Executor
) -> None:
    agent.held = {"slow"}
    agent.launch_group(task("slow"), task("quick"))
    agent.wait_state("quick", S, R)
    assert agent.states("slow") == [S]
    agent.release("slow")
    agent.wait_state("slow", S, R)


def test_a_failed_container_takes_the_pod_down_in_parallel(agent: FakeAgent, executor: Executor) -> None:
    agent.stubborn = {"one", "two"}
    agent.launch_group(task("bad"), task("one", grace=2.0), task("two", grace=2.0))
    for name in ("bad", "one", "two"):
        agent.wait_state(name, S, R)
    began = time.monotonic()
    agent.exit("bad", 3 << 8)
    assert agent.wait_state("bad", S, R, FAILED)["message"] == "Command exited with status 3"
    agent.wait_state("one", S, R, K, KILLED)
    last = agent.wait_state("two", S, R, K, KILLED)
    assert 2.0 <= time.monotonic() - began < 3.9, "each has its own grace, and they run at the same time"
    assert "container bad of the pod ended: Command exited with status 3" in last["message"]
    assert agent.container("one").signals == [SIGTERM, SIGKILL]
    assert executor.wait_exit() == 0


def test_a_launch_that_fails_is_reported_with_the_agents_words_and_ends_the_pod(
    agent: FakeAgent, executor: Executor
) -> None:
    agent.broken = {"bad": "no such image: nope"}
    agent.held = {"good"}
    agent.launch_group(task("good"), task("bad"))
    last = agent.wait_state("bad", S, FAILED)
    assert last["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert "no such image: nope" in last["message"]
    agent.wait_state("good", S, K, KILLED)
    assert executor.wait_exit() == 0


def test_what_the_agent_says_about_the_end_wins(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    limitation = {"resources": [{"name": "mem", "type": "SCALAR", "scalar": {"value": 130.2}}]}
    reason = "REASON_CONTAINER_LIMITATION_MEMORY"
    agent.exit("web", 9, state=FAILED, reason=reason, message="Memory limit exceeded", limitation=limitation)
    last = agent.wait_state("web", S, R, FAILED)
    assert (last["reason"], last["limitation"]) == (reason, limitation)
    assert last["message"] == "Command terminated with signal SIGKILL: Memory limit exceeded"


def test_a_kill_is_a_sigterm_and_ends_the_pod(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"), task("db"))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    agent.kill("web")
    agent.wait_state("web", S, R, K, KILLED)
    agent.wait_state("db", S, R, K, KILLED)
    assert agent.container("web").signals == [SIGTERM]
    assert executor.wait_exit() == 0


def test_task_killing_is_not_sent_to_a_framework_that_does_not_know_it(agent: FakeAgent, start: StartExecutor) -> None:
    agent.capabilities = ()
    start()
    agent.wait_subscribed()
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.kill("web")
    agent.wait_state("web", S, R, KILLED)


def test_the_kill_policy_of_the_event_wins_over_the_tasks(agent: FakeAgent, executor: Executor) -> None:
    agent.stubborn = {"web"}
    agent.launch_group(task("web", grace=1000.0))
    agent.wait_state("web", S, R)
    agent.kill("web", grace=0.3)
    agent.wait_state("web", S, R, K, KILLED)
    assert agent.container("web").signals == [SIGTERM, SIGKILL]


def test_a_second_kill_shortens_the_grace(agent: FakeAgent, executor: Executor) -> None:
    agent.stubborn = {"web"}
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.kill("web", grace=1000.0)
    agent.wait_state("web", S, R, K)
    agent.kill("web", grace=0.0)
    agent.wait_state("web", S, R, K, KILLED)


def test_a_kill_during_the_launch_destroys_the_container(agent: FakeAgent, executor: Executor) -> None:
    agent.held = {"web"}
    agent.launch_group(task("web"))
    agent.wait(lambda: bool(agent.containers), "the launch to begin")
    agent.kill("web")
    last = agent.wait_state("web", S, K, KILLED)
    assert "Killed during the launch" in last["message"]
    assert executor.wait_exit() == 0


def test_a_kill_that_comes_too_early_for_the_agent_is_remembered(agent: FakeAgent, executor: Executor) -> None:
    agent.held, agent.kill_finds_launching = {"web"}, False
    agent.launch_group(task("web"))
    agent.wait(lambda: bool(agent.containers), "the launch to begin")
    agent.kill("web")
    agent.wait(lambda: bool(agent.called("KILL_CONTAINER")), "the first SIGTERM")
    agent.release("web")
    agent.wait_state("web", S, K, KILLED)
    assert agent.container("web").signals == [SIGTERM]


def test_max_completion_time_ends_the_task_as_failed(agent: FakeAgent, executor: Executor) -> None:
    agent.stubborn = {"job"}
    agent.launch_group(task("job", max_completion_time={"nanoseconds": "300000000"}))
    last = agent.wait_state("job", S, R, FAILED)
    assert last["reason"] == "REASON_MAX_COMPLETION_TIME_REACHED"
    assert agent.container("job").signals == [SIGTERM, SIGKILL]


def test_shutdown_kills_all_within_the_agents_grace_and_reports(agent: FakeAgent, start: StartExecutor) -> None:
    executor = start(MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD="1secs")
    agent.wait_subscribed()
    agent.stubborn = {"web"}
    agent.launch_group(task("web", grace=1000.0), task("db", grace=1000.0))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    began = time.monotonic()
    agent.send({"type": "SHUTDOWN"})
    agent.wait_state("web", S, R, K, KILLED)
    agent.wait_state("db", S, R, K, KILLED)
    assert executor.wait_exit() == 0
    assert time.monotonic() - began < 1.5
    assert (agent.container("web").signals, agent.container("db").signals) == ([SIGTERM, SIGKILL], [SIGTERM])


def test_shutdown_leaves_in_time_even_if_a_container_does_not_end(agent: FakeAgent, start: StartExecutor) -> None:
    executor = start(MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD="1secs")
    agent.wait_subscribed()
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.container("web").launching = True  # its signals are taken and do nothing
    agent.send({"type": "SHUTDOWN"})
    assert executor.wait_exit(timeout=3.0) == 0


def test_sigterm_to_the_executor_is_a_shutdown(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    executor.process.send_signal(signal.SIGTERM)
    assert "SIGTERM" in agent.wait_state("web", S, R, K, KILLED)["message"]
    assert executor.wait_exit() == 0


def test_sigterm_is_heard_by_whichever_thread_the_kernel_chooses(agent: FakeAgent, executor: Executor) -> None:
    """The main thread waits for events, and is not interrupted by signals that another thread gets."""
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    pid = executor.process.pid
    other = next(each.id for each in psutil.Process(pid).threads() if each.id != pid)
    assert ctypes.CDLL(None).syscall(_TGKILL, pid, other, signal.SIGTERM) == 0
    assert "SIGTERM" in agent.wait_state("web", S, R, K, KILLED)["message"]
    assert executor.wait_exit() == 0


def test_a_group_for_an_executor_that_shuts_down_is_dropped(agent: FakeAgent, start: StartExecutor) -> None:
    start(MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD="10secs")
    agent.wait_subscribed()
    agent.stubborn = {"web"}
    agent.launch_group(task("web", grace=1000.0))
    agent.wait_state("web", S, R)
    agent.send({"type": "SHUTDOWN"})
    agent.wait_state("web", S, R, K)
    agent.launch_group(task("late"))
    agent.wait_state("late", "TASK_DROPPED")
    agent.exit("web", 0)


def test_a_scheduler_of_another_release_gets_a_clear_failure(agent: FakeAgent, start: StartExecutor) -> None:
    agent.executor["data"] = "eyJ2ZXJzaW9uIjo5OX0="  # {"version":99}
    executor = start()
    agent.wait_subscribed()
    agent.launch_group(task("web"))
    assert "version 99" in agent.wait_state("web", FAILED)["message"]
    assert executor.wait_exit() == 0


def test_the_log_level_comes_with_the_executors_data(agent: FakeAgent, start: StartExecutor) -> None:
    agent.executor["data"] = ExecutorData(log_level="error").encode()
    executor = start()
    agent.wait_subscribed()
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.exit("web", 0)
    executor.wait_exit()
    assert executor.log == ""


def test_every_line_about_a_container_names_pod_task_and_container(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.exit("web", 0)
    executor.wait_exit()
    lines = [line for line in executor.log.splitlines() if "TASK_RUNNING" in line]
    assert [
        f"pod=pod task=pod.web container={agent.container('web').id}" in " ".join(sorted_ids(x)) for x in lines
    ] == [True]


def sorted_ids(line: str) -> list[str]:
    fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
    return [f"{name}={fields[name]}" for name in ("pod", "task", "container")]


def test_without_an_agents_environment_it_says_so(start: StartExecutor) -> None:
    executor = start(MESOS_EXECUTOR_ID="")
    assert executor.wait_exit() == 2
    assert "MESOS_EXECUTOR_ID is not set" in executor.log


def test_an_event_that_makes_no_sense_is_logged_and_survived(agent: FakeAgent, executor: Executor) -> None:
    agent.send({"type": "KILL", "kill": {}})
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    wait_until(lambda: "an event could not be read" in executor.log, "a line about the event")


def test_a_task_that_cannot_be_understood_fails_with_the_reason(agent: FakeAgent, executor: Executor) -> None:
    disk = {"name": "disk", "type": "SCALAR", "scalar": {"value": 1}, "disk": {"volume": {"mode": "RW"}}}
    agent.launch_group(task("good"), task("bad", resources=[disk]))
    assert "cannot read the TaskInfo of pod.bad" in agent.wait_state("bad", FAILED)["message"]
    agent.wait_state("good", FAILED)
    assert executor.wait_exit() == 0
    assert agent.called("LAUNCH_CONTAINER") == []


def test_a_fault_of_the_executor_itself_ends_the_pod_and_is_logged(agent: FakeAgent, executor: Executor) -> None:
    """The agent's answer to WAIT is malformed."""
    agent.garbled = {"web"}
    agent.launch_group(task("web"), task("db"))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    agent.exit("web", 0)
    assert "internal error" in agent.wait_state("db", S, R, K, KILLED)["message"]
    assert executor.wait_exit() == 0
    assert "level=error" in executor.log
