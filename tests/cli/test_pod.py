"""``podexec pod`` against a real API on a loopback port."""

import io
import json
import re
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from scheduler.api.access import Access
from scheduler.core.events import OffersReceived, PodPosted, StatusUpdated, Subscribed, Ticked
from scheduler.model.definition import render
from scheduler.model.records import CheckResult, Condition, Goal
from tests.api.app import SERVER, app_over
from tests.cli.conftest import Run, serving
from tests.core.support import container, definition
from tests.fakes.loop import SETTINGS, FakeLoop

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


def launch(loop: FakeLoop, *conditions: Condition) -> None:
    """Place the instance and let its task report these conditions."""
    loop.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    loop.happens(OffersReceived((OFFER,)))
    [task_id] = loop.world.tasks
    for condition in conditions:
        message = "Command exited with status 3" if condition is Condition.FAILED else ""
        loop.happens(StatusUpdated(task_id, condition, "A-1", None, 1_000_000.0, message=message))


def test_add_list_show_remove(run: Run, url: str, loop: FakeLoop, pod_file: str) -> None:
    added = run("pod", "add", pod_file)
    assert added.code == 0
    assert "Pod /web is added" in added.out
    assert "podexec pod show /web" in added.err

    listed = run("pod", "list")
    assert re.search(r"/web +DEGRADED +0/1 +one ", listed.out)

    launch(loop, Condition.RUNNING)
    shown = run("pod", "show", "web")
    assert shown.code == 0
    assert re.search(r"/web  STABLE  1/1 instances stable", shown.out)
    assert re.search(r"one +TASK_RUNNING", shown.out)
    assert "node1" in shown.out

    removed = run("pod", "remove", "/web", "--yes")
    assert removed.code == 0
    assert "/web is removed" in removed.out
    assert "no pods" in run("pod", "list").out


def test_show_tells_how_the_last_instance_ended(run: Run, url: str, loop: FakeLoop, pod_file: str) -> None:
    run("pod", "add", pod_file)
    launch(loop, Condition.RUNNING, Condition.FAILED)
    shown = run("pod", "show", "/web")
    assert "Last terminated instances" in shown.out
    assert "TASK_FAILED" in shown.out
    assert "Command exited with status 3" in shown.out


def test_json_is_the_apis(run: Run, url: str, loop: FakeLoop, pod_file: str) -> None:
    added: Any = json.loads(run("pod", "add", pod_file, "--json").out)
    launch(loop, Condition.RUNNING)
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


def test_an_update_of_what_would_be_refused_today_says_so(run: Run, url: str, loop: FakeLoop, tmp_path: Path) -> None:
    """Fewer instances of it are accepted; quotes in the reason are unescaped."""
    artifacts = [{"uri": "/x", "destPath": path} for path in ('a"b\\c', 'a"b\\c/d')]
    outdated = definition(container(artifacts=artifacts), instances=3)
    loop.happens(PodPosted(1, outdated))
    loop.run_all()
    file = tmp_path / "pod.json"
    shown = render(outdated)
    file.write_text(json.dumps(shown | {"scaling": {"instances": 1}}))
    updated = run("pod", "update", str(file))
    assert updated.code == 0, updated
    assert (
        'warning: /containers(0)/artifacts(1)/destPath: must not be below a"b\\c, the file from artifacts(0)'
        in updated.err
    )
    assert "(accepted only because this update reduces" in updated.err
    file.write_text(json.dumps(shown))
    assert run("pod", "update", str(file)).code == 1


def test_yaml_may_hold_several_pods(run: Run, url: str, loop: FakeLoop, tmp_path: Path) -> None:
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
    assert sorted(loop.world.pods) == ["/a", "/b"]


def test_standard_input(run: Run, url: str, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps([POD, POD | {"id": "/second"}]).encode())))
    assert run("pod", "add", "-").code == 0
    assert sorted(loop.world.pods) == ["/second", "/web"]


