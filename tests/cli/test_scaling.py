"""`podexec pod scale`, `stop`, `start` and `restart` against a real API on a loopback port."""

import json

import httpx2
import pytest

from scheduler.cli.client import Client
from scheduler.core.events import PodPosted, PodPut, Rollout
from scheduler.model.json import Json
from scheduler.model.records import Condition
from tests.cli.conftest import Run
from tests.core.support import container, definition
from tests.fakes.loop import FakeLoop


@pytest.fixture
def web(loop: FakeLoop, url: str) -> str:
    """A pod of three running instances; its id."""
    loop.happens(PodPosted(1, definition(container(), id="/shop/web", instances=3)))
    loop.run_all()
    return "/shop/web"


def wanted(loop: FakeLoop) -> int:
    """The number of instances that the definition asks for now."""
    return loop.world.current(loop.world.pods["/shop/web"]).scaling.instances


def test_scale_changes_the_number_alone(run: Run, web: str, loop: FakeLoop) -> None:
    before = loop.world.current(loop.world.pods[web])
    scaled = run("pod", "scale", "shop/web", "5")
    assert (scaled.code, scaled.err) == (0, "")
    assert "Pod /shop/web is scaled to 5 instances (deployment " in scaled.out
    after = loop.world.current(loop.world.pods[web])
    assert after.scaling.instances == 5
    assert after == before.model_copy(update={"version": after.version, "scaling": after.scaling})
    assert json.loads(run("pod", "scale", web, "4", "--force", "--json").out)["scaling"]["instances"] == 4


@pytest.mark.parametrize("command", [("scale", "/shop/web", "0"), ("stop", "/shop/web"), ("restart", "/shop/web")])
def test_what_ends_all_instances_is_confirmed(run: Run, web: str, loop: FakeLoop, command: tuple[str, ...]) -> None:
    refused = run("pod", *command)
    assert (refused.code, refused.out) == (2, "")
    assert "without confirmation" in refused.err
    assert loop.asked == []
    assert run("pod", *command, "--yes").code == 0
    assert len(loop.asked) == 1


def test_a_stopped_pod_starts_with_as_many_instances_as_before(run: Run, web: str, loop: FakeLoop) -> None:
    """Also after another change while it was stopped; the number is in the stored versions."""
    run("pod", "scale", web, "2")
    assert run("pod", "stop", web, "--yes", "--force").code == 0
    assert wanted(loop) == 0
    loop.happens(
        PodPut(9, definition(container(), id=web, instances=0, labels={"changed": "yes"}), Rollout(force=True))
    )
    started = run("pod", "start", web, "--force")
    assert started.code == 0, started.err
    assert "is started with 2 instances" in started.out
    assert wanted(loop) == 2
    assert loop.world.current(loop.world.pods[web]).labels == {"changed": "yes"}


def test_what_runs_is_not_started(run: Run, web: str, loop: FakeLoop) -> None:
    refused = run("pod", "start", web)
    assert refused.code == 1
    assert "/shop/web is not stopped: its definition asks for 3 instances" in refused.err
    assert loop.asked == []


def test_a_pod_that_never_had_instances_is_not_started(run: Run, url: str, loop: FakeLoop) -> None:
    loop.happens(PodPosted(1, definition(container(), id="/a[b]", instances=0)))
    refused = run("pod", "start", "/a[b]")
    assert refused.code == 1
    assert "no stored version of /a[b] asks for any instances" in refused.err
    assert "podexec pod scale /a[b] N" in refused.err


def test_restart_replaces_the_instances_by_new_ones_of_the_same_definition(run: Run, web: str, loop: FakeLoop) -> None:
    pod = loop.world.pods[web]
    before, old = loop.world.current(pod), set(loop.world.instances)
    restarted = run("pod", "restart", "shop/web", "--yes", "--batch-size", "1")
    assert restarted.code == 0, restarted.err
    assert "Pod /shop/web is restarting (deployment " in restarted.out
    now = loop.world.pods[web]
    after = loop.world.current(now)
    assert after.version != before.version
    assert after == before.model_copy(update={"version": after.version})
    assert now.config_version == after.version
    assert now.history[-1].deed == "restarted"
    (deployment,) = loop.world.deployments.values()
    assert deployment.batch_size == 1
    for _ in range(10):
        loop.run_all()
        settling = [each for each in loop.world.instances.values() if each.id in old and each.goal != "running"]
        for each in settling:
            loop.tell(Condition.KILLED, only=each.id)
    assert old.isdisjoint(loop.world.instances)
    assert len(loop.world.instances) == 3


def test_a_deployment_in_the_way_is_named_and_force_cancels_it(run: Run, web: str, loop: FakeLoop) -> None:
    assert run("pod", "restart", web, "--yes").code == 0
    refused = run("pod", "restart", web, "--yes")
    assert refused.code == 1
    assert "podexec deployment watch" in refused.err
    assert run("pod", "restart", web, "--yes", "--force").code == 0


def test_a_pod_that_does_not_exist(run: Run, url: str) -> None:
    for command in (("scale", "none", "2"), ("stop", "none"), ("start", "none"), ("restart", "none", "--yes")):
        refused = run("pod", *command)
        assert (refused.code, "Pod '/none' does not exist" in refused.err) == (1, True), command


def test_with_wait_it_returns_when_the_pod_is_stable(
    run: Run, web: str, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = run("pod", "scale", web, "4", "--wait", "--timeout", "0")
    assert (late.code, "timed out; last seen: /shop/web: DEGRADED, 3/4 instances stable" in late.err) == (1, True)
    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", lambda _: loop.run_all())
    assert run("pod", "scale", web, "5", "--wait", "--force").code == 0


def test_the_call_of_a_restart(web: str, url: str, loop: FakeLoop) -> None:
    answer = httpx2.post(f"{url}/v2/pods/shop/web::restart?deadlineSeconds=60", trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["Marathon-Deployment-Id"] in loop.world.deployments
    assert answer.json()["version"] == loop.world.pods[web].version
    assert httpx2.post(f"{url}/v2/pods/shop/web::restart?batchSize=0", trust_env=False).status_code == 400


def test_a_pod_that_was_changed_meanwhile_is_not_scaled(
    run: Run, web: str, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The definition that was read is not written over another one."""
    read = Client.definition

    def read_and_changed(client: Client, pod_id: str) -> Json:
        found = read(client, pod_id)
        loop.happens(PodPut(9, definition(container(), id=web, instances=3, labels={"changed": "yes"})))
        return found

    monkeypatch.setattr(Client, "definition", read_and_changed)
    refused = run("pod", "scale", web, "5", "--force")
    assert refused.code == 1
    assert wanted(loop) == 3
    assert loop.world.current(loop.world.pods[web]).labels == {"changed": "yes"}
