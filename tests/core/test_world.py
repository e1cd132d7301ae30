"""The state and its indexes."""

from scheduler.core.world import Due, World
from scheduler.model.records import Condition
from tests.core.support import container, definition, instance, running, settings, task


def test_instances_are_listed_oldest_first_in_whatever_order_a_store_gives_them() -> None:
    old, young = instance(id="shop_web.instance-b", created_at=1.0), instance(id="shop_web.instance-a", created_at=2.0)
    world = World(settings(), 1, [young, old])

    assert world.instances_of("/shop/web") == [old, young]
    assert list(world.waiting["/shop/web@"]) == [old.id, young.id]


def test_the_indexes_follow_every_change_of_a_record() -> None:
    placed = instance(task(Condition.RUNNING, "a"), task(Condition.RUNNING, "b"))
    waiting = instance()
    world = World(settings(), 1)

    world.put(waiting)
    assert (list(world.waiting), world.tasks, world.placed) == (["/shop/web@"], {}, {})
    world.put(placed)
    assert world.waiting == {}
    assert set(world.tasks) == {"shop_web.instance-u.a.1", "shop_web.instance-u.b.1"}
    assert world.placed == {"/shop/web": {"A1": 1}}
    world.put(waiting)
    assert (list(world.waiting), world.tasks, world.placed) == (["/shop/web@"], {}, {})
    world.put(placed)
    world.delete(type(placed), placed.id)
    assert (world.waiting, world.tasks, world.placed, world.instances_of("/shop/web")) == ({}, {}, {}, [])
    assert world.pod_ids() == set()


def test_deadlines_come_in_order_and_once() -> None:
    world = World(settings(), 1)
    for when, key in ((3.0, "late"), (1.0, "first"), (2.0, "second"), (2.0, "third")):
        world.at(when, Due.KILL, key)

    assert world.next_deadline() == 1.0
    assert [key for _, key in world.overdue(2.5)] == ["first", "second", "third"]
    assert [key for _, key in world.overdue(2.5)] == []
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
