"""``/v2/deployments``, and the query parameters for the deployment of a change."""

from typing import Any

import pytest

from scheduler.core.events import PodDeleted, PodPosted, PodPut, Ticked
from scheduler.model.records import Condition
from tests.api.app import Api
from tests.api.test_openapi import problems
from tests.api.test_pods import POD
from tests.fakes.loop import FakeLoop

CHANGED = POD | {"labels": {"changed": "yes"}}
UNKNOWN = "11111111-2222-3333-4444-555555555555"


def only(api: Api) -> dict[str, Any]:
    """The only deployment, as it is shown."""
    (plain,) = api("GET", "/v2/deployments").json()
    (whole,) = api("GET", "/v2/deployments?embed=podexec").json()
    assert problems(plain, "Deployment") == problems(whole, "Deployment") == []
    shown: dict[str, Any] = whole
    return shown


def test_no_deployment_no_list(api: Api) -> None:
    assert api("GET", "/v2/deployments").json() == []


def test_a_new_pod_is_started_then_scaled(api: Api, loop: FakeLoop) -> None:
    deployment_id = api("POST", "/v2/pods", json=POD).headers["Marathon-Deployment-Id"]
    assert only(api) == {
        "id": deployment_id,
        "version": "1970-01-12T13:46:40.000Z",
        "affectedApps": [],
        "affectedPods": ["/product/web"],
        "steps": [
            {"actions": [{"action": "StartPod", "pod": "/product/web"}]},
            {"actions": [{"action": "ScalePod", "pod": "/product/web"}]},
        ],
        "currentActions": [{"action": "ScalePod", "pod": "/product/web", "readinessCheckResults": []}],
        "currentStep": 2,
        "totalSteps": 2,
        "podexec": {"paused": False},
    }
    assert api("GET", f"/v2/deployments/{deployment_id}/?embed=podexec").json() == only(api)
    loop.run_all()
    assert api("GET", "/v2/deployments").json() == []


def test_a_change_that_meets_another_is_refused_with_its_id(api: Api, loop: FakeLoop) -> None:
    first = api("POST", "/v2/pods", json=POD).headers["Marathon-Deployment-Id"]
    for method, path, body in (
        ("PUT", "/v2/pods/product/web", {"json": CHANGED}),
        ("DELETE", "/v2/pods/product/web", {}),
        ("DELETE", "/v2/groups/product", {}),
    ):
        answer = api(method, path, **body)
        assert answer.status_code == 409
        assert answer.json()["deployments"] == [{"id": first}]
        assert "force=true" in answer.json()["message"]
        assert problems(answer.json(), "Locked") == []
    assert only(api)["id"] == first


def test_a_forced_change_takes_the_place_of_another(api: Api) -> None:
    first = api("POST", "/v2/pods", json=POD).headers["Marathon-Deployment-Id"]
    second = api("PUT", "/v2/pods/product/web?force=true", json=CHANGED)
    assert second.status_code == 200
    assert only(api)["id"] == second.headers["Marathon-Deployment-Id"] != first


def test_batch_and_deadline_are_shown(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD)
    loop.run_all()
    api("PUT", "/v2/pods/product/web?batchSize=2&deadlineSeconds=90.5", json=CHANGED)
    shown = only(api)
    assert (shown["podexec"]["batchSize"], shown["podexec"]["deadline"]) == (2, "1970-01-12T13:48:10.500Z")