@pytest.mark.parametrize(
    ("name", "text", "meaning"),
    [
        ("pod.json", '{"id": "/a",}', "is not JSON"),
        ("pod.yaml", "id: [", "is not YAML"),
        ("pod.yaml", r'id: "\U00110000"', "is not YAML"),
        ("pod.yaml", r'{"\UFFFFFFFF": 1}', "is not YAML"),
        ("pod.yaml", f"%YAML 1.{'9' * 5000}\n---\nid: /a", "is not YAML"),
        ("pod.yaml", "cpus: .inf", "JSON cannot represent"),
        ("pod.yaml", f"cpus: {'9' * 5000}", "JSON cannot represent"),
        ("pod.yaml", f"cpus: 1{':1' * 200}.5", "JSON cannot represent"),
        ("pod.yaml", "", "contains no pod definition"),
        ("pod.json", "[]", "contains no pod definition"),
    ],
    ids=lambda value: value[:20].encode("unicode_escape").decode(),
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


def test_problems_are_told_by_path_in_words(run: Run, url: str, loop: FakeLoop, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("id: /a\ncontainers: [{name: One, resources: {cpus: lots}}]\nenvironment: {PORT: 80}\n")
    outcome = run("pod", "add", str(file))
    assert outcome.code == 1
    assert outcome.out == ""
    assert "/containers(0)/resources/cpus: must be a number" in outcome.err
    assert "/environment/PORT: must be a string (quote it in YAML)" in outcome.err
    assert loop.world.pods == {}


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
    assert "has no id" in outcome.err


def test_a_duplicate_is_refused(run: Run, url: str, pod_file: str) -> None:
    run("pod", "add", pod_file)
    outcome = run("pod", "add", pod_file)
    assert outcome.code == 1
    assert "already exists: /web" in outcome.err


@pytest.mark.parametrize(
    "words",
    [("show", "/none"), ("remove", "/none", "--yes"), ("versions", "/none"), ("kill", "/none", "none.instance-1")],
)
def test_an_unknown_pod(run: Run, url: str, words: tuple[str, ...]) -> None:
    outcome = run("pod", *words)
    assert outcome.code == 1
    assert "Pod '/none' does not exist" in outcome.err


def test_waiting_ends_when_the_pod_is_stable(
    run: Run, url: str, loop: FakeLoop, pod_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change during the pause is seen at the next poll."""
    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", lambda _: launch(loop, Condition.RUNNING))
    outcome = run("pod", "add", pod_file, "--wait")
    assert outcome.code == 0
    assert outcome.err.splitlines()[-2:] == [
        "/web: DEGRADED, 0/1 instances stable",
        "/web: STABLE, 1/1 instances stable",
    ]


def test_a_pod_that_ends_right_after_each_start_is_not_stable(
    run: Run, url: str, loop: FakeLoop, pod_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it is often seen running, it is reported that it keeps ending, how, and when the next try is."""

    def ends_at_every_fifth_look(_: float) -> None:
        loop.now += 100
        loop.happens(Ticked())
        loop.run_all()
        looks.append(1)
        if len(looks) % 5 == 0 and len(endings) < 10:
            endings.append(1)
            loop.tell(Condition.FAILED)

    looks: list[int] = []
    endings: list[int] = []
    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", ends_at_every_fifth_look)
    outcome = run("pod", "add", pod_file, "--wait")
    assert outcome.code == 0
    assert len(endings) == 10
    assert "/web: STABLE, 1/1 instances stable; it keeps ending: " in outcome.err
    assert re.search(r"/web: DEGRADED, 0/1 instances stable; it keeps ending: .*; next try in \d+ s", outcome.err)


def test_waiting_for_a_removal_ends_when_the_id_is_free(
    run: Run, url: str, loop: FakeLoop, pod_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("pod", "add", pod_file)
    launch(loop, Condition.RUNNING)
    hanging = run("pod", "remove", "/web", "--yes", "--wait", "--timeout", "0")
    assert hanging.code == 1
    (instance,) = loop.world.instances
    assert f"{instance} on node1 has not ended yet" in hanging.err
    assert "The deployment continues; to see it: podexec deployment show" in hanging.err
    assert run("pod", "add", pod_file).code == 1

    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", lambda _: loop.tell(Condition.KILLED))
    (deployment,) = loop.world.deployments
    assert run("deployment", "watch", deployment).code == 0
    run("pod", "add", pod_file)
    loop.run_all()
    assert run("pod", "remove", "/web", "--yes", "--wait").code == 0
    assert run("pod", "add", pod_file).code == 0
    Path(pod_file).write_text(json.dumps(POD | {"id": "/shop/web"}))
    assert run("pod", "add", pod_file).code == 0
    loop.run_all()
    assert run("group", "remove", "/shop", "--yes", "--wait").code == 0
    assert run("pod", "add", pod_file).code == 0


def test_repeated_keys_are_told_or_refused_as_the_scheduler_wants(run: Run, url: str, pod_file: str) -> None:
    """Even though the request no longer contains repeated keys."""
    text = Path(pod_file).read_text()
    Path(pod_file).write_text(text[:-1] + ', "user": "a", "user": "b"}')
    for verb in ("add", "update"):
        outcome = run("pod", verb, pod_file)
        assert outcome.code == 0
        assert f"{pod_file}:1: warning: /user: is given more than once" in outcome.err
    strict = FakeLoop(structs.replace(SETTINGS, strict_definitions=True))
    server = replace(SERVER, config={"strict_definitions": True})
    with serving(app_over(strict, server=server)) as address:
        for verb in ("add", "update"):
            outcome = run("pod", verb, pod_file, "--url", address)
            assert outcome.code == 1
            assert f"  {pod_file}:1: /user: is given more than once" in outcome.err
        strict.bus.close()
    assert strict.world.pods == {}


def test_waiting_gives_up_with_the_last_cause(run: Run, url: str, loop: FakeLoop, pod_file: str) -> None:
    run("pod", "add", pod_file)
    launch(loop, Condition.RUNNING, Condition.FAILED)
    outcome = run("pod", "update", pod_file, "--wait", "--timeout", "0")
    assert outcome.code == 1
    assert "timed out; last seen: /web: DEGRADED, 0/1 instances stable" in outcome.err
    assert "Command exited with status 3" in outcome.err


def test_why_a_container_is_not_healthy_is_shown_to_whoever_looks_or_waits(
    run: Run, url: str, loop: FakeLoop, pod_file: str
) -> None:
    run("pod", "add", pod_file)
    launch(loop, Condition.STARTING)
    [task_id] = loop.world.tasks
    found = (CheckResult("health check", False, "http://127.0.0.1:80/w: 404"), CheckResult("check", True, "HTTP 200"))
    loop.happens(
        StatusUpdated(task_id, Condition.STARTING, "A-1", None, 1_000_000.0, message="waits for db", checks=found)
    )
    shown = run("pod", "show", "/web").out
    assert "waits for db" in shown
    assert "health check: http://127.0.0.1:80/w: 404" in shown
    assert "HTTP 200" not in shown, "only what fails"
    outcome = run("pod", "update", pod_file, "--wait", "--timeout", "0")
    assert "one: health check: http://127.0.0.1:80/w: 404" in outcome.err


def test_waiting_for_an_update_does_not_end_with_the_old_instances(
    run: Run, url: str, loop: FakeLoop, pod_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("pod", "add", pod_file)
    launch(loop, Condition.RUNNING)
    (old,) = loop.world.instances
    Path(pod_file).write_text(json.dumps(POD | {"labels": {"changed": "yes"}}))
    moves = chain([loop.run_all, lambda: loop.tell(Condition.KILLED, only=old)], repeat(lambda: None))
    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", lambda _: next(moves)())
    assert run("pod", "update", pod_file, "--wait").code == 0
    assert old not in loop.world.instances


def test_waiting_fails_when_the_deployment_is_rolled_back(
    run: Run, url: str, loop: FakeLoop, pod_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def time_passes(_: float) -> None:
        loop.now += 61
        loop.happens(Ticked())

    monkeypatch.setattr("scheduler.cli.waiting.time.sleep", time_passes)
    outcome = run("pod", "add", pod_file, "--wait", "--deadline", "60")
    assert outcome.code == 1
    assert "/web no longer has the requested version: it was rolled back" in outcome.err


def test_a_change_says_how_it_is_to_be_carried_out(
    run: Run, url: str, loop: FakeLoop, pod_file: str, tmp_path: Path
) -> None:
    run("pod", "add", pod_file, "--deadline", "31536000")
    Path(pod_file).write_text(json.dumps(POD | {"labels": {"changed": "yes"}}))
    locked = run("pod", "update", pod_file)
    assert locked.code == 1
    (first,) = loop.world.deployments
    assert f"Use --force, or wait for the deployment: podexec deployment watch {first}" in locked.err
    assert run("pod", "update", pod_file, "--force", "--batch-size", "100000", "--deadline", "1.5").code == 0
    (second,) = loop.world.deployments.values()
    assert (second.batch_size, second.deadline) == (100_000, loop.now + 1.5)
    assert run("pod", "remove", "/web", "--yes").code == 1
    assert run("pod", "remove", "/web", "--yes", "--force").code == 0


def test_versions_are_listed_with_their_instances(run: Run, url: str, loop: FakeLoop, pod_file: str) -> None:
    run("pod", "add", pod_file)
    launch(loop, Condition.RUNNING)
    old = json.loads(run("pod", "versions", "web", "--json").out)
    loop.now += 60
    Path(pod_file).write_text(json.dumps(POD | {"labels": {"changed": "yes"}}))
    run("pod", "update", pod_file)
    listed = run("pod", "versions", "/web").out.splitlines()
    assert re.search(r"1970-01-12T13:47:40.000Z +\d+d +0 +current", listed[-3] + listed[-2])
    assert re.search(rf"{old[0]} +\d+d +1", "".join(listed))
    assert json.loads(run("pod", "versions", "/web", old[0]).out)["version"] == old[0]
    unknown = run("pod", "versions", "/web", "yesterday")
    assert (unknown.code, "'yesterday' is not a version" in unknown.err) == (1, True)


@pytest.fixture
def instance_ids(run: Run, url: str, loop: FakeLoop, tmp_path: Path) -> list[str]:
    """Two running instances."""
    file = tmp_path / "two.json"
    file.write_text(json.dumps(POD | {"scaling": {"instances": 2}}))
    run("pod", "add", str(file))
    loop.run_all()
    return list(loop.world.instances)


def test_killing_some_instances(run: Run, loop: FakeLoop, instance_ids: list[str]) -> None:
    killed = run("pod", "kill", "/web", instance_ids[0])
    assert (killed.code, killed.out) == (0, f"Instance {instance_ids[0]} is being killed.\n")
    assert [loop.world.instances[each].killing for each in instance_ids] == [True, False]


def test_killing_those_that_are_not_there_fails_and_kills_the_others(
    run: Run, loop: FakeLoop, instance_ids: list[str]
) -> None:
    outcome = run("pod", "kill", "/web", "web.instance-none", instance_ids[1], "--json")
    assert outcome.code == 1
    assert "web.instance-none" in outcome.err
    assert [each["instanceId"] for each in json.loads(outcome.out)] == [instance_ids[1]]


def test_killing_all_or_their_volumes_wants_to_be_sure(run: Run, loop: FakeLoop, instance_ids: list[str]) -> None:
    for words in (("/web",), ("/web", instance_ids[0], "--wipe")):
        assert run("pod", "kill", *words).code == 2
    assert not any(each.killing for each in loop.world.instances.values())
    assert run("pod", "kill", "/web", "--yes").code == 0
    assert all(each.killing for each in loop.world.instances.values())
    assert run("pod", "kill", "/web", instance_ids[0], "--wipe", "--yes").code == 0
    assert loop.world.instances[instance_ids[0]].goal is Goal.DECOMMISSIONED


def test_removing_wants_to_be_sure(run: Run, url: str, loop: FakeLoop, pod_file: str) -> None:
    run("pod", "add", pod_file)
    outcome = run("pod", "remove", "/web")
    assert outcome.code == 2
    assert "--yes" in outcome.err
    assert list(loop.world.pods) == ["/web"]


def test_no_scheduler_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("pod", "list", "--url", "http://127.0.0.1:1")
    assert outcome.code == 1
    assert "no scheduler answers at http://127.0.0.1:1" in outcome.err
    assert "podexec up" in outcome.err


def test_credentials_in_the_url_are_used_and_not_told(
    run: Run, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(app_over(loop, Access("me:hush"))) as address:
        refused = run("pod", "list", "--url", address)
        assert (refused.code, "http://USER:PASSWORD@HOST:PORT" in refused.err) == (1, True)
        assert run("pod", "list", "--url", address.replace("//", "//me:hush@")).code == 0
    nobody = run("pod", "list", "--url", address.replace("//", "//me:hush@"))
    assert (nobody.code, address in nobody.err, "hush" in nobody.err) == (1, True, False)
    wrong = run("pod", "list", "--url", "ftp://me:hush@host")
    assert (wrong.code, "hush" in wrong.err) == (2, False)


def test_the_header_in_the_environment_takes_the_place_of_the_credentials_in_the_url(
    run: Run, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(app_over(loop, Access("me:hush"))) as address:
        monkeypatch.setenv("PODEXEC_AUTHORIZATION", "Basic bWU6aHVzaA==")
        assert run("pod", "list", "--url", address).code == 0
        assert run("pod", "list", "--url", address.replace("//", "//me:wrong@")).code == 0
        monkeypatch.setenv("PODEXEC_AUTHORIZATION", "token=abc")
        refused = run("pod", "list", "--url", address.replace("//", "//me:hush@"))
        assert (refused.code, "PODEXEC_AUTHORIZATION" in refused.err, "abc" in refused.err) == (1, True, False)
        loop.bus.close()


@pytest.mark.parametrize("value", ["token=\nX-Other: 1", "tökén", "\x1b[31m"])
def test_a_header_that_is_none_is_refused_and_not_told(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PODEXEC_AUTHORIZATION", value)
    outcome = run("pod", "list")
    assert (outcome.code, "PODEXEC_AUTHORIZATION" in outcome.err, value in outcome.err) == (2, True, False)


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
