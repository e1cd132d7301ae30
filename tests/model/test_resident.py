"""The changes that an update of a pod with persistent volumes may make."""

import json
from typing import Any

import pytest

from scheduler.model.definition import PodDefinition
from scheduler.model.normalisation import normalise
from scheduler.model.rules import Site, broken_update
from scheduler.model.validation import parse
from tests.model.definitions import changed

SITE = Site(role="dev")
C = "containers.0"
RESIDENT: dict[str, Any] = {
    "id": "/db",
    "containers": [
        {
            "name": "db",
            "resources": {"cpus": 0.5, "mem": 64},
            "endpoints": [{"name": "sql", "hostPort": 5432}],
            "volumeMounts": [{"name": "v", "mountPath": "m"}],
        },
        {"name": "side", "resources": {"cpus": 0.1, "mem": 32}},
    ],
    "volumes": [{"name": "v", "persistent": {"size": 10}}],
}
NOT_RESIDENT = changed(RESIDENT, "volumes", [{"name": "v"}]) | {"scheduling": {"upgrade": {"maximumOverCapacity": 0}}}


def stored(document: dict[str, Any]) -> PodDefinition:
    """The definition as it is stored."""
    parsed = parse(json.dumps(document).encode(), SITE)
    assert isinstance(parsed, PodDefinition), parsed
    return normalise(parsed, SITE)


REFUSED = [
    ("a larger volume", changed(RESIDENT, "volumes.0.persistent.size", 20), "/pod(0)", "persistent volumes"),
    ("another disk", changed(RESIDENT, "volumes.0.persistent.type", "path"), "/pod(0)", "persistent volumes"),
    ("no volume any more", NOT_RESIDENT, "/pod(0)", "persistent volumes"),
    ("more CPUs", changed(RESIDENT, f"{C}.resources.cpus", 1), "/pod(0)", "cpus"),
    ("less memory", changed(RESIDENT, f"{C}.resources.mem", "32mb"), "/pod(0)", "mem"),
    ("some disk", changed(RESIDENT, f"{C}.resources.disk", 1), "/pod(0)", "disk"),
    ("a GPU", changed(RESIDENT, f"{C}.resources.gpus", 1), "/pod(0)", "gpus"),
    ("another host port", changed(RESIDENT, f"{C}.endpoints.0.hostPort", 5433), "/pod(0)", "host ports"),
]


@pytest.mark.parametrize(("after", "path", "meaning"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_an_update_is_refused(after: dict[str, Any], path: str, meaning: str) -> None:
    """Exactly this problem is reported."""
    [problem] = broken_update(stored(RESIDENT), stored(after))
    assert problem.path == path
    assert meaning in problem.error


def test_its_role_cannot_be_changed() -> None:
    """Its resources are reserved for the role."""
    grouped = changed(RESIDENT, "id", "/product/db")
    [problem] = broken_update(stored(grouped), stored(grouped | {"role": "product"}))
    assert (problem.path, problem.error) == (
        "/role",
        "cannot be changed by an update: resources are reserved for dev",
    )


def test_a_pod_that_becomes_resident_is_refused() -> None:
    assert [each.path for each in broken_update(stored(NOT_RESIDENT), stored(RESIDENT))] == ["/pod(0)"]


def test_a_pod_that_stops_being_resident_and_says_nothing_of_upgrades_has_two_problems() -> None:
    after = stored(changed(RESIDENT, "volumes", [{"name": "v"}]))
    assert [each.path for each in broken_update(stored(RESIDENT), after)] == [
        "/pod(0)",
        "/pod(0)/upgradeStrategy/maximumOverCapacity",
    ]


MOVED = changed(changed(RESIDENT, f"{C}.resources.cpus", 0.4), "containers.1.resources.cpus", 0.2)


@pytest.mark.parametrize(
    "after", [RESIDENT, changed(RESIDENT, "scaling.instances", 3), changed(RESIDENT, "environment.A", "b"), MOVED]
)
def test_what_leaves_the_reservation_as_it_is_is_allowed(after: dict[str, Any]) -> None:
    assert list(broken_update(stored(RESIDENT), stored(after))) == []


def test_other_pods_may_change_all_of_it() -> None:
    assert list(broken_update(stored(NOT_RESIDENT), stored(changed(NOT_RESIDENT, f"{C}.resources.cpus", 5)))) == []
