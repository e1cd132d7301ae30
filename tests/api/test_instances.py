"""``::instances``: which instances a kill selects, its answer, and what becomes of them."""

from typing import Any

import pytest

from scheduler.core.effects import Kill
from scheduler.core.events import InstancesKilled
from scheduler.model.records import Condition, Goal
from tests.api.app import Api
from tests.api.test_openapi import problems
from tests.api.test_pods import POD
from tests.core.support import offer
from tests.fakes.loop import FakeLoop

ELSEWHERE = "product_web.instance-00000000-0000-0000-0000-000000000000"


@pytest.fixture
def ids(api: Api, loop: FakeLoop) -> list[str]:
    """Two running instances."""
    pod: dict[str, Any] = POD | {"scaling": {"instances": 2}}
    pod["scheduling"] = {"unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 9}}
    api("POST", "/v2/pods", json=pod)
    domain = {"fault_domain": {"region": {"name": "north"}, "zone": {"name": "a"}}}
    attributes = [{"name": "rack", "type": "TEXT", "text": {"value": "r1"}}]
    loop.offers(offer("O-small", cpus=0.3))
    loop.world.volatile.connection.region = "north"
    loop.offers(offer("O-domain", "A2", domain=domain, attributes=attributes))
    loop.tell(Condition.RUNNING)
    return list(loop.world.instances)


def test_one_instance_is_killed_and_shown_as_it_was(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    loop.now += 10
    answer = api("DELETE", f"/v2/pods/product/web::instances/{ids[0]}")
    assert answer.status_code == 200
    assert answer.json() == {
        "instanceId": ids[0],
        "state": {
            "condition": "Running",
            "since": "1970-01-12T13:46:40.000Z",
            "activeSince": "1970-01-12T13:46:40.000Z",
            "goal": "Running",
        },
        "agentInfo": {"host": "a1.example", "agentId": "A1", "attributes": []},
        "runSpecVersion": "1970-01-12T13:46:40.000Z",
        "unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 9},
    }
    assert loop.world.instances[ids[0]].killing
    assert not loop.world.instances[ids[1]].killing


def test_a_killed_instance_comes_back_as_itself(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    api("DELETE", f"/v2/pods/product/web::instances/{ids[0]}")
    loop.tell(Condition.KILLED)
    loop.run_all()
    instance = loop.world.instances[ids[0]]
    assert (instance.incarnation, instance.goal) == (2, Goal.RUNNING)


def test_a_wiped_instance_is_replaced_by_another(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    assert api("DELETE", f"/v2/pods/product/web::instances/{ids[0]}?wipe=true").status_code == 200
    assert loop.world.instances[ids[0]].goal is Goal.DECOMMISSIONED
    loop.tell(Condition.KILLED)
    loop.run_all()
    assert ids[0] not in loop.world.instances
    assert len(loop.world.instances) == 2


@pytest.mark.parametrize("path", ["/v2/pods/product/web::instances", "/v2/pods//product/web/::instances/"])
def test_a_list_kills_those_that_are_there_each_once(api: Api, loop: FakeLoop, ids: list[str], path: str) -> None:
    answer = api("DELETE", path, json=[ids[1], ELSEWHERE, ids[0], ids[1]])
    assert answer.status_code == 200
    assert [each["instanceId"] for each in answer.json()] == [ids[1], ids[0]]
    assert problems(answer.json()[0], "Instance") == []
    assert all(instance.killing for instance in loop.world.instances.values())


def test_a_list_of_none_that_is_there_kills_none(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    for asked in ([ELSEWHERE], []):
        answer = api("DELETE", "/v2/pods/product/web::instances", json=asked)
        assert (answer.status_code, answer.json()) == (200, [])


def test_killing_goes_on_beside_a_deployment(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    api("PUT", "/v2/pods/product/web", json=POD | {"scaling": {"instances": 3}})
    assert loop.world.deployments
    assert api("DELETE", f"/v2/pods/product/web::instances/{ids[0]}").status_code == 200


def test_killing_what_waits_asks_mesos_for_nothing(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD)
    (waiting,) = loop.world.instances
    effects = loop.happens(InstancesKilled(0, "/product/web", (waiting,)))
    assert not [each for each in effects if isinstance(each, Kill)]
    answer = api("DELETE", f"/v2/pods/product/web::instances/{waiting}").json()
    assert answer["state"]["condition"] == "Scheduled"
    assert "agentInfo" not in answer
    assert waiting in loop.world.instances


def test_where_an_agent_says_more_of_itself_it_is_told(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    on_second = next(each for each in loop.world.instances.values() if each.agent and each.agent.id == "A2")
    answer = api("DELETE", f"/v2/pods/product/web::instances/{on_second.id}").json()
    assert answer["agentInfo"]["attributes"] == [{"name": "rack", "text": "r1"}]
    assert (answer["agentInfo"]["region"], answer["agentInfo"]["zone"]) == ("north", "a")


def test_the_statuses_of_all_instances(api: Api, ids: list[str]) -> None:
    answer = api("GET", "/v2/pods/product/web::instances")
    assert answer.json() == api("GET", "/v2/pods/product/web::status").json()["instances"]
    assert len(answer.json()) == 2


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/pods/none::instances"),
        ("DELETE", "/v2/pods/none::instances"),
        ("DELETE", f"/v2/pods/none::instances/{ELSEWHERE}"),
    ],
)
def test_an_unknown_pod(api: Api, method: str, path: str) -> None:
    body = {"json": [ELSEWHERE]} if method == "DELETE" else {}
    answer = api(method, path, **body)
    assert answer.status_code == 404
    assert answer.json() == {"message": "Pod '/none' does not exist", "details": []}


def test_an_unknown_instance(api: Api, ids: list[str]) -> None:
    answer = api("DELETE", f"/v2/pods/product/web::instances/{ELSEWHERE}")
    assert answer.status_code == 404
    assert answer.json()["message"] == f"Instance '{ELSEWHERE}' of pod '/product/web' does not exist"


def test_another_pods_instance_is_not_there(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    api("POST", "/v2/pods", json=POD | {"id": "/other"})
    assert api("DELETE", f"/v2/pods/other::instances/{ids[0]}").status_code == 404
    assert api("DELETE", "/v2/pods/other::instances", json=ids).json() == []
    assert not any(instance.killing for instance in loop.world.instances.values())


@pytest.mark.parametrize("instance_id", ["web", "web.task-1", "web.instance-", ".instance-1", "web.instance-1.one.2"])
def test_what_is_no_instance_id(api: Api, ids: list[str], instance_id: str) -> None:
    one = api("DELETE", f"/v2/pods/product/web::instances/{instance_id}")
    assert one.status_code == 422
    assert instance_id in one.json()["message"]
    many = api("DELETE", "/v2/pods/product/web::instances", json=[ids[0], instance_id])
    assert (many.status_code, many.json()["message"]) == (422, "Object is not valid")
    assert problems(many.json(), "DefinitionProblems") == []
    (detail,) = many.json()["details"]
    assert detail["path"] == "/(1)"
    (error,) = detail["errors"]
    assert error.startswith(f"'{instance_id}' is not an instance id: it must look like product_web.instance-")


def test_every_wrong_one_of_a_list_is_named_in_short(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    answer = api("DELETE", "/v2/pods/product/web::instances", json=["one", ids[0], "x" * 130_000])
    assert [each["path"] for each in answer.json()["details"]] == ["/(0)", "/(2)"]
    assert len(answer.content) < 1000
    assert not any(instance.killing for instance in loop.world.instances.values())


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "a list of instance ids"),
        (b"[", 400, "Invalid JSON"),
        (b"{}", 422, "Invalid JSON"),
        (b"[1]", 422, "Invalid JSON"),
        (b'["no id", 1]', 422, "Invalid JSON"),
    ],
)
def test_bodies_that_are_no_list_of_ids(api: Api, ids: list[str], body: bytes, status: int, message: str) -> None:
    answer = api(
        "DELETE", "/v2/pods/product/web::instances", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_wipe_is_true_or_false(api: Api, loop: FakeLoop, ids: list[str]) -> None:
    answer = api("DELETE", f"/v2/pods/product/web::instances/{ids[0]}?wipe=1")
    assert answer.status_code == 400
    assert "wipe must be true or false, not '1'" in answer.json()["message"]
    assert not loop.world.instances[ids[0]].killing
