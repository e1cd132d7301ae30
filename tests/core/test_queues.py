"""The queues of waiting instances: who is in which, and in which order they are served."""

from hypothesis import given
from hypothesis import strategies as some

from scheduler.core.queues import Delay, Queues
from scheduler.model.records import Condition, Goal, Instance
from tests.core.support import instance, task

QUEUE = "/shop/web@1"


def waits(name: str, config_version: str = "1", **fields: object) -> Instance:
    """An instance that waits for an offer."""
    return instance(id=f"shop_web.instance-{name}", config_version=config_version, **fields)


def runs(name: str, config_version: str = "1") -> Instance:
    """The same instance when it was launched."""
    return instance(task(Condition.RUNNING), id=f"shop_web.instance-{name}", config_version=config_version)


def filled(*names: str) -> Queues:
    """Queues into which instances came in this order."""
    queues = Queues()
    for name in names:
        queues.update(None, waits(name))
    return queues


def order(queues: Queues, queue: str = QUEUE) -> str:
    """The names in a queue, oldest first."""
    return "".join(each[-1] for each in queues.waiting.get(queue, ()))


def test_instances_are_served_in_the_order_in_which_they_came() -> None:
    queues = filled("c", "a", "b")
    assert order(queues) == "cab"
    queues.update(waits("c"), runs("c"))
    assert order(queues) == "ab"
    queues.update(runs("c"), waits("c"))
    assert order(queues) == "abc", "who comes back is last"


def test_a_change_that_lets_an_instance_wait_keeps_its_place() -> None:
    queues = filled("a", "b")
    queues.update(waits("a"), waits("a", since=5.0))

    assert order(queues) == "ab"


def test_another_configuration_is_another_queue() -> None:
    queues = filled("a", "b")
    queues.update(waits("a"), waits("a", "2"))

    assert (order(queues), order(queues, "/shop/web@2")) == ("b", "a")


def test_an_instance_that_is_deleted_or_no_longer_wanted_leaves() -> None:
    queues = filled("a", "b")
    queues.update(waits("a"), None)
    queues.update(waits("b"), waits("b", goal=Goal.DECOMMISSIONED))

    assert (queues.waiting, queues.launchable) == ({}, {})


def test_a_queue_that_was_served_is_last_of_its_role() -> None:
    queues = filled("a")
    queues.update(None, waits("b", "2"))
    queues.put_last(QUEUE)
    queues.put_last("/of/nobody@1")

    assert list(queues.launchable["*"]) == ["/shop/web@2", QUEUE]


def test_a_queue_with_a_back_off_is_not_served_but_keeps_its_instances_in_order() -> None:
    queues = filled("b", "a")
    queues.delay(QUEUE, Delay(10.0, 0.0, 10.0))
    assert queues.launchable == {}
    queues.update(None, waits("c"))
    assert queues.launchable == {}
    queues.release(QUEUE)

    assert (order(queues), list(queues.launchable["*"])) == ("bac", [QUEUE])


@given(some.lists(some.tuples(some.sampled_from("abcde"), some.booleans()), max_size=40))
def test_whatever_comes_and_leaves_the_order_is_that_of_coming(moves: list[tuple[str, bool]]) -> None:
    queues, line = Queues(), ""
    states: dict[str, Instance | None] = {}
    for name, comes in moves:
        new = waits(name) if comes else runs(name)
        queues.update(states.get(name), new)
        states[name] = new
        if not comes:
            line = line.replace(name, "")
        elif name not in line:
            line += name

        assert order(queues) == line
        assert list(queues.launchable.get("*", ())) == ([QUEUE] if line else [])
