"""Dependencies between pods: what waits for what, and what is refused."""

from typing import Any

import pytest

from scheduler.core.effects import Accept, Done, Refused
from scheduler.core.events import GroupDeleted, PodDeleted, Rollout
from scheduler.core.facts.plans import current_step, cycle, levels
from scheduler.core.rollout.deployments import waits_for
from scheduler.model.records import Condition, Goal
from tests.core.support import Story, container, definition

C = Condition
CHECKED = container(healthCheck={"exec": {"command": {"shell": "true"}}})


def needing(*others: str, name: str = "/app", **fields: Any) -> Any:
    """A pod that depends on others."""
    return definition(id=name, dependencies=list(others), **fields)


def waits(story: Story, pod_id: str = "/app") -> list[str]:
    """The pods for which the pod's deployment waits."""
    deployment = story.world.deployment_of(pod_id)
    assert deployment is not None, f"nothing is done to {pod_id}"
    ((action, _),) = current_step(deployment)
    return list(waits_for(story.world, deployment, action, pod_id))


def both(**fields: Any) -> Story:
    """A database and an application that needs it, both running."""
    story = Story()
    story.subscribe()
    story.post(definition(id="/db"))
    story.post(needing("/db", **fields))
    story.go_well(4)
    assert not story.world.deployments
    return story


