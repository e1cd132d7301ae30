"""The schema stage: wrong types, missing keys and values out of range are reported with Marathon's paths and keys."""

import json
from typing import Any

import pytest

from scheduler.model.definition import PodDefinition, render
from scheduler.model.problems import Problems, Stage
from scheduler.model.validation import parse
from tests.model.definitions import FULL, MINIMAL, SITE, changed, found

C = "containers.0"
E0 = {"name": "e", "hostPort": 1}

REFUSED = [
    ("an id that is no string", changed(MINIMAL, "id", 5), "/id", "error.expected.jsstring"),
    ("no id", changed(MINIMAL, "id"), "/id", "error.path.missing"),
    ("a null id", changed(MINIMAL, "id", None), "/id", "error.expected.jsstring"),
    ("an empty id", changed(MINIMAL, "id", ""), "/id", "error.minLength"),
    ("capitals in the id", changed(MINIMAL, "id", "/Pod"), "/id", "error.pattern"),
    ("an underscore in the id", changed(MINIMAL, "id", "/a_b"), "/id", "error.pattern"),
    ("a newline after the id", changed(MINIMAL, "id", "/a\n"), "/id", "error.pattern"),
    ("a version that is no date", changed(MINIMAL, "version", "soon"), "/version", "error.expected.date"),
    ("a version without a zone", changed(MINIMAL, "version", "2020-01-01T00:00:00"), "/version", "error.expected.date"),
    ("no containers", changed(MINIMAL, "containers"), "/containers", "error.path.missing"),
    ("an empty list of containers", changed(MINIMAL, "containers", []), "/containers", "error.minLength"),
    ("containers that are no list", changed(MINIMAL, "containers", {}), "/containers", "error.expected.jsarray"),
    ("a container that is a string", changed(MINIMAL, C, "one"), "/containers(0)", "error.expected.jsobject"),
    ("a container that is null", changed(MINIMAL, C, None), "/containers(0)", "error.expected.jsobject"),
    ("a container without a name", changed(MINIMAL, f"{C}.name"), "/containers(0)/name", "error.path.missing"),
    ("a capital in a name", changed(MINIMAL, f"{C}.name", "One"), "/containers(0)/name", "error.pattern"),
    ("a long name", changed(MINIMAL, f"{C}.name", "a" * 64), "/containers(0)/name", "error.maxLength"),
    ("no resources", changed(MINIMAL, f"{C}.resources"), "/containers(0)/resources", "error.path.missing"),
    ("null resources", changed(MINIMAL, f"{C}.resources", None), "/containers(0)/resources", "error.expected.jsobject"),
    (
        "cpus as text",
        changed(MINIMAL, f"{C}.resources.cpus", "1"),
        "/containers(0)/resources/cpus",
        "error.expected.jsnumber",
    ),
    (
        "cpus as a boolean",
        changed(MINIMAL, f"{C}.resources.cpus", True),
        "/containers(0)/resources/cpus",
        "error.expected.jsnumber",
    ),
    ("no cpus at all", changed(MINIMAL, f"{C}.resources.cpus", 0), "/containers(0)/resources/cpus", "error.min"),
    ("negative disk", changed(MINIMAL, f"{C}.resources.disk", -1), "/containers(0)/resources/disk", "error.min"),
    ("half a gpu", changed(MINIMAL, f"{C}.resources.gpus", 0.5), "/containers(0)/resources/gpus", "error.expected.int"),
    ("exec that is a string", changed(MINIMAL, f"{C}.exec", "ls"), "/containers(0)/exec", "error.expected.jsobject"),
    (
        "an empty shell line",
        changed(MINIMAL, f"{C}.exec.command.shell", ""),
        "/containers(0)/exec/command/shell",
        "error.minLength",
    ),
    (
        "an empty argv",
        changed(MINIMAL, f"{C}.exec.command.argv", []),
        "/containers(0)/exec/command/argv",
        "error.minLength",
    ),
    (
        "an argv with a number",
        changed(MINIMAL, f"{C}.exec.command.argv", ["sleep", 5]),
        "/containers(0)/exec/command/argv(1)",
        "error.expected.jsstring",
    ),
    (
        "a command of nothing",
        changed(MINIMAL, f"{C}.exec.command", {}),
        "/containers(0)/exec/command",
        "is undefined: one of shell and argv is required",
    ),
    (
        "a host port above 65535",
        changed(MINIMAL, f"{C}.endpoints", [E0, {"name": "f", "hostPort": 65536}]),
        "/containers(0)/endpoints(1)/hostPort",
        "error.max",
    ),
    (
        "an empty list of protocols",
        changed(MINIMAL, f"{C}.endpoints", [E0 | {"protocol": []}]),
        "/containers(0)/endpoints(0)/protocol",
        "error.minLength",
    ),
    (
        "an image without a kind",
        changed(MINIMAL, f"{C}.image", {"id": "x"}),
        "/containers(0)/image/kind",
        "error.path.missing",
    ),
    (
        "an APPC image",
        changed(MINIMAL, f"{C}.image", {"kind": "APPC", "id": "x"}),
        "/containers(0)/image/kind",
        "error.unknown.enum.literal",
    ),
    (
        "a kind that is a number",
        changed(MINIMAL, f"{C}.image", {"kind": 1, "id": "x"}),
        "/containers(0)/image/kind",
        "error.expected.jsstring",
    ),
    ("a bad variable name", changed(MINIMAL, "environment.1X", "v"), "/environment/1X", "error.pattern"),
    ("a variable of null", changed(MINIMAL, "environment.X", None), "/environment/X", "error.expected.jsstring"),
    ("a label that is a number", changed(MINIMAL, "labels.a", 1), "/labels/a", "error.expected.jsstring"),
    (
        "a health check every 1.5 s",
        changed(MINIMAL, f"{C}.healthCheck", {"tcp": {"endpoint": "e"}, "intervalSeconds": 1.5}),
        "/containers(0)/healthCheck/intervalSeconds",
        "error.expected.int",
    ),
    (
        "a health check of an empty command",
        changed(MINIMAL, f"{C}.healthCheck.exec.command", {"shell": None}),
        "/containers(0)/healthCheck/exec/command",
        "is undefined: one of shell and argv is required",
    ),
    (
        "a negative grace period",
        changed(MINIMAL, f"{C}.lifecycle.killGracePeriodSeconds", -1),
        "/containers(0)/lifecycle/killGracePeriodSeconds",
        "error.min",
    ),
    (
        "a mount path of 1025 characters",
        changed(MINIMAL, f"{C}.volumeMounts", [{"name": "v", "mountPath": "a" * 1025}]),
        "/containers(0)/volumeMounts(0)/mountPath",
        "error.maxLength",
    ),
    ("a volume that is a string", changed(MINIMAL, "volumes", ["v"]), "/volumes(0)", "error.expected.jsobject"),
    (
        "a host that is a number",
        changed(MINIMAL, "volumes", [{"name": "v", "host": 5}]),
        "/volumes(0)/host",
        "error.expected.jsstring",
    ),
    (
        "an unknown network mode",
        changed(MINIMAL, "networks", [{"mode": "overlay"}]),
        "/networks(0)/mode",
        "error.unknown.enum.literal",
    ),
    ("scaling that is not fixed", changed(MINIMAL, "scaling.kind", "auto"), "/scaling", "error.unknown.enum.literal"),
    ("instances as text", changed(MINIMAL, "scaling.instances", "2"), "/scaling/instances", "error.expected.jsnumber"),
    ("negative instances", changed(MINIMAL, "scaling.instances", -1), "/scaling/instances", "error.min"),
    (
        "too much over capacity",
        changed(MINIMAL, "scheduling.upgrade.maximumOverCapacity", 1.1),
        "/scheduling/upgrade/maximumOverCapacity",
        "error.max",
    ),
    (
        "an unknown kill selection",
        changed(MINIMAL, "scheduling.killSelection", "RANDOM"),
        "/scheduling/killSelection",
        "error.unknown.enum.literal",
    ),
    ("too small an executor", changed(MINIMAL, "executorResources.mem", 16), "/executorResources/mem", "error.min"),
    ("an empty role", changed(MINIMAL, "role", ""), "/role", "error.minLength"),
    ("a list in place of a pod", [MINIMAL], "/", "error.expected.jsobject"),
]


