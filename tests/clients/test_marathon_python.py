"""The PyPI library ``marathon`` (marathon-python 0.13.0) on a real scheduler: all it does that is not about apps.

It knows Marathon as it was up to version 1.8, and fails on any member it does not know.
"""

import inspect
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from marathon import MarathonClient
from marathon.exceptions import ConflictError, NotFoundError
from marathon.models.events import MarathonPodCreatedEvent, MarathonPodDeletedEvent
from marathon.models.group import MarathonGroup
from marathon.models.info import MarathonConfig
from marathon.models.queue import MarathonQueueItem

from scheduler.cli.client import WriteOptions
from tests.cluster.support import Json, Scheduler, container

POD: Json = {"id": "/library/web", "containers": [container("main", "exec sleep 1000")]}
TOO_BIG = {"containers": [container("main", "true", resources={"cpus": 1000, "mem": 32})]}


@pytest.fixture
def marathon(scheduler: Scheduler) -> Iterator[MarathonClient]:
    """The library's client."""
    client = MarathonClient(scheduler.client.url)
    yield client
    client.session.close()
    client.sse_session.close()


def known(model: Any) -> set[str]:
    """The members that the library knows, in its spelling."""
    return set(inspect.signature(model.__init__).parameters) - {"self"}


def test_what_the_scheduler_tells_of_itself(scheduler: Scheduler, marathon: MarathonClient) -> None:
    info = marathon.get_info()
    assert (info.framework_id, info.elected) == (scheduler.client.info()["frameworkId"], True)
    assert isinstance(info.marathon_config, MarathonConfig)
    assert info.marathon_config.master
    assert marathon.get_leader() == {"leader": info.leader}
    assert marathon.ping() == b'"pong"'
    assert "marathon.uptime.gauge.seconds" in marathon.get_metrics()["gauges"]


def test_deployments_are_listed_rolled_back_and_stopped(scheduler: Scheduler, marathon: MarathonClient) -> None:
    scheduler.run(POD)
    assert marathon.list_deployments() == []
    change = POD | TOO_BIG
    first = scheduler.client.update(change, WriteOptions(batch_size=1, deadline=3600)).deployment_id
    scheduler.client.pause(first)
    (found,) = marathon.list_deployments()
    assert (found.id, found.affected_pods, found.current_step, found.total_steps) == (first, ["/library/web"], 1, 1)
    assert [(each.action, each.pod) for each in found.current_actions] == [("RestartPod", "/library/web")]
    with pytest.raises(ConflictError):
        marathon.delete_group("library")
    revert = marathon.delete_deployment(first)
    assert revert["deploymentId"] != first
    scheduler.wait("the rollback is done", lambda: not marathon.list_deployments())

    second = scheduler.client.update(change).deployment_id
    assert [each.id for each in marathon.list_deployments()] == [second]
    assert marathon.delete_deployment(second, force=True) == {}
    assert marathon.list_deployments() == []
    with pytest.raises(NotFoundError):
        marathon.delete_deployment(second)


def test_waiting_and_groups(scheduler: Scheduler, marathon: MarathonClient) -> None:
    """Of these it can read no answer of today's Marathon with a pod in it; it fails on nothing else."""
    scheduler.client.add(POD | TOO_BIG)
    marathon.reset_delay("library/web")
    with pytest.raises(NotFoundError):
        marathon.reset_delay("library/none")
    with httpx2.Client(base_url=scheduler.client.url) as http:
        (entry,) = http.get("/v2/queue?embed=lastUnusedOffers").json()["queue"]
        group = http.get("/v2/groups/library").json()
    assert {snake(key) for key in entry} - known(MarathonQueueItem) == {"role", "pod"}
    assert {snake(key) for key in group} - known(MarathonGroup) == {"enforce_role"}
    assert marathon.delete_group("library", force=True)["deploymentId"]
    assert marathon.list_queue() == []


def test_events_of_pods(scheduler: Scheduler, marathon: MarathonClient) -> None:
    seen: list[Any] = []
    attached = threading.Event()

    def follow() -> None:
        for event in marathon.event_stream(
            event_types=["event_stream_attached", "pod_created_event", "pod_deleted_event"]
        ):
            seen.append(event)
            attached.set()
            if isinstance(event, MarathonPodDeletedEvent):
                return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    assert attached.wait(20), "nothing came of the stream"
    scheduler.client.add(POD)
    scheduler.client.remove("/library/web", WriteOptions(force=True))
    follower.join(20)
    assert not follower.is_alive(), f"seen: {seen}"
    _, created, deleted = seen
    assert isinstance(created, MarathonPodCreatedEvent)
    assert (created.uri, deleted.uri) == ("/v2/pods", "/v2/pods/library/web")


def snake(key: str) -> str:
    """In the library's spelling."""
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in key)
