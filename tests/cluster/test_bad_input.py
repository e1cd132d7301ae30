"""Bad input is refused with a clear message and changes nothing, with a scheduler on a real Mesos."""

from typing import Any

import httpx2
import pytest

from tests.cluster.support import Scheduler, container


def _pod(**changes: Any) -> dict[str, Any]:
    return {"id": "/bad", "containers": [container("only", "exec sleep 100")]} | changes


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
    """Status and path say what is wrong; no pod is created."""
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


def test_what_does_not_exist_is_not_found(scheduler: Scheduler) -> None:
    """404 with the text that tools expect."""
    for method, path in (("GET", ""), ("GET", "::status"), ("DELETE", "")):
        answer = httpx2.request(method, f"{scheduler.client.url}/v2/pods/none{path}", timeout=10)
        assert answer.status_code == 404
        assert "does not exist" in answer.json()["message"]
