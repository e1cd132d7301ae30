"""A stored pod that today's rules refuse: it keeps running, can be scaled down and removed, and the reason is shown."""

from typing import Any

import pytest

from scheduler.core.events import PodPosted
from scheduler.core.frame import Record
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition, render
from scheduler.model.json import Json
from scheduler.store.codec import decode, encode
from tests.api.app import Api
from tests.core.support import container, definition
from tests.fakes.loop import SETTINGS, FakeLoop

ID = "/shop/web"
AT = "/containers(0)"
MOUNT = {"volumeMounts": [{"name": "v", "mountPath": "../v"}]}
# Each with the place that today's rules complain of. The last one only the core refuses: with what it adds itself.
OUTDATED: dict[str, tuple[PodDefinition, str]] = {
    "a mount": (
        definition(container(**MOUNT), instances=3, volumes=[{"name": "v"}]),
        f"{AT}/volumeMounts(0)/mountPath",
    ),
    "an artifact": (
        definition(container(artifacts=[{"uri": "http://x/", "destPath": "a"}]), instances=3),
        f"{AT}/artifacts(0)/uri",
    ),
    "a command": (
        definition(container(exec={"command": {"shell": "x" * 130_000}}), instances=3),
        f"{AT}/exec/command/shell",
    ),
    "a user": (definition(instances=3, user="a:b"), "/user"),
    "an environment": (definition(instances=3, environment={f"A{each}": "x" * 11_900 for each in range(10)}), AT),
}
each_outdated = pytest.mark.parametrize("kind", OUTDATED)


def restarted(kind: str) -> FakeLoop:
    """A scheduler that finds such a pod, with three running instances, in its store."""
    before = FakeLoop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scheduler.core.launch.sizes.problems", lambda settings, asked: ())  # the rules of then
        before.happens(PodPosted(1, OUTDATED[kind][0]))
    before.run_all()
    world = before.world
    records: list[Record] = [*world.pods.values(), *world.definitions.values(), *world.instances.values()]
    if world.framework is not None:
        records.append(world.framework)
    after = FakeLoop()
    after.world = World(SETTINGS, 1, [decode(encode(record)) for record in records])
    return after


def asked(api: Api, instances: int, **changes: Any) -> Json:
    """The pod as it is shown, with another number of instances."""
    shown: Json = api("GET", f"/v2/pods{ID}").json()
    return shown | {"scaling": {"kind": "fixed", "instances": instances}} | changes


def refusal(answer: Any) -> str:
    """The paths at which the definition is refused."""
    assert answer.status_code == 422, answer.text
    assert answer.json()["message"] == "Object is not valid"
    [detail] = answer.json()["details"]
    path: str = detail["path"]
    return path


@each_outdated
def test_it_goes_on_and_is_shown(kind: str) -> None:
    api = Api(restarted(kind))
    assert api("GET", f"/v2/pods{ID}").json() == render(OUTDATED[kind][0]) | {
        "version": api("GET", f"/v2/pods{ID}").json()["version"]
    }
    status = api("GET", f"/v2/pods{ID}::status").json()
    assert [each["status"] for each in status["instances"]] == ["STABLE"] * 3


@each_outdated
def test_more_of_it_are_refused(kind: str) -> None:
    api = Api(restarted(kind))
    before = api("GET", f"/v2/pods{ID}").json()
    assert refusal(api("PUT", f"/v2/pods{ID}", json=asked(api, 4))) == OUTDATED[kind][1]
    assert api("GET", f"/v2/pods{ID}").json() == before


@pytest.mark.parametrize("kind", [kind for kind in OUTDATED if kind != "an environment"])
def test_the_same_again_is_refused(kind: str) -> None:
    """Except the core's rule, which is not applied to an update that changes nothing."""
    api = Api(restarted(kind))
    before = api("GET", f"/v2/pods{ID}").json()
    assert refusal(api("PUT", f"/v2/pods{ID}", json=asked(api, 3))) == OUTDATED[kind][1]
    assert api("GET", f"/v2/pods{ID}").json() == before


@each_outdated
@pytest.mark.parametrize("instances", [2, 0])
def test_fewer_of_it_are_not(kind: str, instances: int) -> None:
    loop = restarted(kind)
    api = Api(loop)
    answer = api("PUT", f"/v2/pods{ID}", json=asked(api, instances))
    assert answer.status_code == 200, answer.text
    assert answer.json()["scaling"] == {"kind": "fixed", "instances": instances}
    place = OUTDATED[kind][1]
    if place != AT:
        assert f'299 podexec "{place}: ' in answer.headers["Warning"]
        assert "only because this update reduces" in answer.headers["Warning"]
    loop.run_all()
    assert sum(each.goal == "Running" for each in loop.world.instances.values()) == instances


@each_outdated
def test_fewer_together_with_another_change_are(kind: str) -> None:
    api = Api(restarted(kind))
    changed = asked(api, 1, labels={"a": "b"})
    assert refusal(api("PUT", f"/v2/pods{ID}", json=changed)) == OUTDATED[kind][1]


@each_outdated
def test_it_can_be_removed(kind: str) -> None:
    api = Api(restarted(kind))
    assert api("DELETE", f"/v2/pods{ID}").status_code == 202
    assert api("GET", f"/v2/pods{ID}").status_code == 404


@each_outdated
def test_an_instance_that_is_killed_is_launched_again(kind: str) -> None:
    """It starts, or the agent reports why not: the scheduler has no other definition for it."""
    loop = restarted(kind)
    api = Api(loop)
    instance_id = api("GET", f"/v2/pods{ID}::instances").json()[0]["id"]
    assert api("DELETE", f"/v2/pods{ID}::instances/{instance_id}").status_code == 200
    loop.run_all()
    assert len(api("GET", f"/v2/pods{ID}::instances").json()) == 3


@each_outdated
def test_an_update_of_it_can_be_rolled_back(kind: str) -> None:
    loop = restarted(kind)
    api = Api(loop)
    before = api("GET", f"/v2/pods{ID}").json()
    valid = render(definition(instances=3))
    updated = api("PUT", f"/v2/pods{ID}", json=valid)
    assert updated.status_code == 200, updated.text
    answer = api("DELETE", f"/v2/deployments/{updated.headers['Marathon-Deployment-Id']}")
    assert answer.status_code == 200
    assert api("GET", f"/v2/pods{ID}").json() == before
    status = api("GET", f"/v2/pods{ID}::status").json()
    assert [each["status"] for each in status["instances"]] == ["STABLE"] * 3


def test_more_can_be_wrong_with_a_definition_than_that_it_has_no_id_that_says_anything(api: Api) -> None:
    """It is normalised before it is refused."""
    for pod_id in ("/", "//", "..", "/..", "a", "/a/../.."):
        answer = api("PUT", "/v2/pods/a", json=render(definition()) | {"id": pod_id})
        assert answer.status_code == 422, answer.text