@pytest.mark.parametrize(("definition", "path", "error"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_the_schema_refuses(definition: Any, path: str, error: str) -> None:
    """Exactly this problem is reported, at its own path."""
    problems = parse(json.dumps(definition).encode(), SITE)
    assert found(problems) == {(path, error)}
    assert isinstance(problems, Problems)
    assert problems.stage is Stage.SCHEMA


def test_all_schema_problems_are_told_at_once() -> None:
    definition = changed(changed(changed(MINIMAL, "id"), "containers.0.resources.mem", []), "networks", [{"mode": 5}])
    assert found(parse(json.dumps(definition).encode(), SITE)) == {
        ("/id", "error.path.missing"),
        ("/containers(0)/resources/mem", "error.expected.jsnumber"),
        ("/networks(0)/mode", "error.expected.jsstring"),
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nope",
        b'{"id": NaN}',
        b"\xff",
        b"[" * 100_000,
        b'{"id":"/a","containers":[{"name":"a","resources":{},"labels":' + b"[" * 300 + b"]" * 300 + b"}]}",
    ],
)
def test_what_is_not_json_is_a_syntax_problem(body: bytes) -> None:
    problems = parse(body, SITE)
    assert isinstance(problems, Problems)
    assert problems.stage is Stage.SYNTAX


ACCEPTED = [
    ("the least there is", MINIMAL),
    ("all there is", FULL),
    ("nulls for optional keys", changed(MINIMAL, "volumes", None) | {"user": None, "scaling": {"instances": None}}),
    ("a null container port", changed(MINIMAL, f"{C}.endpoints", [E0 | {"containerPort": None}])),
    ("unknown keys at every level", changed(MINIMAL, f"{C}.force", {"x": None}) | {"scaling": {"maxInstances": 5}}),
    ("kinds in any case", changed(MINIMAL, f"{C}.image", {"kind": "Docker", "id": "x"})),
    ("container port 0 beside a host port", changed(MINIMAL, f"{C}.endpoints", [E0 | {"containerPort": 0}])),
    ("shell and argv together", changed(MINIMAL, f"{C}.exec.command", {"shell": "true", "argv": ["true"]})),
    ("a version of Marathon", changed(MINIMAL, "version", "2015-04-09T12:30:00.000Z")),
    ("doubled and trailing slashes", changed(MINIMAL, "id", "//a//b/")),
    ("dots inside a name", changed(MINIMAL, "id", "/a.b-c/d.e")),
]


@pytest.mark.parametrize("definition", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_the_schema_accepts(definition: Any) -> None:
    assert isinstance(parse(json.dumps(definition).encode(), SITE), PodDefinition)


def test_a_key_in_python_spelling_is_an_unknown_key() -> None:
    body = json.dumps(changed(MINIMAL, "executor_resources.cpus", 5)).encode()
    definition = parse(body, SITE)
    assert isinstance(definition, PodDefinition)
    assert render(definition)["executorResources"]["cpus"] == 0.1
