"""``podexec pod why``: where a pod or an instance stands, what it waits for, how it ended, what to do next."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from scheduler.cli.look import Form, Look
from scheduler.cli.why import Facts, advice, page
from scheduler.core.events import OffersReceived
from scheduler.loop.inside import InsideError, Why
from scheduler.model.records import Condition
from tests.api.test_pods import POD
from tests.cli.conftest import Run, Stage
from tests.cli.test_plan import written
from tests.core.support import offer
from tests.fakes.loop import FakeLoop

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
AT = "2026-01-31T11:58:00.000Z"


def facts(**changes: Any) -> Facts:
    """A stable pod of one instance."""
    instance = {"id": "web.instance-1", "status": "STABLE", "statusSince": AT, "agentHostname": "node1"}
    status = {
        "id": "/web",
        "status": changes.pop("is_now", "STABLE"),
        "statusSince": AT,
        "spec": {"scaling": {"instances": 1}, "version": "v1"},
        "instances": [instance | changes.pop("instance", {})],
        "terminationHistory": changes.pop("endings", []),
    }
    return Facts("/web", changes.pop("instance_id", None), status, **changes)


def ending(message: str, code: int | None = None, state: str = "TASK_FAILED") -> dict[str, Any]:
    """How a run ended."""
    end = {"message": message} | ({} if code is None else {"exitCode": code})
    container = {"containerId": "web.instance-1.main.1", "lastKnownState": state, "termination": end}
    return {"instanceID": "web.instance-1", "terminatedAt": AT, "message": message, "containers": [container]}


def text(found: Facts) -> str:
    """The page."""
    return "\n".join(page(found, Look(now=NOON)))


def test_a_stable_pod_needs_nothing() -> None:
    told = text(facts())
    assert told.startswith("/web is STABLE for 2m: 1/1 instances stable.\nIts version is v1.")
    assert "Nothing: all instances are stable." in told
    assert "It waits for" not in told


@pytest.mark.parametrize(
    ("message", "code", "explained", "advised"),
    [
        pytest.param("Command exited with status 3", 3, "exited with status 3", "exited by itself", id="exit code"),
        pytest.param("Command exited with status 137", 137, "status 137 (signal 9)", "exited by itself", id="signal"),
        pytest.param("Command terminated with signal SIGKILL", None, "signal SIGKILL", "timeline", id="killed"),
        pytest.param("sh exited with status 127", 127, "status 127", "was not found", id="not found"),
        pytest.param("Memory limit exceeded: 64MB [x]", 137, "(out of memory)", "more memory", id="out of memory"),
    ],
)
def test_an_end_is_explained(message: str, code: int | None, explained: str, advised: str) -> None:
    found = facts(is_now="DEGRADED", endings=[ending(message, code)], logs=["[red] last words"], logs_of="main")
    told = text(found)
    assert f"2m ago, 1: main: {message}" in told
    assert explained in told
    assert advised in told
    assert "Last lines of main's log:\n  [red] last words" in told


def test_what_it_waits_for_is_told_with_the_nearest_miss_and_the_way_out() -> None:
    nearest = [{"reason": "InsufficientCpus", "asked": "2", "offered": "0.5", "agents": 3}]
    queue = {
        "count": 2,
        "since": AT,
        "delay": {"timeLeftSeconds": 0},
        "pod": {"id": "/web"},
        "podexec": {"nearest": nearest},
    }
    told = text(facts(is_now="DEGRADED", queue=queue))
    assert "an offer that fits: 2 instances wait since 2m" in told
    assert "InsufficientCpus: wants 2; the best of 3 agents had 0.5" in told
    assert "no agent has enough left" in told
    held = text(facts(is_now="DEGRADED", queue=queue | {"delay": {"timeLeftSeconds": 17}, "podexec": {}}))
    assert "the end of the launch back-off, in 17 s" in held
    assert "podexec queue reset-delay /web" in held


def test_a_deployment_is_told_with_its_dependencies_and_how_to_resume_and_undo_it() -> None:
    action = {"action": "RestartPod", "pod": "/web", "podexec": {"waitingFor": ["/db"]}}
    deployment = {
        "id": "d1",
        "affectedPods": ["/web"],
        "currentStep": 1,
        "totalSteps": 2,
        "currentActions": [action],
        "podexec": {"paused": True},
    }
    told = text(facts(deployment=deployment))
    assert "deployment d1, step 1 of 2, paused: RestartPod /web (waiting for /db)" in told
    assert "podexec deployment resume d1" in told
    assert "podexec deployment rollback d1" in told


def test_failing_checks_are_told() -> None:
    checks = {"checks": [{"check": "health", "passed": False, "result": "HTTP 503"}], "restarts": 4}
    container = {"name": "main", "status": "TASK_RUNNING", "podexec": checks}
    told = text(facts(is_now="DEGRADED", instance={"status": "DEGRADED", "containers": [container]}))
    assert "  1: DEGRADED on node1 for 2m" in told
    assert "main: TASK_RUNNING: health: HTTP 503; restarted in place 4 times" in told


def test_of_many_unstable_instances_some_are_told() -> None:
    found = facts(is_now="DEGRADED")
    ids = [f"web.instance-{n:08d}-0000" for n in range(1000)]
    found.status["instances"] = [{"id": each, "status": "PENDING", "statusSince": AT} for each in ids]
    assert "… and 995 more" in text(found)
    assert "  00000004: PENDING for" in text(found)
    assert f"  {ids[4]}: PENDING for" in "\n".join(page(found, Look(Form.WIDE, now=NOON)))


def test_of_an_instance_only_what_concerns_it_is_told() -> None:
    found = facts(instance_id="web.instance-2", endings=[ending("Command exited with status 3", 3)])
    assert found.endings == []
    assert text(found).startswith("web.instance-2 of /web waits for its first launch.")
    found.happenings = [{"at": AT, "what": "ended", "cause": "scaled down"}]
    assert text(found).startswith("web.instance-2 of /web is gone.")
    assert advice(found)[-1].endswith("pod timeline web.instance-2")


@pytest.fixture
def failing(run: Run, url: str, loop: FakeLoop, tmp_path: Path) -> Iterator[str]:
    """A pod whose instance has failed, and waits for an offer; the instance's id."""
    run("pod", "add", written(tmp_path, POD))
    loop.run_all()
    loop.now += 1
    loop.tell(Condition.FAILED, "Command exited with status 3: \x1b[31m[red]")
    loop.now += 30
    loop.happens(OffersReceived((offer("O-9", cpus=0.01),)))
    (only,) = loop.world.instances
    with structlog.testing.capture_logs():  # the API's are not in the output of the command
        yield only