class TestWaiting:
    def test_a_new_pod_starts_when_what_it_needs_is_ready(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/db", containers=[CHECKED]))
        story.post(needing("/db"))
        story.offer()
        assert [each.pod_id for each in story.instances] == ["/db"]
        story.all_tasks(C.RUNNING)
        assert waits(story) == ["/db"]
        story.all_tasks(C.RUNNING, healthy=True)
        assert [each.pod_id for each in story.instances] == ["/db", "/app"]

        assert story.told(Accept, story.offer())

    def test_all_of_it_has_to_be_ready(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/db", instances=2))
        story.post(definition(id="/queue"))
        story.post(needing("/db", "/queue"))
        story.offer()
        databases = story.world.instances_of("/db")
        assert waits(story) == ["/db", "/queue"]
        story.all_tasks(C.RUNNING, databases[:1])
        assert waits(story) == ["/db", "/queue"]
        story.all_tasks(C.RUNNING, databases[1:])
        assert waits(story) == ["/queue"]
        story.all_tasks(C.RUNNING)

        assert waits(story) == []

    def test_an_update_waits_while_what_it_needs_is_not_ready(self) -> None:
        story = both()
        (old,) = story.world.instances_of("/app")
        story.all_tasks(C.FAILED, story.world.instances_of("/db"))
        story.put(needing("/db", environment={"VERSION": "2"}))
        story.offer()
        assert [each.id for each in story.world.instances_of("/app")] == [old.id]
        story.wait(2)
        story.go_well()

        (new,) = story.world.instances_of("/app")
        assert new.id != old.id
        assert not story.world.deployments

    def test_an_update_waits_while_what_it_needs_is_being_changed(self) -> None:
        story = both()
        story.put(definition(id="/db", environment={"VERSION": "2"}))
        story.put(needing("/db", environment={"VERSION": "2"}))
        story.offer()
        assert waits(story) == ["/db"]
        story.go_well()

        assert not story.world.deployments

    def test_scaling_up_waits_and_scaling_down_does_not(self) -> None:
        story = both(instances=2)
        story.all_tasks(C.FAILED, story.world.instances_of("/db"))
        story.put(needing("/db", instances=3))
        assert waits(story) == ["/db"]
        assert len(story.world.instances_of("/app")) == 2
        story.put(needing("/db", instances=1))

        assert [each.goal for each in story.world.instances_of("/app")].count(Goal.DECOMMISSIONED) == 1

    def test_once_started_it_no_longer_waits(self) -> None:
        story = both(instances=2)
        story.put(needing("/db", instances=2, environment={"VERSION": "2"}), batch_size=1)
        story.all_tasks(C.FAILED, story.world.instances_of("/db"))
        deployment = story.world.deployment_of("/app")
        assert deployment is not None
        assert deployment.released == ("/app",)
        for number in range(10):
            story.offer(f"A{number}", cpus=100)
            mine = story.world.instances_of("/app")
            story.all_tasks(C.RUNNING, [each for each in mine if each.goal is Goal.RUNNING])
            story.all_tasks(C.KILLED, [each for each in mine if each.goal is not Goal.RUNNING])

        assert story.world.deployment_of("/app") is None

    def test_without_a_deployment_what_it_needs_is_not_looked_at(self) -> None:
        """A failed database ends no other pod, and delays no relaunch."""
        story = both(scheduling={"backoff": {"backoff": 0}})
        story.all_tasks(C.FAILED)
        story.offer()

        assert all(each.tasks for each in story.world.instances_of("/app"))

    def test_it_is_remembered_over_a_restart(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/db"))
        story.post(needing("/db"))
        story = story.restart()
        story.subscribe()
        story.offer()
        assert [each.pod_id for each in story.instances] == ["/db"]
        story.all_tasks(C.RUNNING)

        assert [each.pod_id for each in story.instances] == ["/db", "/app"]

    def test_what_runs_is_kept_at_its_number_while_its_update_waits(self) -> None:
        story = both(instances=2)
        before = story.world.pods["/app"].version
        story.all_tasks(C.FAILED, story.world.instances_of("/db"))
        story.put(needing("/db", instances=2, environment={"VERSION": "2"}))
        lost = story.world.instances_of("/app")[0]
        story.all_tasks(C.UNREACHABLE, [lost])
        there = [each for each in story.world.instances_of("/app") if each.goal is Goal.RUNNING]

        assert [each.version for each in there] == [before] * 2


class TestRefusal:
    def test_a_pod_that_is_not_there(self) -> None:
        story = Story()
        story.post(definition(id="/db"))
        frame = story.post(needing("/db", "/nobody"))
        answer = story.reply(frame)

        assert isinstance(answer, Refused)
        assert answer.kind == "invalid"
        assert answer.problems == (("/dependencies(1)", "there is no pod /nobody: create it first"),)
        assert frame.changes == ()

    def test_itself(self) -> None:
        answer = Story().reply(Story().post(needing("/app")))

        assert isinstance(answer, Refused)
        assert answer.problems == (("/dependencies", "pods depend on each other: /app -> /app"),)

    def test_a_circle(self) -> None:
        story = Story()
        story.post(definition(id="/a"))
        story.post(needing("/a", name="/b"))
        story.post(needing("/b", name="/c"))
        frame = story.put(needing("/c", name="/a"))
        answer = story.reply(frame)

        assert isinstance(answer, Refused)
        assert answer.problems == (("/dependencies", "pods depend on each other: /a -> /c -> /b -> /a"),)
        assert frame.changes == ()

    @pytest.mark.parametrize(
        ("kind", "what"),
        [(PodDeleted, "/g/db"), (GroupDeleted, "/g")],
    )
    def test_to_remove_what_others_need(self, kind: Any, what: str) -> None:
        story = Story()
        story.post(definition(id="/g/db"))
        story.post(needing("/g/db"))
        frame = story.request(kind, what, Rollout())
        answer = story.reply(frame)

        assert isinstance(answer, Refused)
        assert answer.kind == "needed"
        assert answer.message == "Pod '/g/db' is needed by /app: remove them first, or use force=true"
        assert frame.changes == ()
        assert isinstance(story.reply(story.request(kind, what, Rollout(force=True))), Done)

    def test_not_where_all_go_together(self) -> None:
        story = Story()
        story.post(definition(id="/g/db"))
        story.post(needing("/g/db", name="/g/app"))

        assert isinstance(story.reply(story.request(GroupDeleted, "/g", Rollout(force=True))), Done)
        assert story.world.pods == {}

    def test_not_if_it_is_no_longer_needed(self) -> None:
        story = both()
        story.put(needing())

        assert isinstance(story.reply(story.request(PodDeleted, "/db", Rollout())), Done)


def test_levels() -> None:
    asked = {
        name: needing(*others, name=name)
        for name, others in {"/c": ["/b", "/elsewhere"], "/b": ["/a"], "/a": [], "/d": ["/a"]}.items()
    }

    assert levels(asked) == [["/a"], ["/b", "/d"], ["/c"]]
    assert levels({}) == []


def test_a_circle_that_should_not_be_there_is_no_reason_to_hang() -> None:
    asked = {"/a": needing("/b", name="/a"), "/b": needing("/a", name="/b"), "/c": needing(name="/c")}

    assert levels(asked) == [["/c"], ["/a", "/b"]]


def test_circles_are_found_along_every_way() -> None:
    others = {"/b": ["/d"], "/c": ["/d"], "/d": ["/e"], "/e": []}

    assert cycle("/a", ["/b", "/c"], others) == ()
    assert cycle("/a", ["/b", "/c"], {**others, "/e": ["/a"]}) in (
        ("/a", "/c", "/d", "/e", "/a"),
        ("/a", "/b", "/d", "/e", "/a"),
    )
