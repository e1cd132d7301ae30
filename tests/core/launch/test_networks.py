"""The networks of a pod: network infos, port mappings, discovery."""

from typing import Any

import pytest

from scheduler.core.launch import discovery
from scheduler.core.launch.networks import network_infos
from scheduler.model.json import Json
from tests.core.support import container, definition, launched, settings

A: Json = {"mode": "container", "name": "a"}
B: Json = {"mode": "container", "name": "b", "labels": {"k": "v"}}
BRIDGE: Json = {"mode": "container/bridge"}
HOST: Json = {"mode": "host"}


def endpoint(name: str = "web", container_port: int | None = 80, **fields: Any) -> Json:
    """An endpoint on TCP."""
    asked = {} if container_port is None else {"containerPort": container_port}
    return {"name": name, **asked, "protocol": ["tcp"], **fields}


def infos(networks: list[Json], *endpoints: Json, ports: dict[str, int] | None = None, **changes: Any) -> list[Json]:
    """The network infos of a pod with one container."""
    asked = definition(container(endpoints=list(endpoints)), networks=networks)
    return network_infos(settings(**changes), asked, ports or {})


def reachable(networks: list[Json], *endpoints: Json, ports: dict[str, int] | None = None) -> list[Any]:
    """(number, protocol, labels) of each discovered port."""
    asked = definition(container(endpoints=list(endpoints)), networks=networks)
    found = discovery.info(asked, asked.containers[0], ports or {})["ports"]["ports"]
    return [
        (port["number"], port["protocol"], {label["key"]: label["value"] for label in port["labels"]["labels"]})
        for port in found
    ]


@pytest.mark.parametrize("networks", [[], [HOST]])
def test_no_network_and_the_hosts_need_no_info(networks: list[Json]) -> None:
    assert infos(networks, endpoint(hostPort=0), ports={"web": 31000}) == []


def test_a_container_network_keeps_its_name_and_labels() -> None:
    assert infos([A, B]) == [{"name": "a"}, {"name": "b", "labels": {"labels": [{"key": "k", "value": "v"}]}}]


def test_a_bridge_takes_its_name_from_the_operator() -> None:
    assert infos([BRIDGE]) == [{"name": "mesos-bridge"}]
    assert infos([BRIDGE], mesos_bridge_name="br9") == [{"name": "br9"}]


@pytest.mark.parametrize("network", [A, BRIDGE])
def test_each_allocated_port_is_mapped_once_per_protocol(network: Json) -> None:
    (info,) = infos(
        [network],
        endpoint("both", 80, protocol=["tcp", "udp"]),
        endpoint("any", 81, protocol=None),
        endpoint("inner", 82),
        ports={"both": 31000, "any": 31001},
    )

    assert info["port_mappings"] == [
        {"host_port": 31000, "container_port": 80, "protocol": "tcp"},
        {"host_port": 31000, "container_port": 80, "protocol": "udp"},
        {"host_port": 31001, "container_port": 81},
    ]


@pytest.mark.parametrize("container_port", [None, 0])
def test_without_a_container_port_of_its_own_the_host_port_is_used_inside_too(container_port: int | None) -> None:
    (info,) = infos([BRIDGE], endpoint("web", container_port), ports={"web": 31000})

    assert info["port_mappings"] == [{"host_port": 31000, "container_port": 31000, "protocol": "tcp"}]


def test_with_several_networks_a_port_is_mapped_on_the_named_one() -> None:
    mapped = infos([A, B], endpoint(networkNames=["b"]), ports={"web": 31000})

    assert "port_mappings" not in mapped[0]
    assert mapped[1]["port_mappings"] == [{"host_port": 31000, "container_port": 80, "protocol": "tcp"}]


def test_an_allocated_port_is_discovered_at_the_host() -> None:
    for network in (A, BRIDGE):
        assert reachable([network], endpoint(labels={"VIP_0": "/x"}), ports={"web": 31000}) == [
            (31000, "tcp", {"VIP_0": "/x", "network-scope": "host"})
        ]


def test_on_the_hosts_network_there_is_no_scope() -> None:
    assert reachable([HOST], endpoint("web", None, labels={"k": "v"}), ports={"web": 31000}) == [
        (31000, "tcp", {"k": "v"})
    ]


def test_without_a_host_port_it_is_discovered_on_every_network_or_the_named_ones() -> None:
    on_a = (80, "tcp", {"network-scope": "container", "network-name": "a"})
    on_b = (80, "tcp", {"network-scope": "container", "network-name": "b"})

    assert reachable([A, B], endpoint()) == [on_a, on_b]
    assert reachable([A, B], endpoint(networkNames=["b"])) == [on_b]


def test_an_endpoint_without_protocol_is_not_discovered() -> None:
    assert reachable([A], endpoint(protocol=None), ports={"web": 31000}) == []


@pytest.mark.parametrize(
    ("pod_id", "name"), [("/product/frontend", "frontend.product"), ("/x", "x"), ("/a/b/c", "c.b.a")]
)
def test_the_name_is_the_path_reversed(pod_id: str, name: str) -> None:
    asked = definition(id=pod_id)

    found = discovery.info(asked, asked.containers[0], {})
    assert (found["name"], found["visibility"]) == (name, "FRAMEWORK")


@pytest.mark.parametrize(
    ("written", "mapped"),
    [
        (["HTTP"], ["tcp"]),
        (["TCP", "UDP"], ["tcp", "udp"]),
        (["udp", "HTTP", "tcp"], ["udp", "tcp"]),
        (["sctp"], ["tcp"]),
        ([""], ["tcp"]),
    ],
)
def test_protocols_that_port_mappings_do_not_know_are_tcp(written: list[str], mapped: list[str]) -> None:
    web = container(endpoints=[{"name": "e", "containerPort": 80, "hostPort": 8000, "protocol": written}])
    group = launched(web, networks=[{"mode": "container/bridge"}])
    (network,) = group["executor"]["container"]["network_infos"]
    announced = group["task_group"]["tasks"][0]["discovery"]["ports"]["ports"]

    assert [each["protocol"] for each in network["port_mappings"]] == mapped
    assert [each["protocol"] for each in announced] == written, "it is told to others as it is written"
