"""The event stream: Marathon's event types, with their fields, in order.

`event_stream_attached` and `event_stream_detached` are the API's.
"""

from typing import Any

import pytest

from scheduler.core.effects import Publish
from scheduler.core.events import (
    Disconnected,
    GroupDeleted,
    InstancesKilled,
    Origin,
    PodDeleted,
    PodPosted,
    PodPut,
    Rollout,
    StatusUpdated,
)
from scheduler.core.frame import Frame
from scheduler.model.json import Json
from scheduler.model.records import Condition, Goal, NetworkAddress
from tests.core.support import FRAMEWORK, NOON, Story, container, definition, published, running

C = Condition
NEW: dict[str, Any] = {"environment": {"VERSION": "2"}}
FROM = Origin("10.0.0.9", "/v2/pods")
CHECK = {"healthCheck": {"exec": {"command": {"shell": "true"}}}}


def kinds(frame: Frame) -> list[str]:
    """The types of the published events, in order."""
    return [each["eventType"] for each in published(frame)]


def instance_events(frame: Frame) -> list[tuple[str, str]]:
    """The instances with a published change, and their conditions."""
    return [(each["instanceId"], each["condition"]) for each in published(frame, "instance_changed_event")]


class TestPods:
    def test_create(self) -> None:
        story = Story()
        frame = story.request(PodPosted, definition(), Rollout(), FROM)
        plan = {
            "id": story.deployment.id,
            "version": "2023-11-14T22:13:20.000Z",
            "steps": [
                {"actions": [{"action": "StartPod", "pod": "/shop/web"}]},
                {"actions": [{"action": "ScalePod", "pod": "/shop/web"}]},
            ],
        }

        assert published(frame) == [
            {"eventType": "pod_created_event", "clientIp": "10.0.0.9", "uri": "/v2/pods"},
            {"eventType": "group_change_success", "groupId": "/shop", "version": "2023-11-14T22:13:20.000Z"},
            {"eventType": "deployment_info", "plan": plan, "currentStep": plan["steps"][0]},
            {"eventType": "deployment_step_success", "plan": plan, "currentStep": plan["steps"][0]},
            {"eventType": "deployment_info", "plan": plan, "currentStep": plan["steps"][1]},
            {
                "eventType": "instance_changed_event",
                "instanceId": story.only.id,
                "condition": "Scheduled",
                "runSpecId": "/shop/web",
                "agentId": None,
                "host": None,
                "runSpecVersion": "2023-11-14T22:13:20.000Z",
            },
        ]
        assert {each.at for each in story.told(Publish, frame)} == {NOON}

        story.subscribe()
        story.offer()
        frame = story.update(story.only.tasks[0].id, C.RUNNING)
        assert published(frame, "deployment_step_success", "deployment_success") == [
            {"eventType": "deployment_step_success", "plan": plan, "currentStep": plan["steps"][1]},
            {"eventType": "deployment_success", "id": plan["id"], "plan": plan},
        ]

    @pytest.mark.parametrize("change", [{}, NEW, {"instances": 2}, {"executorResources": {"cpus": 0.5}}])
    def test_update(self, change: dict[str, Any]) -> None:
        story = running()
        frame = story.request(PodPut, definition(**change), Rollout(), FROM)

        assert kinds(frame)[:2] == ["pod_updated_event", "group_change_success"]
        assert kinds(frame)[2] == (
            "deployment_info" if "executorResources" not in change and change else "deployment_success"
        )

    def test_a_put_that_creates_is_an_update_too(self) -> None:
        assert kinds(Story().put(definition()))[0] == "pod_updated_event"

    def test_delete(self) -> None:
        story = running()
        frame = story.request(PodDeleted, "/shop/web", Rollout(), FROM)
        assert kinds(frame) == [
            "pod_deleted_event",
            "group_change_success",
            "deployment_info",
            "instance_changed_event",
        ]
        frame = story.update(story.only.tasks[0].id, C.KILLED)

        assert kinds(frame) == [
            "status_update_event",
            "instance_changed_event",
            "app_terminated_event",
            "deployment_step_success",
            "deployment_success",
        ]
        assert published(frame, "app_terminated_event") == [{"eventType": "app_terminated_event", "appId": "/shop/web"}]

    def test_a_group(self) -> None:
        story = Story()
        for name in ("/g/a", "/g/b", "/g/h/c"):
            story.post(definition(id=name, instances=0))
        frame = story.request(GroupDeleted, "/g", Rollout(), FROM)

        assert kinds(frame).count("pod_deleted_event") == 3
        assert [each["groupId"] for each in published(frame, "group_change_success")] == ["/g", "/g/h"]

    @pytest.mark.parametrize(("pod_id", "group"), [("/web", "/"), ("/a/b/web", "/a/b")])
    def test_the_group_of_a_change_is_the_parent(self, pod_id: str, group: str) -> None:
        (told,) = published(Story().post(definition(id=pod_id)), "group_change_success")

        assert told["groupId"] == group

    @pytest.mark.parametrize(
        ("ask", "reason"),
        [
            (lambda story: story.post(definition()), "already exists"),
            (lambda story: story.request(PodPut, definition(environment={"A": "b"}), Rollout()), "locked"),
            (lambda story: story.request(PodDeleted, "/shop/web", Rollout()), "locked"),
            (lambda story: story.put(definition(id="/shop/x", dependencies=["/nobody"])), "not valid"),
        ],
        ids=["exists", "locked", "locked delete", "invalid"],
    )
    def test_a_change_that_is_refused(self, ask: Any, reason: str) -> None:
        story = running()
        story.put(definition(**NEW))
        (told,) = published(ask(story))

        assert (told["eventType"], told["groupId"], told["version"]) == (
            "group_change_failed",
            "/shop",
            "2023-11-14T22:13:20.000Z",
        )
        assert reason in told["reason"]

    def test_what_is_not_there_is_no_change(self) -> None:
        assert published(Story().remove("/nobody")) == []

    def test_a_deployment_that_is_cancelled(self) -> None:
        story = running()
        story.put(definition(**NEW))
        first = story.deployment
        frame = story.put(definition(environment={"VERSION": "3"}))

        assert kinds(frame)[:4] == [
            "deployment_step_failure",
            "deployment_failed",
            "pod_updated_event",
            "group_change_success",
        ]
        (failed,) = published(frame, "deployment_failed")
        assert (failed["id"], failed["plan"]["id"]) == (first.id, first.id)
        assert failed["reason"] == "cancelled by a later change with force=true"
        (step,) = published(frame, "deployment_step_failure")
        assert step["currentStep"] == {"actions": [{"action": "RestartPod", "pod": "/shop/web"}]}