@pytest.mark.parametrize("subject", ["pod", "instance"])
def test_the_command(run: Run, failing: str, subject: str) -> None:
    shown = run("pod", "why", failing if subject == "instance" else "product/web")
    assert shown.code == 0, shown.err
    assert "one: Command exited with status 3" in shown.out
    assert "waits since" in shown.out
    assert "Last lines of one's log" in shown.out
    assert "\x1b" not in shown.out


def test_its_json_has_all_parts(run: Run, failing: str) -> None:
    found = json.loads(run("pod", "why", "product/web", "--json").out)
    assert found["status"]["id"] == "/product/web"
    assert found["log"]["container"] == "one"
    assert [each["what"] for each in found["happenings"]][-1] == "waits for an offer"
    assert found["next"]


@pytest.mark.parametrize("subject", ["none", "product_web.instance-none", "\x1b[31m", "["])
def test_what_is_not_there(run: Run, failing: str, subject: str) -> None:
    refused = run("pod", "why", subject)
    assert refused.code == 1
    assert "\x1b" not in refused.err


def test_the_log_is_that_of_the_run_that_ended(run: Run, loop: FakeLoop, stage: Stage) -> None:
    failed = next(each for each in stage.tasks if ".one." in each)
    run_that_failed = stage.inside.runs[failed]
    assert not isinstance(run_that_failed, InsideError)
    stage.inside.write(run_that_failed, b"".join(b"line %d [x]\n" % number for number in range(30)))
    loop.tell(Condition.FAILED, "Command exited with status 9")
    pod_id = next(iter(loop.world.pods))
    shown = run("pod", "why", pod_id)
    assert shown.code == 0, shown.err
    log = json.loads(run("pod", "why", pod_id, "--json").out)["log"]
    assert log["container"] == "one"
    assert log["lines"] == [f"line {number} [x]" for number in range(20, 30)]


def test_a_log_that_cannot_be_read_is_no_failure(run: Run, loop: FakeLoop, stage: Stage) -> None:
    loop.tell(Condition.FAILED, "Command exited with status 9")
    stage.inside.broken = InsideError(Why.UNREACHABLE, "the agent does not answer")
    shown = run("pod", "why", next(iter(loop.world.pods)))
    assert shown.code == 0
    assert "(the agent does not answer)" in shown.out
