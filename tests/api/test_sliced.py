"""Long lists are rendered in slices: nothing is held up in the meantime, and each pod is consistent in itself."""

import asyncio
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from scheduler.api import pods as module
from scheduler.core.events import PodDeleted, Rollout
from scheduler.loop.event_loop import LoopError
from tests.api.app import Api, app_over
from tests.fakes.loop import SETTINGS, FakeLoop


def definition(number: int, instances: int = 1) -> dict[str, Any]:
    return {
        "id": f"/p{number}",
        "containers": [{"name": "one", "resources": {}}],
        "scaling": {"kind": "fixed", "instances": instances},
    }


def fake(pods: int, instances: int = 1) -> FakeLoop:
    loop = FakeLoop(replace(SETTINGS, max_running_deployments=1000))
    api = Api(loop)
    for number in range(pods):
        assert api("POST", "/v2/pods", json=definition(number, instances)).status_code == 201
    return loop


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 99, 100, 101, 230])
@pytest.mark.parametrize("path", ["/v2/pods", "/v2/pods::status"])
def test_every_pod_is_in_the_list_once_and_in_order(path: str, count: int) -> None:
    answer = Api(fake(count))("GET", path)
    assert answer.headers["content-type"] == "application/json"
    assert [each["id"] for each in answer.json()] == [f"/p{number}" for number in range(count)]


def test_slices_are_smaller_where_pods_have_many_instances() -> None:
    loop = fake(6, 60)
    loop.run_all()
    assert len(loop.world.instances) == 360

    statuses = module._sliced(
        loop.world.pods.values(), lambda pod: {"instances": list(loop.world.instances_of(pod.id))}
    )
    assert [len(each) for each in statuses] == [2, 2, 2]


def _slow_reader(loop: FakeLoop, path: str) -> list[Any]:
    """The list; a pod is deleted once its first part has arrived, and everything else happens in between."""
    app = app_over(loop)
    chunks: list[bytes] = []

    async def scenario() -> list[Any]:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                chunks.append(message["body"])
                if len(chunks) == 1:
                    loop.happens(PodDeleted(10_000, "/p240", Rollout(force=True)))

        async def receive() -> Any:
            await asyncio.sleep(3600)

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "headers": [(b"host", b"localhost")],
            "query_string": b"",
            "http_version": "1.1",
        }
        await app(
            {**scope, "client": ("127.0.0.1", 1), "server": ("s", 80), "scheme": "http", "root_path": ""}, receive, send
        )
        found: list[Any] = httpx2.Response(200, content=b"".join(chunks)).json()
        return found

    return asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/v2/pods", "/v2/pods::status"])
def test_what_is_deleted_before_its_turn_is_left_out(path: str) -> None:
    found = _slow_reader(fake(250), path)
    assert [each["id"] for each in found] == [f"/p{number}" for number in range(250) if number != 240]


def test_a_list_whose_rest_will_never_be_durable_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = fake(250)
    waited = 0

    async def durable() -> None:
        nonlocal waited
        waited += 1
        if waited == 3:
            raise LoopError("the scheduler is stopping")

    monkeypatch.setattr(loop, "durable", durable)
    with pytest.raises((LoopError, RuntimeError, ExceptionGroup)):
        _slow_reader(loop, "/v2/pods")
    assert waited == 3
