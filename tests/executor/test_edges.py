"""Modules around the machine that need no agent: wire, settings, RecordIO, TaskInfo, outbox, imports."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from podexec import taskinfo
from podexec.health import HealthPolicy
from podexec.outbox import Outbox
from podexec.recordio import FramingError, RecordDecoder
from podexec.settings import Settings, SettingsError, parse_duration, parse_endpoint
from podexec.slim_imports import without
from podexec.wire import (
    EXECUTOR_ENVIRONMENT,
    ON_FAILURE,
    READY,
    WIRE_VERSION,
    ContainerOptions,
    Dependency,
    ExecutorData,
    Restart,
    StatusLabels,
    TaskData,
    WireError,
    executor_command,
)
from tests.fakes.agent import task

# -- wire -------------------------------------------------------------------------------------------------------------


def test_the_schedulers_words_arrive() -> None:
    data = ExecutorData(log_level="debug")
    assert ExecutorData.decode(data.encode()) == data
    assert data.version == WIRE_VERSION


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"version":2,"log_level":"info"}', "version 2, but this executor has version 1"),
        (b'{"log_level":"info"}', "integer field 'version'"),
        (b"[1]", "JSON object"),
        (b"{", "not base64 of a JSON object"),
        (b'{"version":1,"log_level":"loud"}', "'loud'"),
        (b'{"version":1,"colour":"red"}', "unknown fields: colour"),
    ],
)
def test_words_that_are_not_understood_are_refused_with_the_reason(text: bytes, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        ExecutorData.decode(base64.b64encode(text).decode())


def test_what_is_not_base64_is_refused() -> None:
    with pytest.raises(WireError, match="not base64"):
        ExecutorData.decode("§")


def test_a_tasks_secrets_arrive() -> None:
    data = TaskData({"container": {"type": "MESOS", "volumes": [{"container_path": "ä"}]}})
    assert TaskData.decode(data.encode()) == data


BEHAVIOUR = ContainerOptions(
    restart=Restart(ON_FAILURE, 3, 0.5, 2.0, 60.0, 600.0),
    essential=False,
    depends_on=(Dependency("db", READY),),
    readiness={"type": "TCP", "tcp": {"port": 80}},
    health_checks=({"type": "COMMAND", "command": {"value": "true"}},),
    pre_stop={"shell": True, "value": "drain"},
)


@pytest.mark.parametrize("behaviour", [BEHAVIOUR, ContainerOptions(), ContainerOptions(essential=False)])
def test_a_tasks_behaviour_arrives(behaviour: ContainerOptions) -> None:
    data = TaskData({"command": {}}, behaviour)
    assert TaskData.decode(data.encode()) == data


@pytest.mark.parametrize(
    ("behaviour", "complaint"),
    [
        ('{"colour":"red"}', "colour"),
        ('{"restart":{"policy":"on_failure"}}', "missing"),
        ('{"depends_on":[{"container":"db","condition":"warm"}]}', "condition is 'warm'; it must be one of started"),
        ('{"depends_on":["db"]}', "cannot read the behaviour"),
        ("[]", "cannot read the behaviour"),
    ],
)
def test_a_behaviour_that_is_not_understood_is_refused(behaviour: str, complaint: str) -> None:
    text = f'{{"version":1,"parts":{{}},"behaviour":{behaviour}}}'
    with pytest.raises(WireError, match=complaint):
        TaskData.decode(base64.b64encode(text.encode()).decode())


def test_a_tasks_data_without_a_behaviour_is_what_it_always_was() -> None:
    assert base64.b64decode(TaskData({"a": 1}).encode()) == b'{"version":1,"parts":{"a":1}}'


@pytest.mark.parametrize("told", [StatusLabels(), StatusLabels(True), StatusLabels(False, 3), StatusLabels(None, 1)])
def test_the_labels_of_a_status_arrive(told: StatusLabels) -> None:
    assert StatusLabels.decode(told.encode()) == told


def test_labels_of_others_are_passed_over() -> None:
    labels = [{"key": "ready"}, {"key": "restarts", "value": "-1"}, {"key": "colour", "value": "red"}]
    assert StatusLabels.decode({"labels": labels}) == StatusLabels()
    assert StatusLabels().encode() is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"version":2,"parts":{"x":"hush"}}', "not of version 1"),
        (b'["hush"]', "not base64 of a JSON object"),
        (b'hush "', "not base64 of a JSON object"),
        (b"\xffhush", "not base64 of a JSON object"),
        (b'{"version":1,"parts":"hush"}', "a version and parts"),
        (b'{"version":1,"parts":{},"hush":1}', "a version and parts"),
    ],
)
def test_a_tasks_secrets_that_are_not_understood_are_refused_untold(text: bytes, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint) as refused:
        TaskData.decode(base64.b64encode(text).decode())
    assert "hush" not in str(refused.value)


def test_the_command_survives_the_shell(tmp_path: Path) -> None:
    python = tmp_path / "my 'python"
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    python.chmod(0o755)
    command = executor_command(str(python), "a b.pyz")
    done = subprocess.run(["/bin/sh", "-c", command], env={}, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("-E|-s|-S|a b.pyz|", "")


@pytest.mark.parametrize("python", ["python3", "/no/such%s\\n/python"])
def test_an_agent_without_python_says_in_one_line_what_to_do(python: str) -> None:
    command = executor_command(python, "podexec.pyz")
    shell = ["/bin/sh", "-c", command]
    nowhere = {"PATH": "/nonexistent"}
    done = subprocess.run(shell, env=nowhere, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 127
    assert done.stderr.startswith(
        f"podexec: {python}: not found on this agent. The executor as a zipapp needs Python 3.11"
    )
    assert done.stderr.count("\n") == 1
    assert "--executor auto" in done.stderr


def test_the_scheduler_gets_nothing_else_with_the_wire() -> None:
    unwanted = ["podexec._vendor", "structlog", "podexec.machine"]
    program = f"import sys, podexec.wire; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"
    assert EXECUTOR_ENVIRONMENT["MALLOC_ARENA_MAX"] == "1"


# -- settings ---------------------------------------------------------------------------------------------------------


def environment(**changes: str) -> dict[str, str]:
    base = {
        "MESOS_FRAMEWORK_ID": "f",
        "MESOS_EXECUTOR_ID": "e",
        "MESOS_AGENT_ENDPOINT": "10.0.0.1:5051",
        "MESOS_SLAVE_PID": "slave(1)@10.0.0.1:5051",
        "MESOS_SANDBOX": "/box",
        "MESOS_CHECKPOINT": "1",
        "MESOS_RECOVERY_TIMEOUT": "15mins",
        "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "500ms",
    }
    return {**base, **changes}


def test_the_agents_environment_is_read() -> None:
    read = Settings.from_environment(environment())
    assert (read.host, read.port, read.path_prefix, read.sandbox) == ("10.0.0.1", 5051, "/slave(1)", "/box")
    assert (read.recovery_timeout, read.backoff_max, read.shutdown_grace) == (900.0, 2.0, 0.5)


def test_the_agents_pid_is_enough_to_find_it() -> None:
    variables = environment()
    del variables["MESOS_AGENT_ENDPOINT"]
    read = Settings.from_environment(variables)
    assert (read.host, read.port, read.path_prefix) == ("10.0.0.1", 5051, "/slave(1)")
    del variables["MESOS_SLAVE_PID"]
    with pytest.raises(SettingsError, match="MESOS_SLAVE_PID is not set"):
        Settings.from_environment(variables)


@pytest.mark.parametrize(("value", "checkpoint"), [("1", True), ("0", False), ("", False)])
def test_checkpointing_is_what_the_agent_says(value: str, checkpoint: bool) -> None:
    assert Settings.from_environment(environment(MESOS_CHECKPOINT=value)).checkpoint is checkpoint


def test_the_token_is_taken_out_of_the_environment_and_not_shown() -> None:
    variables = environment(MESOS_EXECUTOR_AUTHENTICATION_TOKEN="s3cret")
    read = Settings.from_environment(variables)
    assert read.token == "s3cret"
    assert "MESOS_EXECUTOR_AUTHENTICATION_TOKEN" not in variables
    assert "s3cret" not in repr(read)


@pytest.mark.parametrize(
    ("text", "seconds"), [("5secs", 5.0), ("1.5mins", 90.0), ("2hrs", 7200.0), ("10ms", 0.01), ("1weeks", 604800.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["5", "secs", "5 parsecs", ""])
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a duration"):
        parse_duration(text)


def test_endpoints() -> None:
    assert parse_endpoint("[::1]:5051") == ("::1", 5051)
    assert parse_endpoint("agent.example:80") == ("agent.example", 80)
    with pytest.raises(SettingsError, match="HOST:PORT"):
        parse_endpoint("agent")


# -- RecordIO ---------------------------------------------------------------------------------------------------------

STREAM = b"5\nhello0\n11\nwith\nbreaks"
RECORDS = [b"hello", b"", b"with\nbreaks"]


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_records_come_whole_however_the_stream_is_cut(size: int) -> None:
    decoder = RecordDecoder()
    found = [r for i in range(0, len(STREAM), size) for r in decoder.feed(STREAM[i : i + size])]
    assert found == RECORDS


@pytest.mark.parametrize("rubbish", [b"x\n", b"-1\n", b"\n", b"1" * 30, b"99\n"])
def test_a_stream_that_is_no_recordio_is_an_error_at_once(rubbish: bytes) -> None:
    with pytest.raises(FramingError):
        list(RecordDecoder(max_record=50).feed(rubbish))


# -- TaskInfo ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", "web-1"),
        ("a.b/c d", "a-b-c-d-1"),
        ("", "container-1"),
        ("..", "container-1"),
        ("x" * 300, "x" * 200 + "-1"),
    ],
)
def test_container_ids_are_readable_and_legal(name: str, expected: str) -> None:
    assert taskinfo.container_id({"name": name}, "1") == expected


def test_defaults_of_a_task() -> None:
    spec = taskinfo.task_spec(task("web"), "web-1")
    assert (spec.task_id, spec.name, spec.kill_grace, spec.max_completion) == ("pod.web", "web", 3.0, None)
    assert (spec.health, spec.check, spec.readiness, spec.restart) == ((), None, None, None)
    assert (spec.essential, spec.depends_on, spec.has_hook) == (True, (), False)


def test_a_behaviour_is_part_of_what_is_read() -> None:
    info = task("web", data=TaskData(behaviour=BEHAVIOUR).encode(), check={"type": "TCP", "tcp": {"port": 81}})
    read = taskinfo.read(info, "web-1", "10.0.0.2")
    assert (read.spec.restart, read.spec.essential, read.spec.depends_on) == (
        BEHAVIOUR.restart,
        False,
        BEHAVIOUR.depends_on,
    )
    assert (len(read.spec.health), read.spec.readiness, read.spec.check) == (1, 3, "TCP")
    assert (read.spec.has_hook, read.hook) == (True, BEHAVIOUR.pre_stop)
    meanings = [type(meaning("web-1", True, 1, "fine")).__name__ for _, meaning in read.checks]
    assert meanings == ["HealthObserved", "ReadinessObserved", "CheckObserved"]
    assert "data" not in read.launch


def test_a_kill_grace_of_zero_is_zero_and_not_the_default() -> None:
    assert taskinfo.task_spec(task("web", grace=0.0), "web-1").kill_grace == 0.0
    assert taskinfo.kill_grace({"grace_period": {"nanoseconds": "2500000000"}}) == 2.5
    assert taskinfo.kill_grace({}) is None


def test_defaults_of_a_health_check_are_those_of_mesos() -> None:
    check = {"type": "TCP", "tcp": {"port": 80}}
    spec = taskinfo.check_spec(check)
    assert (spec.delay, spec.interval, spec.timeout, spec.port) == (15.0, 10.0, 20.0, 80)
    assert taskinfo.task_spec(task("web", health_check=check), "w").health == (HealthPolicy(10.0, 3),)


def test_a_check_that_says_only_its_kind_has_the_defaults_of_mesos() -> None:
    expected = taskinfo.CheckSpec("HTTP", 15.0, 10.0, 20.0, port=0, path="/", scheme="http", ipv6=False, command=None)
    assert taskinfo.check_spec({"type": "HTTP"}) == expected


def test_a_timeout_of_zero_is_no_timeout() -> None:
    assert taskinfo.check_spec({"type": "TCP", "tcp": {"port": 80}, "timeout_seconds": 0}).timeout is None


def test_the_users_task_info_is_not_changed() -> None:
    info = task("web", container={"type": "MESOS", "volumes": []})
    disk: Any = {"name": "disk", "disk": {"volume": {"container_path": "data", "mode": "RW"}}}
    info["resources"].append(disk)
    call = taskinfo.launch_call(info, "10.0.0.2")
    assert len(call["container"]["volumes"]) == 1
    assert info["container"]["volumes"] == []
    assert len(info["command"]["environment"]["variables"]) == 1


def test_parts_with_secrets_take_the_place_of_those_without() -> None:
    secret = {"type": "VALUE", "value": {"data": "aHVzaA=="}}
    source = {"type": "SECRET", "secret": secret}
    container = {"type": "MESOS", "volumes": [{"container_path": "key", "mode": "RO", "source": source}]}
    command = {"shell": True, "value": "run", "environment": {"variables": [{"name": "PW", "type": "SECRET"}]}}
    data = TaskData({"container": container, "command": command}).encode()
    info = task("web", container={"type": "MESOS", "volumes": []}, data=data)
    call = taskinfo.launch_call(info, "10.0.0.2")
    assert call["container"] == container
    assert call["command"]["environment"]["variables"][0] == {"name": "PW", "type": "SECRET"}
    assert call["command"]["environment"]["variables"][1]["name"] == "MESOS_CONTAINER_IP"
    assert "data" not in call


def test_a_task_without_a_command_runs_its_images_own() -> None:
    info = task("web")
    del info["command"]
    call = taskinfo.launch_call(info, "10.0.0.2")
    assert call["command"]["shell"] is False
    assert "value" not in call["command"]


# -- outbox -----------------------------------------------------------------------------------------------------------


def status(name: str, uuid: str) -> dict[str, Any]:
    return {"task_id": {"value": name}, "uuid": uuid}


def test_one_update_of_a_task_at_a_time_and_tasks_do_not_wait_for_each_other() -> None:
    outbox = Outbox()
    first, second, other = status("a", "1"), status("a", "2"), status("b", "3")
    for s in (first, second, other):
        outbox.add(s)
    assert outbox.wait_due(0) == [first, other]
    outbox.sent([first, other])
    assert outbox.wait_due(0) == []
    outbox.acknowledged("1")
    assert outbox.wait_due(0) == [second]
    assert outbox.pending() == [second, other]


def test_waiting_ends_when_something_is_to_be_sent() -> None:
    outbox = Outbox()
    timer = threading.Timer(0.05, outbox.add, [status("a", "1")])
    timer.start()
    assert outbox.wait_due(10) == [status("a", "1")]
    timer.join()


def test_a_refused_update_is_due_again_soon() -> None:
    outbox = Outbox()
    outbox.add(status("a", "1"))
    outbox.refused(status("a", "1"))
    assert outbox.wait_due(0) == []
    assert outbox.wait_due(5) == [status("a", "1")]


def test_acknowledgements_of_strangers_are_ignored() -> None:
    outbox = Outbox()
    outbox.add(status("a", "1"))
    outbox.acknowledged("2")
    assert len(outbox) == 1


# -- lean imports -----------------------------------------------------------------------------------------------------


def test_modules_kept_out_can_be_imported_afterwards() -> None:
    program = """
