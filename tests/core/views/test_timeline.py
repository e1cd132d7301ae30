"""What happened to a pod and its instances, as the API shows it."""

import time

from msgspec.structs import replace

from scheduler.core.events import InstancesKilled
from scheduler.core.views.timeline import instance_timeline, pod_timeline
from scheduler.model.json import Json
from scheduler.model.records import Condition, Happening, What
from tests.core.support import Story, container, definition, running
from tests.core.views.test_plan import NEW


def whats(timeline: Json | None) -> list[str]:
    """What happened, in order."""
    assert timeline is not None
    return [each["what"] for each in timeline["happenings"]]


def of_instance(story: Story) -> Json | None:
    """The timeline of the only instance."""
    return instance_timeline(story.world, story.pod, story.only.id)


def test_the_normal_course_is_told_although_it_is_not_stored() -> None:
    story = Story()
    story.subscribe()
    story.post(definition())
    assert whats(of_instance(story)) == ["created", "waits for an offer"]
    story.now += 1
    story.offer()
    story.now += 1
    story.all_tasks(Condition.RUNNING)
    story.now += 1
    story.all_tasks(Condition.RUNNING, healthy=True)
    assert whats(of_instance(story)) == ["created", "launched", "running", "healthy"]
    assert story.only.story == ()
    found = of_instance(story)
    assert found is not None
    assert found["happenings"][1]["agentHostname"] == "a1.example"


def test_what_it_waits_for_is_told() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(container(resources={"cpus": 9, "mem": 32})))
    story.offer(cpus=1)
    found = of_instance(story)
    assert found is not None
    assert found["happenings"][-1]["cause"] == "InsufficientCpus"


def test_an_end_is_told_with_its_cause_while_the_others_are_ending_and_afterwards() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(container("a"), container("b")))
    story.offer()
    story.all_tasks(Condition.RUNNING)
    first = story.only.tasks[0].id
    story.now += 2
    story.update(first, Condition.FAILED, message="exited with status 4")
    before = of_instance(story)
    assert before is not None
    assert before["happenings"][-1] == {
        "at": "2023-11-14T22:13:22.000Z",
        "what": "failed",
        "container": "a",
        "cause": "exited with status 4",
    }
    story.all_tasks(Condition.KILLED)
    assert whats(of_instance(story)) == ["created", "launched", "running", "ended", "waits for an offer"]


def test_the_pods_has_changes_deployments_and_its_instances() -> None:
    story = running()
    story.now += 5
    story.put(definition(**NEW))
    old = story.instances[0].id
    story.now += 5
    story.go_well()
    story.now += 5
    found = pod_timeline(story.world, story.pod)
    about_old = [each["what"] for each in found["happenings"] if each.get("instance") == old]
    assert about_old == ["ended"]
    rest = [each["what"] for each in found["happenings"] if each.get("instance") != old]
    assert rest[:3] == ["created", "updated", "created"]
    assert set(rest[3:]) == {"launched", "running", "deployment finished"}
    assert "instancesLeftOut" not in found


def test_an_instance_that_is_gone_is_known_by_its_end_and_an_unknown_one_is_not() -> None:
    story = running(instances=2)
    gone = story.instances[0].id
    story.request(InstancesKilled, "/shop/web", (gone,), wipe=True)
    story.all_tasks(Condition.KILLED, [story.world.instances[gone]])
    found = instance_timeline(story.world, story.pod, gone)
    assert found is not None
    assert [(each["what"], each["cause"]) for each in found["happenings"]] == [
        ("ended", "on request, with its volumes")
    ]
    assert instance_timeline(story.world, story.pod, "x" * 130_000) is None


def test_an_instance_of_another_pod_is_not_told() -> None:
    story = running()
    story.post(definition(id="/other"))
    other = story.world.instances_of("/other")[0]
    assert instance_timeline(story.world, story.world.pods["/shop/web"], other.id) is None


def test_of_many_instances_only_the_ends_are_told_without_a_look_at_each() -> None:
    story = running()
    template = replace(story.only, tasks=(), story=(Happening(1.0, What.RESTARTED),) * 50)
    for number in range(20_000):
        story.world.put(replace(template, id=f"shop_web.instance-{number}"))
    started = time.process_time()
    found = pod_timeline(story.world, story.pod)
    assert time.process_time() - started < 0.05
    assert found["instancesLeftOut"] == 20_001
    assert len(found["happenings"]) < 10


def test_a_hundred_full_stories_are_told_within_the_time_of_a_request() -> None:
    story = running()
    template = replace(story.only, story=(Happening(1.0, What.RESTARTED, "main", "[x]" * 66),) * 50)
    for number in range(98):
        story.world.put(replace(template, id=f"shop_web.instance-{number}"))
    started = time.process_time()
    assert len(pod_timeline(story.world, story.pod)["happenings"]) == 1000
    assert time.process_time() - started < 0.1
