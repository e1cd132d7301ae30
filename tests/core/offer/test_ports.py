"""The assignment of host ports."""

import random

import pytest

from scheduler.core.offer.ports import assign
from scheduler.model.json import Json
from tests.core.support import container, definition

FREE = [(31000, 31009), (80, 80), (443, 443)]


def endpoint(name: str, host_port: int | None, **fields: object) -> Json:
    """An endpoint; no host port: it asks for none."""
    asked = {} if host_port is None else {"hostPort": host_port}
    return {"name": name, "containerPort": 8000, **asked, **fields}


def assigned(
    *endpoints: Json, free: list[tuple[int, int]] | None = None, seed: int = 1
) -> tuple[tuple[str, int], ...] | None:
    """The ports of a pod with one container of these endpoints."""
    return assign(definition(container(endpoints=list(endpoints))), FREE if free is None else free, random.Random(seed))


@pytest.mark.parametrize("port", [80, 443, 31000, 31009])
def test_a_static_port_inside_a_range_is_given(port: int) -> None:
    assert assigned(endpoint("a", port)) == (("a", port),)


@pytest.mark.parametrize("port", [79, 81, 30999, 31010])
def test_a_static_port_outside_every_range_is_refused(port: int) -> None:
    assert assigned(endpoint("a", port), endpoint("b", 0)) is None


def test_an_endpoint_without_host_port_gets_none() -> None:
    assert assigned(endpoint("a", None)) == ()
    assert assigned(endpoint("a", None), free=[]) == ()


def test_order_is_the_definitions_over_all_containers() -> None:
    asked = definition(
        container("one", endpoints=[endpoint("z", 80), endpoint("inner", None), endpoint("y", 0)]),
        container("two", endpoints=[endpoint("a", 443)]),
    )
    given = assign(asked, FREE, random.Random(1))

    assert given is not None
    assert [name for name, _ in given] == ["z", "y", "a"]
    assert (given[0][1], given[2][1]) == (80, 443)


@pytest.mark.parametrize("seed", range(20))
def test_a_dynamic_port_is_never_one_of_the_pods_static_ones(seed: int) -> None:
    given = assigned(endpoint("a", 0), endpoint("b", 80), endpoint("c", 0), free=[(80, 82)], seed=seed)

    assert given is not None
    ports = dict(given)
    assert ports["b"] == 80
    assert {ports["a"], ports["c"]} == {81, 82}


def test_dynamic_ports_depend_on_the_seed_alone_and_start_anywhere() -> None:
    wide = [(31000, 31999)]
    seen = {assigned(endpoint("a", 0), free=wide, seed=seed) for seed in range(30)}

    assert len(seen) > 20
    assert assigned(endpoint("a", 0), free=wide, seed=7) == assigned(endpoint("a", 0), free=wide, seed=7)


@pytest.mark.parametrize("seed", range(12))
def test_dynamic_ports_use_every_free_port_before_they_run_out(seed: int) -> None:
    wanting = [endpoint(f"e{number}", 0) for number in range(12)]
    given = assigned(*wanting, seed=seed)

    assert given is not None
    assert {port for _, port in given} == {*range(31000, 31010), 80, 443}
    assert assigned(*wanting, endpoint("more", 0), seed=seed) is None


def test_the_protocol_makes_no_difference() -> None:
    tcp = assigned(endpoint("a", 0, protocol=["tcp"]), endpoint("b", 80))
    udp = assigned(endpoint("a", 0, protocol=["udp"]), endpoint("b", 80, protocol=["udp", "tcp"]))

    assert tcp == udp
