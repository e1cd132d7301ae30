"""Nothing in a definition may be without end: not the lists and objects one by one, and not what they make together."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from scheduler.model.bounds import MOST, MOST_ENTRIES, MOST_MEMBERS, MOST_VARIABLES
from scheduler.model.definition import PodDefinition
from scheduler.model.problems import Problems, Stage
from scheduler.model.validation import parse
from tests.model.definitions import MINIMAL, SITE, changed

Json = dict[str, Any]
Make = Callable[[int], Json]
C, AT = "containers.0", "/containers(0)"


def listed(path: str, entry: Any) -> Make:
    """Makes a definition with a list of this many times the same."""
    return lambda number: changed(MINIMAL, path, [entry] * number)


def keyed(path: str, value: Any = "") -> Make:
    """Makes a definition with an object of this many keys."""
    return lambda number: changed(MINIMAL, path, {f"k{index}": value for index in range(number)})


def containers(number: int, **more: Any) -> Json:
    """A pod of this many containers."""
    return {"id": "/pod", "containers": [{"name": f"c{index}", "resources": {}} for index in range(number)], **more}


CONSTRAINT = {"fieldName": "a", "operator": "UNIQUE"}
LISTS: list[tuple[str, Make, int]] = [
    ("/containers", containers, MOST["containers"]),
    ("/scheduling/placement/constraints", listed("scheduling", CONSTRAINT), MOST["constraints"]),
    (f"{AT}/volumeMounts", listed(f"{C}.volumeMounts", {"name": "v", "mountPath": "v"}), MOST["volumeMounts"]),
    (f"{AT}/exec/command/argv", listed(f"{C}.exec", "x"), MOST["argv"]),
    (f"{AT}/endpoints", listed(f"{C}.endpoints", {"name": "e"}), MOST_ENTRIES),
    (f"{AT}/healthChecks", listed(f"{C}.healthChecks", {}), MOST_ENTRIES),
    (f"{AT}/artifacts", listed(f"{C}.artifacts", {"uri": "http://x/y"}), MOST_ENTRIES),
    (f"{AT}/labels", keyed(f"{C}.labels"), MOST_ENTRIES),
    ("/labels", keyed("labels"), MOST_ENTRIES),
    ("/environment", keyed("environment"), MOST["environment"]),
    ("/secrets", keyed("secrets", {"source": "/s"}), MOST_ENTRIES),
    ("/volumes", listed("volumes", {"name": "v"}), MOST_ENTRIES),
    ("/networks", listed("networks", {"mode": "host"}), MOST_ENTRIES),
    ("/dependencies", listed("dependencies", "/p"), MOST_ENTRIES),
    ("/unknown", listed("unknown", [[]]), MOST_ENTRIES),
]
INNER = {
    "/scheduling/placement/constraints": ("placement", "constraints"),
    f"{AT}/exec/command/argv": ("command", "argv"),
}


def made(at: str, make: Make, number: int) -> Any:
    """What parsing the definition with this many entries at a path returns."""
    definition = make(number)
    if at in INNER:
        outer, inner = INNER[at]
        holder = definition if at.startswith("/scheduling") else definition["containers"][0]
        key = "scheduling" if at.startswith("/scheduling") else "exec"
        holder[key] = {outer: {inner: holder[key]}}
    return parse(json.dumps(definition).encode(), SITE)


@pytest.mark.parametrize(("at", "make", "most"), LISTS, ids=[each[0] for each in LISTS])
def test_a_list_or_object_has_a_limit(at: str, make: Make, most: int) -> None:
    found = made(at, make, most + 1)
    assert isinstance(found, Problems)
    assert found.stage is Stage.RULES
    assert [(each.path, each.error) for each in found.items] == [
        (at, f"has {most + 1} entries, but at most {most} are allowed")
    ]
    found = made(at, make, most)
    problems = found.items if isinstance(found, Problems) else ()
    assert not [each for each in problems if "are allowed" in each.error]


def test_all_lists_and_objects_have_a_limit_together() -> None:
    parts = MOST_MEMBERS // MOST_ENTRIES
    found = parse(json.dumps(MINIMAL | {"x": [[0] * MOST_ENTRIES] * parts}).encode(), SITE)
    assert isinstance(found, Problems)
    ((path, error),) = ((each.path, each.error) for each in found.items)
    assert path == "/"
    assert error.endswith(f"members in all its lists and objects, but at most {MOST_MEMBERS} are allowed")
    found = parse(json.dumps(MINIMAL | {"x": [[0] * MOST_ENTRIES] * (parts - 1)}).encode(), SITE)
    assert isinstance(found, PodDefinition)


def test_the_variables_of_all_containers_have_a_limit_together() -> None:
    """Each container gets variables for the pod's labels and variables, and for the endpoints of all containers."""
    labels = {f"l{index}": "" for index in range(MOST_VARIABLES // 500)}
    found = parse(json.dumps(containers(500, labels=labels, environment={"A": ""})).encode(), SITE)
    assert isinstance(found, Problems)
    ((path, error),) = ((each.path, each.error) for each in found.items)
    assert (path, error) == (
        "/",
        "each of its 500 containers gets variables for 0 endpoints and 101 labels and variables of the pod: "
        f"50500 in all, but at most {MOST_VARIABLES} are allowed",
    )
    assert isinstance(parse(json.dumps(containers(500, labels=labels)).encode(), SITE), PodDefinition)
    definition = containers(3, networks=[{"mode": "host"}])
    for index, each in enumerate(definition["containers"]):
        each["endpoints"] = [{"name": f"e{index}-{number}", "hostPort": 0} for number in range(1000)]
    definition["labels"] = {f"l{index}": "" for index in range(1000)}
    assert isinstance(parse(json.dumps(definition).encode(), SITE), PodDefinition)


def test_of_very_many_problems_some_are_told() -> None:
    many = {f"k{index}": [0] * (MOST_ENTRIES + 1) for index in range(100)}
    found = parse(json.dumps(MINIMAL | many).encode(), SITE)
    assert isinstance(found, Problems)
    assert len(found.items) == 20


@pytest.mark.parametrize(
    "document", [None, [], [{}] * 2000, 1, "x", {"containers": 1}, {"containers": [1, None]}, {"labels": []}]
)
def test_what_is_no_definition_is_left_to_the_schema(document: Any) -> None:
    found = parse(json.dumps(document).encode(), SITE)
    assert isinstance(found, Problems)
    assert found.stage is Stage.SCHEMA
