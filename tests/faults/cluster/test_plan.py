"""The nemesis' plan follows from the seed, disturbs everything, and spares the majority of ZooKeeper."""

from itertools import islice
from typing import Any

import pytest

from tests.faults.cluster.plan import STORE_FAULTS, TARGETS, Round, round_of, rounds
from tests.faults.cluster.topology import KINDS, ZOOKEEPER, Topology, kind_of

ONE = Topology()
THREE = Topology(schedulers=3, ensemble=True)
_SECONDS = 20.0
FIRST = [("loss agent-2 of 10 %", 0.19, 8.4)]


def _many(topology: Topology, seed: int = 7, count: int = 200) -> list[Round]:
    return list(islice(rounds(seed, topology, _SECONDS), count))


@pytest.mark.parametrize("topology", [ONE, THREE], ids=["one", "three"])
def test_a_seed_gives_the_same_rounds_again_and_each_of_them_alone(topology: Topology) -> None:
    first = _many(topology)
    assert _many(topology) == first
    assert [round_of(7, topology, _SECONDS, each.number) for each in reversed(first)] == first[::-1]
    assert _many(topology, seed=8) != first


def test_the_first_round_of_a_seed_is_this_one() -> None:
    """It is the same on every machine and in every release: a seed in a report stays good."""
    planned = round_of(7, ONE, _SECONDS, 1)
    assert [(fault.text, fault.begins, fault.lasts) for fault in planned.faults] == FIRST


@pytest.mark.parametrize("topology", [ONE, THREE], ids=["one", "three"])
def test_everything_is_disturbed_in_every_way(topology: Topology) -> None:
    planned = _many(topology, count=600)
    done = {(fault.kind, kind_of(fault.target)) for each in planned for fault in each.faults}
    file_only = {"full-disk", "fsync-error"} if topology.ensemble else set()
    assert done == {(kind, target) for kind, targets in TARGETS.items() if kind not in file_only for target in targets}
    assert {fault.target for each in planned for fault in each.faults} == set(topology.hosts)
    assert {each.afterwards for each in planned} == ({""} if topology.ensemble else {"", *STORE_FAULTS})


def test_most_faults_of_several_schedulers_hit_the_one_that_leads() -> None:
    hits = [fault for each in _many(THREE, count=600) for fault in each.faults if kind_of(fault.target) == "scheduler"]
    assert 0.6 < sum(fault.leads for fault in hits) / len(hits) < 0.8
    assert not any(fault.leads for each in _many(ONE) for fault in each.faults)


def test_each_kind_of_fault_has_its_turn_before_any_has_it_again() -> None:
    planned = _many(ONE, count=len(TARGETS))
    assert {fault.kind for each in planned for fault in each.faults} == set(TARGETS)


@pytest.mark.parametrize("seed", range(20))
def test_faults_are_within_their_round_and_hit_different_hosts(seed: int) -> None:
    for each in _many(THREE, seed):
        assert each.faults
        assert all(0 <= fault.begins < fault.ends <= _SECONDS + 0.02 for fault in each.faults), each
        targets = [fault.target for fault in each.faults]
        assert len(set(targets)) == len(targets), each
        assert all(fault.peer != fault.target for fault in each.faults)


@pytest.mark.parametrize(("servers", "most"), [(1, 0), (3, 1), (5, 2)])
def test_only_a_minority_of_zookeeper_is_disturbed_at_a_time(servers: int, most: int) -> None:
    topology = Topology(zookeepers=servers)
    counts = {sum(kind_of(fault.target) == ZOOKEEPER for fault in each.faults) for each in _many(topology, count=2000)}
    assert max(counts) == most


def test_hosts_have_addresses_of_their_own() -> None:
    assert len({THREE.number(host) for host in THREE.hosts}) == len(THREE.hosts) == 12
    assert min(THREE.number(host) for host in THREE.hosts) == 2  # 1 is the bench's own
    assert {kind_of(host) for host in THREE.hosts} == set(KINDS)


@pytest.mark.parametrize("counts", [{"schedulers": 2}, {"masters": 0}, {"agents": -1}], ids=str)
def test_what_cannot_be_is_refused(counts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needed|need a store"):
        Topology(**counts)
