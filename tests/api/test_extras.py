"""What podexec tells beyond Marathon: nowhere, unless a client asks for it, and then in one member of each object.

The members of Marathon's objects are written down here as its RAML has them, so that a new one of ours cannot slip in.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from scheduler.core.events import StatusUpdated
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json
from scheduler.model.records import Condition
from tests.api.app import SERVER, Api
from tests.api.test_openapi import problems
from tests.api.test_pods import POD
from tests.fakes.loop import FakeLoop

SEEN = {"lastUpdated", "lastChanged"}
RESOURCES = {"cpus", "mem", "disk", "gpus"}
MARATHONS: dict[str, set[str]] = {
    "deployment": {
        *("id", "version", "affectedApps", "affectedPods"),
        *("steps", "currentActions", "currentStep", "totalSteps"),
    },
    "action": {"action", "app", "pod", "readinessCheckResults"},
    "queue": {
        *("count", "role", "delay", "since", "app", "pod"),
        *("processedOffersSummary", "lastUnusedOffers"),
    },
    "status": {
        *("id", "spec", "status", "statusSince", "message", "instances", "terminationHistory"),
        *SEEN,
    },
    "instance": {
        *("id", "status", "statusSince", "message", "conditions", "resources", "networks", "containers"),
        *("agentHostname", "agentId", "agentRegion", "agentZone", "specReference", "localVolumes", "role"),
        *SEEN,
    },
    "container": {
        *("name", "status", "statusSince", "message", "conditions", "containerId", "endpoints", "resources"),
        *("termination", *SEEN),
    },
    "condition": {"name", "value", "reason", *SEEN},
    "endpoint": {"name", "allocatedHostPort", "healthy"},
    "termination": {"instanceID", "startedAt", "terminatedAt", "message", "containers"},
    "ended": {"containerId", "lastKnownState", "termination"},
    "group": {"id", "apps", "pods", "groups", "dependencies", "version", "enforceRole"},
    "info": {
        *("name", "version", "buildref", "elected", "leader", "frameworkId"),
        *("marathon_config", "zookeeper_config", "http_config"),
    },
}

Found = Iterator[tuple[str, Json]]


@pytest.fixture
def api(loop: FakeLoop) -> Api:
    """A scheduler with an option that Marathon does not have, and much that only podexec shows."""
    api = Api(loop, server=replace(SERVER, config={"mesos_role": "*", "placement": "pack"}))
    checked = {"healthCheck": {"exec": {"command": {"shell": "true"}}}}
    api("POST", "/v2/pods", json=POD | {"id": "/base", "containers": [POD["containers"][0] | checked]})
    loop.run_all()
    (instance,) = loop.world.instances.values()
    loop.happens(StatusUpdated(instance.tasks[0].id, Condition.RUNNING, "A1", None, loop.now, restarts=2))
    api("POST", "/v2/pods?deadlineSeconds=60&batchSize=2", json=POD | {"dependencies": ["/base"]})
    deployments = api("GET", "/v2/deployments").json()
    api("POST", f"/v2/deployments/{deployments[-1]['id']}/pause")
    api("POST", "/v2/pods", json=POD | {"id": "/huge", "executorResources": {"cpus": 1000}})
    loop.offers()
    return api


def test_no_object_of_marathons_has_a_member_of_ours(api: Api) -> None:
    for kind, each in everything(api, ""):
        assert each.keys() <= MARATHONS[kind], kind


def test_what_is_ours_is_shown_in_one_member_to_who_asks(api: Api) -> None:
    seen: dict[str, Json] = {}
    for kind, each in everything(api, f"?embed={KEY}"):
        assert each.keys() - {KEY} <= MARATHONS[kind], kind
        seen.setdefault(kind, {}).update(each.get(KEY, {}))
    assert {kind: set(own) for kind, own in seen.items() if own} == {
        "deployment": {"paused", "secondsToDeadline", "batchSize"},
        "action": {"waitingFor"},
        "queue": {"nearest"},
        "container": {"restarts"},
        "info": {"config", "mesos"},
    }
    assert seen["info"]["config"] == {"placement": "pack"}
    assert seen["container"] == {"restarts": 2}


@pytest.mark.parametrize("query", ["", f"?embed={KEY}"])
def test_the_document_says_both(api: Api, query: str) -> None:
    for path, component in (("/v2/info", "Info"), ("/v2/groups", "Group")):
        assert problems(api("GET", f"{path}{query}").json(), component) == []
    for path, component in (("/v2/pods::status", "PodStatus"), ("/v2/deployments", "Deployment")):
        for each in api("GET", f"{path}{query}").json():
            assert problems(each, component) == []


def test_of_a_group_the_extras_are_no_part(api: Api) -> None:
    """Requested alone, they are added to what is shown by default."""
    assert api("GET", f"/v2/groups?embed={KEY}").json().keys() == MARATHONS["group"]
    shown = api("GET", f"/v2/groups?embed={KEY}&embed=group.pods").json()
    assert shown.keys() == MARATHONS["group"] - {"apps", "groups"}
    assert any(KEY in container for kind, container in below(shown) if kind == "container")


def test_what_a_user_sent_comes_back_whole(api: Api) -> None:
    """A definition is shown with the user's members, all of them and no others."""
    plain = POD | {"id": "/plain", "labels": {KEY: "mine"}, "environment": {KEY: "mine"}}
    shown = api("POST", "/v2/pods", json=plain).json()
    assert (shown["labels"], shown["environment"]) == ({KEY: "mine"}, {KEY: "mine"})
    assert "restartPolicy" not in shown["containers"][0]
    assert api("GET", "/v2/pods/plain::status").json()["spec"] == shown


def everything(api: Api, query: str) -> Found:
    """Every object of Marathon's in the answers, with its kind."""
    for deployment in (found := api("GET", f"/v2/deployments{query}").json()):
        assert api("GET", f"/v2/deployments/{deployment['id']}{query}").json() == deployment
        yield "deployment", deployment
        yield from (("action", each) for each in deployment["currentActions"])
    assert found
    for entry in api("GET", f"/v2/queue{query}").json()["queue"]:
        yield "queue", entry
    for status in (statuses := api("GET", f"/v2/pods::status{query}").json()):
        assert api("GET", f"/v2/pods{status['id']}::status{query}").json() == status
        assert api("GET", f"/v2/pods{status['id']}::instances{query}").json() == status.get("instances", [])
        yield from of_status(status)
    assert statuses
    yield from below(api("GET", f"/v2/groups{query}").json())
    yield "info", api("GET", f"/v2/info{query}").json()


def below(group: Json) -> Found:
    """A group and everything in it."""
    yield "group", group
    for status in group["pods"]:
        yield from of_status(status)
    for each in group.get("groups", ()):
        yield from below(each)


def of_status(status: Json) -> Found:
    """A pod's status and everything in it, except the definition."""
    yield "status", status
    for instance in status.get("instances", ()):
        yield "instance", instance
        for container in instance.get("containers", ()):
            yield "container", container
            yield from (("condition", each) for each in container.get("conditions", ()))
            yield from (("endpoint", each) for each in container.get("endpoints", ()))
            assert container.get("resources", {}).keys() <= RESOURCES
    for termination in status.get("terminationHistory", ()):
        yield "termination", termination
        yield from (("ended", each) for each in termination["containers"])