from podexec.slim_imports import without
with without("ssl", empty=("asyncio",)):
    import asyncio
    assert not hasattr(asyncio, "run")
    try:
        import ssl
    except ImportError:
        pass
    else:
        raise AssertionError("ssl is there")
import ssl, asyncio
assert asyncio.run and ssl.create_default_context
"""
    subprocess.run([sys.executable, "-c", program], timeout=30, check=True)


def test_a_hollow_module_gives_nothing_and_is_gone_afterwards() -> None:
    program = """
import sys
from podexec.slim_imports import without
with without(hollow=("graphlib",)):
    from graphlib import TopologicalSorter
    assert TopologicalSorter is None
from graphlib import TopologicalSorter
assert TopologicalSorter is not None
"""
    subprocess.run([sys.executable, "-c", program], timeout=30, check=True)


def test_a_module_that_is_there_stays() -> None:
    before = sys.modules["json"]
    with without("json", empty=("subprocess",)):
        assert sys.modules["json"] is before
    assert sys.modules["subprocess"] is subprocess


def test_another_module_takes_the_place_of_one_for_a_while() -> None:
    program = """
import types
from podexec.slim_imports import without
other = types.ModuleType("graphlib")
other.number = 1
with without(instead=[other]):
    from graphlib import number
from graphlib import TopologicalSorter
"""
    subprocess.run([sys.executable, "-c", program], timeout=30, check=True)


# -- the log ----------------------------------------------------------------------------------------------------------


def logged(program: str) -> list[str]:
    """The lines that a program writes to stderr, without their times."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nfrom podexec import log\nlog.configure()\n{program}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return [line.partition(" ")[2] for line in done.stderr.splitlines()]


