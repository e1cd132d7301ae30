"""cluster.yml: which machines it describes, and what is said of wrong values."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.vagrant.cluster import delivered, described, planned

_MISSING = object()


def _with(place: str, value: object) -> dict[str, Any]:
    content = copy.deepcopy(delivered())
    *folders, name = place.split(".")
    target = content
    for folder in folders:
        target = target[folder]
    if value is _MISSING:
        del target[name]
    else:
        target[name] = value
    return content


def test_what_is_delivered_is_one_master_and_two_agents_without_zookeeper(tmp_path: Path) -> None:
    plan = planned(delivered(), tmp_path)
    steps = {machine["name"]: machine["steps"] for machine in plan["machines"]}
    assert steps == {
        "master-1": ["machine", "podexec", "master", "scheduler"],
        "agent-1": ["machine", "cgroups", "agent"],
        "agent-2": ["machine", "cgroups", "agent"],
    }
    assert {machine["environment"]["MESOS"] for machine in plan["machines"]} == {"192.168.56.11:5050"}
    for page in ("http://192.168.56.11:8080", "http://192.168.56.21:31000/", "http://192.168.56.22:31000/"):
        assert page in plan["message"]


def test_several_masters_have_zookeeper_and_a_scheduler_each(tmp_path: Path) -> None:
    plan = planned(_with("masters.count", 3), tmp_path)
    machines = plan["machines"]
    steps = {machine["name"]: machine["steps"] for machine in machines[:3]}
    assert steps == {
        "master-1": ["machine", "podexec", "zookeeper", "master", "scheduler"],
        "master-2": ["machine", "zookeeper", "master", "scheduler"],
        "master-3": ["machine", "zookeeper", "master", "scheduler"],
    }
    servers = "zk://192.168.56.11:2181,192.168.56.12:2181,192.168.56.13:2181"
    apis = "http://192.168.56.11:8080,http://192.168.56.12:8080,http://192.168.56.13:8080"
    for machine in machines:
        environment = machine["environment"]
        assert (environment["MESOS"], environment["STORE"]) == (f"{servers}/mesos", f"{servers}/podexec")
        assert environment["APIS"] == apis
    assert f"PODEXEC_URL={apis}\n" in plan["message"]


def test_an_agent_keeps_memory_for_its_own_machine(tmp_path: Path) -> None:
    machines = planned(_with("agents.memory", 3000), tmp_path)["machines"]
    assert [each["environment"].get("RESOURCES") for each in machines[1:]] == [
        "cpus:2;mem:2488;ports:[31000-32000]"
    ] * 2
    assert [each["memory"] for each in machines] == [2048, 3000, 3000]


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("masters.count", 2, "masters.count must be one of 1, 3, 5, not 2."),
        ("agents.count", "two", 'agents.count must be an integer from 1 to 50, not "two".'),
        ("agents.count", True, "agents.count must be an integer from 1 to 50, not true."),
        ("agents.memory", 512, "agents.memory must be an integer from 1024 to 262144, not 512."),
        ("masters.cpus", 0, "masters.cpus must be an integer from 1 to 64, not 0."),
        (
            "masters.first_address",
            "192.168.56",
            "masters.first_address must be a private IPv4 address, such as 192.168.56.11",
        ),
        ("masters.first_address", "8.8.8.8", "masters.first_address must be a private IPv4 address"),
        ("masters.first_address", "10.0.0.0/8", "masters.first_address must be a private IPv4 address"),
        ("masters.first_address", "fd00::1", "masters.first_address must be a private IPv4 address"),
        ("masters.first_address", ["x"], "masters.first_address must be a private IPv4 address"),
        ("agents.first_address", "192.168.56.254", "must be an address after which 2 fit between .2 and .254"),
        ("agents.first_address", "192.168.56.1", "must be an address after which 2 fit between .2 and .254"),
        ("agents.first_address", "192.168.56.11", "agents.first_address must be other addresses than the masters'"),
        ("zookeeper", "yes", 'zookeeper must be one of true, false, not "yes".'),
        ("libvirt.driver", "tcg", 'libvirt.driver must be one of kvm, qemu, not "tcg".'),
        ("libvirt", None, "libvirt must be a mapping with the keys driver, not nil."),
        ("box", "a box\x1b[31m", 'box must be the name of a box, not "a box\\e[31m".'),
        ("agents.count", _MISSING, "agents.count is missing"),
        ("agents.cuont", 2, "agents.cuont is not a known key; known here: count, cpus, memory, first_address."),
    ],
)
def test_a_wrong_value_is_named_with_its_place(tmp_path: Path, place: str, value: object, expected: str) -> None:
    done = described(_with(place, value), tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path / 'cluster.yml'}: {expected}" in done.stderr or expected in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    "content", ["", "- a list\n", "box: [", "just a text\n", "box: !ruby/object:Gem::Version {}\n"]
)
def test_a_file_of_another_kind_is_told_in_a_sentence(tmp_path: Path, content: str) -> None:
    done = described(content, tmp_path)
    assert done.returncode == 1
    assert str(tmp_path / "cluster.yml") in done.stderr
    assert "cluster.rb:" not in done.stderr, "a stack of Ruby"


@pytest.mark.parametrize(
    ("address", "allowed"), [("192.168.63.250", True), ("192.168.64.2", False), ("10.1.2.3", False)]
)
def test_virtualbox_allows_one_range_of_addresses(tmp_path: Path, address: str, allowed: bool) -> None:
    content = _with("agents.first_address", address)
    assert described(content, tmp_path, "libvirt").returncode == 0
    done = described(content, tmp_path, "virtualbox")
    assert (done.returncode == 0) == allowed
    assert (
        allowed
        or "an address in 192.168.56.0/21, the only ones that VirtualBox allows without configuration" in done.stderr
    )
