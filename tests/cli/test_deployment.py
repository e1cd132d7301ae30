"""``podexec deployment`` against a real API on a loopback port."""

import json
import re
from pathlib import Path

import pytest

from scheduler.core.events import PodPosted, PodPut, Rollout
from scheduler.model.records import Condition
from tests.cli.conftest import Run
from tests.core.support import definition
from tests.fakes.loop import FakeLoop

ID = "11111111-2222-3333-4444-555555555555"
FORCED = Rollout(force=True)


@pytest.fixture
def deployment_id(url: str, loop: FakeLoop) -> str:
    """The deployment of a new pod that has got no offer yet."""
    loop.happens(PodPosted(1, definition(id="/web")))
    (found,) = loop.world.deployments
    return found


def test_no_deployments(run: Run, url: str) -> None:
    assert run("deployment", "list").out == "No deployment is running.\n"
    assert json.loads(run("deployment", "list", "--json").out) == []


def test_listing_and_showing(run: Run, loop: FakeLoop, deployment_id: str) -> None:
    listed = run("deployment", "list").out
    assert re.search(rf"{deployment_id} +/web +step 2 of 2 +ScalePod /web +\d+d", listed)
    shown = run("deployment", "show", deployment_id).out
    assert re.search(r"1 +StartPod +/web +done", shown)
    assert re.search(r"2 +ScalePod +/web +in progress", shown)
    assert json.loads(run("deployment", "show", deployment_id, "--json").out)["affectedPods"] == ["/web"]
    assert [each["id"] for each in json.loads(run("deployment", "list", "--json").out)] == [deployment_id]


def test_what_it_waits_for_and_how_it_is_carried_out_is_shown(
    run: Run, loop: FakeLoop, deployment_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "pod.json"
    file.write_text(json.dumps({"id": "/b", "containers": [{"name": "c", "resources": {}}], "dependencies": ["/web"]}))
    run("pod", "add", str(file), "--batch-size", "3", "--deadline", "60")
    *_, second = loop.world.deployments
    shown = run("deployment", "show", second).out
    assert "replaces at most 3 instances" in shown
    assert "unless it finishes by 1970-01-12T13:47:40.000Z" in shown
    assert re.search(r"2 +ScalePod +/b +waiting for /web", shown)
    run("deployment", "pause", second)
    assert "rolled back unless it finishes within 60 s" in run("deployment", "show", second).out
    assert "ScalePod /b (waiting for /web)" in run("deployment", "list").out


def test_pausing_and_resuming(run: Run, loop: FakeLoop, deployment_id: str) -> None:
    assert f"podexec deployment resume {deployment_id}" in run("deployment", "pause", deployment_id).out
    assert loop.world.deployments[deployment_id].paused
    assert "step 2 of 2, paused" in run("deployment", "list").out
    assert re.search(r"ScalePod +/web +paused", run("deployment", "show", deployment_id).out)
    assert "is resumed" in run("deployment", "resume", deployment_id).out
    assert not loop.world.deployments[deployment_id].paused
    for verb in ("pause", "resume"):
        assert json.loads(run("deployment", verb, deployment_id, "--json").out)["deploymentId"] == deployment_id


def test_stopping_leaves_all_as_it_is(run: Run, loop: FakeLoop, deployment_id: str) -> None:
    assert "changes already made are kept" in run("deployment", "stop", deployment_id).out
    assert (list(loop.world.deployments), list(loop.world.pods)) == ([], ["/web"])


def test_rolling_back_makes_all_as_it_was(run: Run, loop: FakeLoop, deployment_id: str) -> None:
    loop.offers()
    outcome = run("deployment", "rollback", deployment_id)
    (revert,) = loop.world.deployments
    assert f"(deployment {revert})" in outcome.out
    assert "/web" not in loop.world.pods
    assert f"rolls back deployment {deployment_id}" in run("deployment", "show", revert).out


@pytest.mark.parametrize("verb", ["show", "stop", "rollback", "pause", "resume", "watch"])
def test_an_unknown_deployment(run: Run, url: str, verb: str) -> None:
    outcome = run("deployment", verb, ID)
    assert outcome.code == 1
    assert f"Deployment '{ID}' does not exist" in outcome.err


def test_watching_to_a_good_end(run: Run, loop: FakeLoop, deployment_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", lambda _: loop.run_all())
    outcome = run("deployment", "watch", deployment_id)
    assert (outcome.code, outcome.out) == (0, f"Deployment {deployment_id} is done.\n")
    assert outcome.err == "step 2 of 2: ScalePod /web (/web 0/1 stable)\n"


def test_watching_to_a_bad_end(run: Run, loop: FakeLoop, deployment_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "scheduler.cli.waiting.time.sleep",
        lambda _: loop.happens(PodPut(2, definition(id="/web", instances=2), FORCED)),
    )
    outcome = run("deployment", "watch", deployment_id)
    assert outcome.code == 1
    assert f"deployment {deployment_id} failed: cancelled by a later change" in outcome.err


def test_watching_tells_each_step_and_gives_the_last_event(
    run: Run, loop: FakeLoop, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.run_all()
    loop.happens(PodPut(2, definition(id="/web", labels={"changed": "yes"})))
    (found,) = loop.world.deployments
    old = next(iter(loop.world.instances))
    moves = iter([loop.run_all, lambda: loop.tell(Condition.KILLED, only=old)])
    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", lambda _: next(moves)())
    outcome = run("deployment", "watch", found, "--json")
    assert outcome.code == 0
    end = json.loads(outcome.out)
    assert (end["eventType"], end["id"]) == ("deployment_success", found)
    assert "step 1 of 1: RestartPod /web (/web 1/1 stable)" in outcome.err


def test_watching_gives_up(run: Run, deployment_id: str) -> None:
    outcome = run("deployment", "watch", deployment_id, "--timeout", "0")
    assert outcome.code == 1
    assert "timed out; last seen: step 2 of 2: ScalePod /web" in outcome.err
    assert f"podexec deployment show {deployment_id}" in outcome.err


def test_an_end_that_is_told_no_more(
    run: Run, loop: FakeLoop, deployment_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def happens_long_ago(_: float) -> None:
        loop.run_all()
        loop.bus._tail.clear()

    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", happens_long_ago)
    monkeypatch.setattr("scheduler.cli.waiting._OUTCOME_SECONDS", 0.2)
    outcome = run("deployment", "watch", deployment_id)
    assert outcome.code == 1
    assert "the event that says how it ended is no longer stored" in outcome.err
