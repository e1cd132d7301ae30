"""A thousand pods, three schedulers and three ZooKeeper servers: the leader goes, and nothing that runs is touched.

How long writes were refused is printed: ``pytest -rP`` shows it.
"""

import itertools
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench.simulator import Simulator, Stats
from tests.ha.expiry import leaders_expiry
from tests.ha.stage import LEADER, Node, leader_of, schedulers, standby_of, wait_for
from tests.zookeeper import Ensemble

SIZES = (1, 2, 3, 4, 10)  # instances of the definitions, in turn
DEFINITIONS = 250
PODS = DEFINITIONS // len(SIZES) * sum(SIZES)
PATH = "/tests/thousand"
SOON, AT_ONCE = 5.0, 2.0  # seconds until a write is answered; at once: one second unless the machine is busy


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """Three servers."""
    with Ensemble(tmp_path_factory.mktemp("zookeeper"), 3) as ensemble:
        yield ensemble


@pytest.fixture(scope="module")
def full(ensemble: Ensemble, simulator: Simulator) -> Iterator[list[Node]]:
    """Three schedulers, whose thousand pods run."""
    with schedulers(ensemble.url(PATH), simulator.address, 3) as nodes:
        leader = leader_of(nodes)
        sizes = {f"/many/pod-{number}": SIZES[number % len(SIZES)] for number in range(DEFINITIONS)}
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda pod: leader.post_pod(pod[0], instances=pod[1]), sizes.items()))
        assert {each.status_code for each in answers} == {201}
        wait_for("they run", lambda: simulator.stats().running == PODS and simulator.stats().is_settled)
        yield nodes


@pytest.fixture
def nodes(full: list[Node]) -> list[Node]:
    """The three schedulers, all of which run."""
    for each in full:
        if not each.is_running:
            each.start()
    wait_for("all take part", lambda: len(leader_of(full).info_of_podexec()["schedulers"]) == len(full))
    return full


def containers(node: Node) -> dict[str, list[str]]:
    """Of every instance in the state of a scheduler: the ids of its containers."""
    return {
        instance["id"]: [each["containerId"] for each in instance["containers"]]
        for status in node.get("/v2/pods/::status").json()
        for instance in status.get("instances", ())
    }


def check_untouched(new: Node, before: Stats, known: dict[str, list[str]], simulator: Simulator) -> None:
    """The new leader has subscribed, knows what runs, and has neither launched nor killed anything."""
    wait_for("it has subscribed", lambda: simulator.stats().subscriptions == before.subscriptions + 1)
    wait_for("it knows what runs", lambda: "onHold" not in new.info_of_podexec())
    after = simulator.stats()
    changed = {name for name in after.calls if after.calls[name] != before.calls.get(name, 0)}
    assert not changed & {"KILL", "SHUTDOWN", "ACCEPT"}, changed
    assert (after.running, after.launch_groups, after.problems) == (PODS, before.launch_groups, {})
    assert containers(new) == known
    assert len(known) == PODS


def first_write(node: Node, group: str, before: Node) -> float:
    """When the first write was answered that another leader than ``before`` accepted."""
    numbers = itertools.count()

    def is_written() -> bool:
        answer = node.post_pod(f"{group}/{next(numbers)}")
        return answer.status_code == 201 and answer.headers[LEADER] != before.url

    wait_for("a write", is_written)
    return time.monotonic()


def test_a_killed_leader_is_replaced_soon_after_its_session_has_expired(
    nodes: list[Node], simulator: Simulator, ensemble: Ensemble
) -> None:
    leader = leader_of(nodes)
    others = [each for each in nodes if each is not leader]
    before, known = simulator.stats(), containers(leader)
    with leaders_expiry(ensemble, PATH) as expired:
        killed = time.monotonic()
        leader.end(signal.SIGKILL)
        written = first_write(others[0], "/killed", leader)
        seconds = written - expired()
    print(f"a write {seconds:.2f} s after the session expired, {written - killed:.2f} s after SIGKILL")
    assert seconds < SOON, f"a write was answered {seconds:.2f} s after the session had expired"
    new = leader_of(others)
    check_untouched(new, before, known, simulator)
    written_pods = {each["id"] for each in new.get("/v2/pods").json() if each["id"].startswith("/killed/")}
    standby = standby_of(others)
    wait_for("the standby follows", lambda: written_pods <= {each["id"] for each in standby.get("/v2/pods").json()})


def test_abdication_hands_over_at_once(nodes: list[Node], simulator: Simulator) -> None:
    leader = leader_of(nodes)
    others = [each for each in nodes if each is not leader]
    before, known = simulator.stats(), containers(leader)
    asked = time.monotonic()
    assert leader.http.delete("/v2/leader").json() == {"message": "Leadership abdicated"}
    seconds = first_write(others[1], "/abdicated", leader) - asked
    print(f"a write {seconds:.2f} s after abdication")
    assert seconds < AT_ONCE, f"a write was answered after {seconds:.2f} s: {others[0].tail()}\n{others[1].tail()}"
    new = leader_of(nodes)
    assert new is not leader
    check_untouched(new, before, known, simulator)


def test_a_leader_that_is_told_to_end_hands_over_at_once(nodes: list[Node], simulator: Simulator) -> None:
    leader = leader_of(nodes)
    others = [each for each in nodes if each is not leader]
    before, known = simulator.stats(), containers(leader)
    told = time.monotonic()
    leader.signal(signal.SIGTERM)
    seconds = first_write(others[0], "/ended", leader) - told
    print(f"a write {seconds:.2f} s after SIGTERM")
    assert seconds < AT_ONCE, f"a write was answered after {seconds:.2f} s: {others[0].tail()}\n{others[1].tail()}"
    assert leader.end(signal.SIGCONT) == 0, leader.tail()
    check_untouched(leader_of(others), before, known, simulator)