def test_what_is_not_done_by_its_deadline_is_rolled_back(api: Api, loop: FakeLoop) -> None:
    deployment_id = api("POST", "/v2/pods?deadlineSeconds=60", json=POD).headers["Marathon-Deployment-Id"]
    loop.now += 61
    loop.happens(Ticked())
    assert api("GET", "/v2/pods/product/web").status_code == 404
    assert api("GET", f"/v2/deployments/{deployment_id}").status_code == 404


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("force=yes", "force must be true or false, not 'yes'"),
        ("force", "force must be true or false, not ''"),
        ("batchSize=0", "batchSize must be an integer from 1 to 100000, not '0'"),
        ("batchSize=1.5", "batchSize must be an integer"),
        ("batchSize=%D9%A3", "batchSize must be an integer"),
        ("batchSize=99999999999999999999", "batchSize must be an integer"),
        ("deadlineSeconds=0", "deadlineSeconds must be a number above 0 and up to 31536000, not '0'"),
        ("deadlineSeconds=inf", "deadlineSeconds must be a number"),
        ("deadlineSeconds=nan", "deadlineSeconds must be a number"),
        ("deadlineSeconds=soon", "deadlineSeconds must be a number"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_queries_that_cannot_be(api: Api, loop: FakeLoop, method: str, query: str, message: str) -> None:
    path = "/v2/pods" if method == "POST" else "/v2/pods/product/web"
    answer = api(method, f"{path}?{query}", **({} if method == "DELETE" else {"json": POD}))
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert loop.asked == []


def test_a_request_says_whence_it_came_whatever_its_headers_say(api: Api, loop: FakeLoop) -> None:
    lies = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    api("POST", "/v2/pods?force=true", json=POD, headers=lies)
    api("PUT", "/v2/pods/product/web", json=CHANGED, headers=lies)
    api("DELETE", "/v2/pods/product/web", headers=lies)
    posted, put, deleted = loop.asked
    assert isinstance(posted, PodPosted)
    assert isinstance(put, PodPut)
    assert isinstance(deleted, PodDeleted)
    assert [(each.origin.client_ip, each.origin.uri) for each in (posted, put, deleted)] == [
        ("127.0.0.1", "/v2/pods"),
        ("127.0.0.1", "/v2/pods/product/web"),
        ("127.0.0.1", "/v2/pods/product/web"),
    ]


def test_ending_a_deployment_rolls_it_back(api: Api, loop: FakeLoop) -> None:
    before = api("POST", "/v2/pods", json=POD).json()
    loop.run_all()
    loop.now += 60
    deployment_id = api("PUT", "/v2/pods/product/web", json=CHANGED).headers["Marathon-Deployment-Id"]
    loop.offers()
    answer = api("DELETE", f"/v2/deployments/{deployment_id}")
    assert answer.status_code == 200
    assert problems(answer.json(), "DeploymentStarted") == []
    assert answer.headers["Marathon-Deployment-Id"] == answer.json()["deploymentId"] != deployment_id
    assert answer.json()["version"] == "1970-01-12T13:47:40.000Z"
    assert only(api)["podexec"]["reverts"] == deployment_id
    assert api("GET", "/v2/pods/product/web").json() == before


def test_a_new_pod_is_gone_after_the_rollback(api: Api, loop: FakeLoop) -> None:
    deployment_id = api("POST", "/v2/pods", json=POD).headers["Marathon-Deployment-Id"]
    api("DELETE", f"/v2/deployments/{deployment_id}/")
    assert api("GET", "/v2/pods").json() == []
    assert loop.world.instances == {}


def test_ending_it_by_force_leaves_all_as_far_as_it_has_come(api: Api) -> None:
    deployment_id = api("POST", "/v2/pods", json=POD).headers["Marathon-Deployment-Id"]
    answer = api("DELETE", f"/v2/deployments/{deployment_id}?force=true")
    assert (answer.status_code, answer.content) == (202, b"")
    assert api("GET", "/v2/deployments").json() == []
    assert [pod["id"] for pod in api("GET", "/v2/pods").json()] == ["/product/web"]


def test_a_paused_deployment_stands_still_and_so_does_its_deadline(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD)
    loop.run_all()
    running = dict(loop.world.instances)
    deployment_id = api("PUT", "/v2/pods/product/web?deadlineSeconds=100", json=CHANGED).headers[
        "Marathon-Deployment-Id"
    ]
    started = loop.world.instances.keys() - running.keys()
    paused = api("POST", f"/v2/deployments/{deployment_id}/pause")
    assert (paused.status_code, paused.json()["deploymentId"]) == (200, deployment_id)
    loop.now += 1000
    loop.run_all()
    assert only(api)["podexec"] == {"paused": True, "secondsToDeadline": 100}
    assert loop.world.instances.keys() == running.keys() | started

    resumed = api("POST", f"/v2/deployments/{deployment_id}/resume/")
    assert resumed.json() == paused.json()
    assert only(api)["podexec"] == {"paused": False, "deadline": "1970-01-12T14:05:00.000Z"}
    loop.tell(Condition.KILLED)
    loop.run_all()
    assert api("GET", "/v2/deployments").json() == []


def test_what_an_action_waits_for_is_told(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD | {"id": "/base"})
    api("POST", "/v2/pods", json=POD | {"dependencies": ["/base"]})
    found = api("GET", "/v2/deployments?embed=podexec").json()
    waiting = [each for each in found if each["affectedPods"] == ["/product/web"]]
    assert waiting[0]["currentActions"][0]["podexec"]["waitingFor"] == ["/base"]
    assert problems(waiting[0], "Deployment") == []


def test_a_pod_that_others_need_stays(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD | {"id": "/base"})
    loop.run_all()
    api("POST", "/v2/pods", json=POD | {"dependencies": ["/base"]})
    loop.run_all()
    answer = api("DELETE", "/v2/pods/base")
    assert answer.status_code == 409
    assert "needed by /product/web" in answer.json()["message"]
    assert api("DELETE", "/v2/pods/base?force=true").status_code == 202


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/v2/deployments/{UNKNOWN}"),
        ("DELETE", f"/v2/deployments/{UNKNOWN}"),
        ("DELETE", f"/v2/deployments/{UNKNOWN}?force=true"),
        ("POST", f"/v2/deployments/{UNKNOWN}/pause"),
        ("POST", f"/v2/deployments/{UNKNOWN}/resume"),
    ],
)
def test_an_unknown_deployment(api: Api, method: str, path: str) -> None:
    answer = api(method, path)
    assert answer.status_code == 404
    assert answer.json() == {"message": f"Deployment '{UNKNOWN}' does not exist", "details": []}