def test_lines_are_held_until_the_log_starts_and_structlog_with_them() -> None:
    program = """
log.get(pod="p").info("first", task=None, container="c")
assert "structlog" not in sys.modules
log.start()
log.get().warning("second")
"""
    assert logged(program) == ["level=info event=first pod=p container=c", "level=warning event=second"]


def test_an_error_waits_for_nobody() -> None:
    program = """
import os
log.get().info("first")
log.get().error("second")
os._exit(0)
"""
    assert logged(program) == ["level=info event=first", "level=error event=second"]


def test_the_level_also_counts_for_what_was_held() -> None:
    program = """
pymesos = log.in_place_of_logging().getLogger("pymesos")
log.get().info("first")
log.configure("error")
log.start()
log.get().warning("second")
pymesos.warning("of the library")
pymesos.error("of the %s", "library")
log.configure("info")
log.get().info("third")
"""
    assert logged(program) == ['level=error event="of the library" logger=pymesos', "level=info event=third"]


def test_a_librarys_exception_comes_with_its_traceback() -> None:
    program = """
pymesos = log.in_place_of_logging().getLogger("pymesos")
try:
    1 / 0
except ZeroDivisionError:
    pymesos.exception("of the library")
"""
    (line,) = logged(program)
    assert line.startswith('level=error event="of the library"')
    assert "ZeroDivisionError: division by zero" in line
