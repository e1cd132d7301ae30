"""The state and its indexes."""

import uuid
from collections.abc import Sized
from dataclasses import fields, is_dataclass

import msgspec
import pytest

from scheduler.core.due import Due
from scheduler.core.events import AgentDescribed, AgentLost, InstancesKilled
from scheduler.core.world import World
from scheduler.model.records import Abandoned, Condition, Instance
from tests.core.support import Story, container, definition, instance, running, settings, task


def test_instances_are_listed_oldest_first_in_whatever_order_a_store_gives_them() -> None:
    old, young = instance(id="shop_web.instance-b", created_at=1.0), instance(id="shop_web.instance-a", created_at=2.0)
    world = World(settings(), 1, [young, old])

    assert world.instances_of("/shop/web") == [old, young]
    assert list(world.queues.waiting["/shop/web@"]) == [old.id, young.id]


def test_the_indexes_follow_every_change_of_a_record() -> None:
    placed = instance(task(Condition.RUNNING, "a"), task(Condition.RUNNING, "b"))
    waiting = instance()
    world = World(settings(), 1)

    world.put(waiting)
    assert (list(world.queues.waiting), world.tasks, world.placed) == (["/shop/web@"], {}, {})
    world.put(placed)
    assert world.queues.waiting == {}
    assert set(world.tasks) == {"shop_web.instance-u.a.1", "shop_web.instance-u.b.1"}
    assert world.placed == {"/shop/web": {"A1": 1}}
    world.put(waiting)
    assert (list(world.queues.waiting), world.tasks, world.placed) == (["/shop/web@"], {}, {})
    world.put(placed)
    world.delete(type(placed), placed.id)
    assert (world.queues.waiting, world.tasks, world.placed, world.instances_of("/shop/web")) == ({}, {}, {}, [])
    assert world.pod_ids() == set()


@pytest.mark.parametrize("step", [1, -1])
def test_a_task_that_a_damaged_store_gives_to_several_records_is_forgotten_with_the_last(step: int) -> None:
    """A launch of two tasks, of which another one has one; and two instances with the same task."""
    same = task(Condition.RUNNING, "same")
    given_up = [
        Abandoned(executor, "i", "/p", tasks, "A1", 1.0, 3.0) for executor, tasks in (("a", ("t", "u")), ("b", ("t",)))
    ]
    instances = [instance(same, same, id=f"shop_web.instance-{name}") for name in "abc"]
    world = World(settings(), 1, [*given_up, *instances])
    assert (set(world.abandoned_tasks), set(world.tasks)) == ({"t", "u"}, {same.id})
    records: list[Abandoned | Instance] = [*given_up, *instances]
    for record in records[::step]:
        world.delete(type(record), record.id)
    assert (world.abandoned_tasks, world.tasks) == ({}, {})


def test_a_pod_that_is_gone_depends_on_nothing() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(id="/shop/db"))
    story.post(definition(dependencies=["/shop/db"]))
    assert [*story.world.dependents("/shop/db")] == ["/shop/web"]
    story.remove("/shop/web")

    assert [*story.world.dependents("/shop/db")] == []


def test_new_ids_are_random_uuids_and_the_same_for_the_same_seed() -> None:
    first, again = (World(settings(), 1).new_uuid() for _ in range(2))

    assert first == again
    assert uuid.UUID(first).version == 4


def test_deadlines_come_in_order_and_once() -> None:
    world = World(settings(), 1)
    for when, key in ((3.0, "late"), (1.0, "first"), (2.0, "second"), (2.0, "third")):
        world.deadlines.set(when, Due.KILL, key)

    assert world.next_deadline() == 1.0
    assert [key for _, key in world.deadlines.take(2.5)] == ["first", "second", "third"]
    assert [key for _, key in world.deadlines.take(2.5)] == []
    assert world.next_deadline() == 3.0


def test_a_restarted_scheduler_knows_what_the_former_one_knew() -> None:
    story = running(instances=3, containers=[container("one"), container("two")])
    story.put(definition(instances=2, containers=[container("one"), container("two")]))
    again = story.restart().world

    assert again.instances == story.world.instances
    assert again.pods == story.world.pods
    assert again.definitions == story.world.definitions
    assert again.tasks == story.world.tasks
    assert again.placed == story.world.placed
    assert again.framework == story.world.framework


def sizes(world: World) -> dict[str, int]:
    """The size of each part of the world, on every level that can grow."""
    parts: dict[str, object] = {}
    for part in (world, *(each for each in vars(world).values() if type(each).__module__.startswith("scheduler.core"))):
        if isinstance(part, msgspec.Struct):
            continue  # it never changes
        names = [each.name for each in fields(part)] if is_dataclass(part) else vars(part)
        parts |= {f"{type(part).__name__}.{name}": getattr(part, name) for name in names}
    parts["MasterConnection.unreconciled"] = world.volatile.connection.unreconciled
    return {name: len(value) for name, value in parts.items() if isinstance(value, Sized)}


def live_through(story: Story, number: int) -> None:
    """A pod is created, changed repeatedly, fails, waits for resources that no agent has, is killed, and is removed."""
    pod_id, agent = f"/pods/p{number}", f"B{number}"
    story.tell(AgentDescribed(agent, frozenset({"docker/runtime"})))
    for change in range(4):
        wanted = container(environment={"CHANGE": str(change)})
        story.put(definition(wanted, id=pod_id, instances=2, role=f"role{number}", dependencies=["/shop/web"]))
        story.offer(agent, role=f"role{number}", cpus=1)
        story.all_tasks(Condition.RUNNING, story.world.instances_of(pod_id))
        story.all_tasks(Condition.FAILED, story.world.instances_of(pod_id))
    large = container(resources={"cpus": 100, "mem": 32})
    story.put(definition(large, id=pod_id, role=f"role{number}"))
    story.offer(agent, role=f"role{number}")
    story.request(InstancesKilled, pod_id, tuple(each.id for each in story.world.instances_of(pod_id)), wipe=True)
    story.remove(pod_id)
    for _ in range(3):
        story.all_tasks(Condition.KILLED, story.world.instances_of(pod_id))
    story.tell(AgentLost(agent))


def test_what_is_gone_leaves_nothing_behind() -> None:
    story = running(settings={"versions_kept": 2})
    story.wait(3600)
    before = sizes(story.world)
    for number in range(20):
        live_through(story, number)
        story.frames.clear()
    story.wait(3600)

    assert [each.pod_id for each in story.instances] == ["/shop/web"]
    assert sizes(story.world) == before


def test_versions_that_are_no_longer_kept_leave_nothing_behind() -> None:
    story = running(settings={"versions_kept": 2}, scheduling={"backoff": {"backoff": 5}})
    for change in range(10):
        story.put(definition(container(environment={"CHANGE": str(change)}), scheduling={"backoff": {"backoff": 5}}))
        story.go_well(3)
        story.all_tasks(Condition.FAILED)
        story.wait(60)
        story.go_well(3)
        if change == 4:
            before = sizes(story.world)

    assert {name: size for name, size in sizes(story.world).items() if size > before[name]} == {}