class TestInstances:
    def test_every_condition_on_the_way_up_is_published_with_the_agent(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        frames = [story.offer("A7")]
        (task,) = story.only.tasks
        frames += [story.update(task.id, each, agent_id="A7") for each in (C.STAGING, C.STARTING, C.RUNNING)]
        told = [each for frame in frames for each in published(frame, "instance_changed_event")]

        assert [each["condition"] for each in told] == ["Provisioned", "Staging", "Starting", "Running"]
        assert {(each["agentId"], each["host"]) for each in told} == {("A7", "a7.example")}

    def test_the_end_of_an_incarnation_is_published_before_the_wait_for_the_next(self) -> None:
        story = running(containers=[container("one"), container("two")])
        name = story.only.id
        one, two = story.only.tasks
        assert instance_events(story.update(one.id, C.FAILED)) == [(name, "Failed")]

        assert instance_events(story.update(two.id, C.KILLED)) == [(name, "Scheduled")]

    @pytest.mark.parametrize(
        ("end", "told"), [(C.FINISHED, "Finished"), (C.GONE_BY_OPERATOR, "Gone"), (C.KILLED, "Killed")]
    )
    def test_the_end_of_a_single_container_too(self, end: Condition, told: str) -> None:
        story = running()
        name = story.only.id

        assert instance_events(story.update(story.only.tasks[0].id, end)) == [(name, told), (name, "Scheduled")]

    def test_a_change_of_the_goal_is_published(self) -> None:
        story = running(instances=2)
        frame = story.put(definition(instances=1))
        (going,) = (each.id for each in story.instances if each.goal is Goal.DECOMMISSIONED)

        assert instance_events(frame) == [(going, "Running")]

    def test_the_end_of_a_decommissioned_one_is_published(self) -> None:
        story = running()
        name = story.only.id
        story.remove()

        assert instance_events(story.update(story.only.tasks[0].id, C.KILLED)) == [(name, "Killed")]

    def test_one_that_was_never_launched_is_published_when_it_is_deleted(self) -> None:
        story = Story()
        story.post(definition())
        name = story.only.id

        assert instance_events(story.remove()) == [(name, "Scheduled")]

    def test_unreachable_and_replaced(self) -> None:
        strategy = {"unreachableStrategy": {"inactiveAfterSeconds": 10, "expungeAfterSeconds": 100}}
        story = running(scheduling=strategy)
        name = story.only.id
        assert instance_events(story.update(story.only.tasks[0].id, C.UNREACHABLE)) == [(name, "Unreachable")]
        told = instance_events(story.wait(10))

        assert told[0] == (name, "UnreachableInactive")
        assert told[1][1] == "Scheduled"

    def test_news_of_one_container_that_change_nothing_of_the_whole_are_not_told(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(containers=[container("one"), container("two")]))
        story.offer()
        one, two = story.only.tasks
        story.update(one.id, C.STAGING)
        frame = story.update(two.id, C.STAGING)

        assert kinds(frame) == ["status_update_event"]

    def test_a_kill_that_was_asked_for(self) -> None:
        story = running()
        name = story.only.id
        (task,) = story.only.tasks
        assert published(story.request(InstancesKilled, "/shop/web", (name,))) == []
        assert instance_events(story.update(task.id, C.KILLING)) == [(name, "Killing")]

        assert instance_events(story.update(task.id, C.KILLED)) == [(name, "Killed"), (name, "Scheduled")]

    def test_health(self) -> None:
        story = running(containers=[container(**CHECK)])
        (task,) = story.only.tasks
        told = []
        for healthy in (True, True, False, True):
            told += published(story.update(task.id, C.RUNNING, healthy=healthy), "instance_health_changed_event")
        assert [each["healthy"] for each in told] == [True, False, True]
        assert told[0] == {
            "eventType": "instance_health_changed_event",
            "instanceId": story.only.id,
            "runSpecId": "/shop/web",
            "healthy": True,
            "runSpecVersion": story.only.version,
        }
        (ended,) = published(story.update(task.id, C.FAILED), "instance_health_changed_event")

        assert ended["healthy"] is None


class TestStatuses:
    def test_a_status_that_changes_the_task(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(container(endpoints=[{"name": "http", "hostPort": 31005}])))
        story.offer("A7")
        (task,) = story.only.tasks
        networks = (NetworkAddress(None, ("10.0.0.1",)), NetworkAddress("n", ("fd00::1",)))
        frame = story.update(task.id, C.RUNNING, agent_id="A7", message="up", networks=networks)

        assert published(frame, "status_update_event") == [
            {
                "eventType": "status_update_event",
                "slaveId": "A7",
                "taskId": task.id,
                "taskStatus": "TASK_RUNNING",
                "message": "up",
                "appId": "/shop/web",
                "host": "a7.example",
                "ipAddresses": [
                    {"ipAddress": "10.0.0.1", "protocol": "IPv4"},
                    {"ipAddress": "fd00::1", "protocol": "IPv6"},
                ],
                "ports": [31005],
                "version": story.only.version,
            }
        ]

    def test_the_same_again_is_not_told(self) -> None:
        story = running()

        assert published(story.update(story.only.tasks[0].id, C.RUNNING)) == []

    @pytest.mark.parametrize(
        ("end", "told"), [(C.FAILED, "Failed"), (C.GONE_BY_OPERATOR, "Gone"), (C.DROPPED, "Dropped")]
    )
    def test_the_end_of_a_task_nobody_knows(self, end: Condition, told: str) -> None:
        frame = running().tell(StatusUpdated("shop_db.instance-9.main.1", end, "A1", None, NOON))

        assert published(frame) == [
            {
                "eventType": "unknown_instance_terminated_event",
                "instanceId": "shop_db.instance-9",
                "runSpecId": "/shop/db",
                "condition": told,
            }
        ]

    @pytest.mark.parametrize("condition", [C.RUNNING, C.UNREACHABLE, C.UNKNOWN])
    def test_a_task_nobody_knows_that_has_not_ended_is_not_told(self, condition: Condition) -> None:
        assert published(running().tell(StatusUpdated("a.instance-9.main.1", condition, "A1", None, NOON))) == []

    def test_the_end_of_an_earlier_incarnation_is_of_no_unknown_instance(self) -> None:
        story = running()
        (first,) = story.only.tasks
        story.all_tasks(C.FAILED)

        assert published(story.update(first.id, C.KILLED)) == []


class TestMaster:
    def test_registered_once_then_registered_again(self) -> None:
        story = Story()

        assert published(story.subscribe()) == [
            {"eventType": "scheduler_registered_event", "frameworkId": FRAMEWORK, "master": "master:5050"}
        ]
        assert published(story.tell(Disconnected())) == [{"eventType": "scheduler_disconnected_event"}]
        assert published(story.tell(Disconnected())) == []
        assert published(story.subscribe()) == [{"eventType": "scheduler_reregistered_event", "master": "master:5050"}]
        assert kinds(story.restart().subscribe()) == ["scheduler_reregistered_event"]


def test_every_event_contains_its_type() -> None:
    story = running(instances=2)
    story.put(definition(instances=2, **NEW))
    story.go_well()
    told: list[tuple[str, Json]] = [(each.kind, each.content) for each in story.ever(Publish)]

    assert len(told) > 20
    assert all(kind == content["eventType"] for kind, content in told)
