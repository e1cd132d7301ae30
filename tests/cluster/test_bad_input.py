"""What is wrong is refused with a clear word, and changes nothing: here against a scheduler on real Mesos."""

from typing import Any

import httpx2
import pytest

from tests.cluster.support import Scheduler, container

GOOD: dict[str, Any] = {"id": "/good", "containers": [container("only", "exec sleep 100")]}


def _pod(**changes: Any) -> dict[str, Any]:
    return GOOD | {"id": "/bad"} | changes


BAD = {
    "broken JSON": (b'{"id": "/bad", ', 400, None),
    "no body": (b"", 400, None),
    "wrong type": (
        _pod(containers=[container("only", "x", resources={"cpus": "1"})]),
        422,
        "/containers(0)/resources/cpus",
    ),
    "no containers": (_pod(containers=[]), 422, "/containers"),
    "relative id": (_pod(id="bad"), 422, "/id"),
    "unknown network": (_pod(networks=[{"mode": "container", "name": "nowhere"}]), 422, "/networks(0)/name"),
    "mixed networks": (_pod(networks=[{"mode": "host"}, {"mode": "container", "name": "dcos"}]), 422, "/networks"),
    "unmounted volume": (_pod(volumes=[{"name": "idle"}]), 422, "/volumes(0)"),
    "unknown volume": (
        _pod(containers=[container("only", "x", volumeMounts=[{"name": "none", "mountPath": "x"}])]),
        422,
        "/containers(0)/volumeMounts(0)/name",
    ),
    "two containers of one name": (_pod(containers=[container("a", "x"), container("a", "x")]), 422, "/containers"),
    "check of no endpoint": (
        _pod(containers=[container("only", "x", healthCheck={"http": {"endpoint": "none"}})]),
        422,
        "/containers(0)/healthCheck/http/endpoint",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(scheduler: Scheduler, name: str) -> None:
    """Status and path say what is wrong; no pod has come to be."""
    body, status, path = BAD[name]
    given = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = httpx2.post(
        f"{scheduler.client.url}/v2/pods", headers={"Content-Type": "application/json"}, timeout=10, **given
    )
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]
    if path is not None:
        assert path in [detail["path"] for detail in answer.json()["details"]]
    assert scheduler.pods() == []


def test_a_second_pod_of_one_id_is_refused_and_the_first_runs_on(scheduler: Scheduler) -> None:
    """409, and not even a new version."""
    before = scheduler.run(GOOD)
    changed = GOOD | {"containers": [container("other", "exec sleep 100")]}
    answer = httpx2.post(f"{scheduler.client.url}/v2/pods", json=changed, timeout=10)
    assert answer.status_code == 409
    assert "/good" in answer.json()["message"]
    after = scheduler.client.status("/good")
    assert after["spec"] == before["spec"]
    assert [each["id"] for each in after["instances"]] == [each["id"] for each in before["instances"]]


def test_a_refused_update_leaves_the_pod_as_it_is(scheduler: Scheduler) -> None:
    """PUT with an error in it, and PUT under another id."""
    before = scheduler.run(GOOD)
    url = f"{scheduler.client.url}/v2/pods/good"
    assert httpx2.put(url, json=GOOD | {"containers": []}, timeout=10).status_code == 422
    assert httpx2.put(url, json=GOOD | {"id": "/other"}, timeout=10).status_code == 400
    assert scheduler.client.status("/good")["spec"] == before["spec"]
    assert [pod["id"] for pod in scheduler.pods()] == ["/good"]


def test_what_does_not_exist_is_not_found(scheduler: Scheduler) -> None:
    """404 in words that tools look for."""
    for method, path in (("GET", ""), ("GET", "::status"), ("DELETE", "")):
        answer = httpx2.request(method, f"{scheduler.client.url}/v2/pods/none{path}", timeout=10)
        assert answer.status_code == 404
        assert "does not exist" in answer.json()["message"]
