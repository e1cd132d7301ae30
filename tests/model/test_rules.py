"""The rules that involve several fields: each is broken alone, and reported at its path."""

import json
from dataclasses import replace
from typing import Any

import pytest

from scheduler.model.definition import PodDefinition
from scheduler.model.problems import Problems, Stage
from scheduler.model.roles import EnforceRole
from scheduler.model.rules import Site
from scheduler.model.validation import parse
from tests.model.definitions import FULL, MINIMAL, SITE, changed, found

C = "containers.0"
TWO = {"id": "/pod", "containers": [{"name": "one", "resources": {}}, {"name": "two", "resources": {}}]}
HOST = {"networks": [{"mode": "host"}]}
BRIDGE = {"networks": [{"mode": "container/bridge"}]}
NETS = {"networks": [{"name": "a"}, {"name": "b"}]}


def endpoints(*first: dict[str, Any], second: Any = (), **more: Any) -> dict[str, Any]:
    """A pod of two containers with these endpoints."""
    definition = changed(changed(TWO, f"{C}.endpoints", list(first)), "containers.1.endpoints", list(second))
    return definition | more


def checked(**check: Any) -> dict[str, Any]:
    """A pod whose first container has an endpoint ``e`` and this health check."""
    return changed(endpoints({"name": "e", "hostPort": 0}, second=({"name": "f"},)), f"{C}.healthCheck", check)


BROKEN = [
    ("a relative id", changed(MINIMAL, "id", "pod"), "/id", "absolute"),
    ("the root as id", changed(MINIMAL, "id", "/"), "/id", "at least one name"),
    ("dots in the id", changed(MINIMAL, "id", "/a/../b"), "/id", "'..'"),
    ("a reserved last name", changed(MINIMAL, "id", "/a/versions"), "/id", "must not end in"),
    ("an id too long for Mesos", changed(MINIMAL, "id", "/" + "a" * 199), "/id", "too long"),
    ("an empty user", changed(MINIMAL, "user", ""), "/user", "empty"),
    *(
        (f"a user such as {user!r}", changed(MINIMAL, f"{C}.user", user), "/containers(0)/user", "user name:")
        for user in (" a", "a:b", "a/b", "-a", "a\n", "\x1b[2J", "a\u202eb", "u" * 256)
    ),
    ("a pod's user with a space at its end", changed(MINIMAL, "user", "a "), "/user", "user name:"),
    ("an empty user of a container", changed(MINIMAL, f"{C}.user", ""), "/containers(0)/user", "empty"),
    ("a role of others", changed(MINIMAL, "role", "dev"), "/role", "one of *, not dev"),
    (
        "a role that is not the group's",
        changed(MINIMAL, "id", "/product/web") | {"role": "dev"},
        "/role",
        "one of *, product, not dev",
    ),
    (
        "a role of an inner group",
        changed(MINIMAL, "id", "/product/shop/web") | {"role": "shop"},
        "/role",
        "one of *, product, not shop",
    ),
    ("a name in no group as role", changed(MINIMAL, "id", "/product") | {"role": "product"}, "/role", "one of *, not"),
    (
        "resources of a group whose role it has not",
        changed(MINIMAL, "id", "/product/web") | {"scheduling": {"placement": {"acceptedResourceRoles": ["product"]}}},
        "/acceptedResourceRoles",
        "only *, not product",
    ),
    ("a container name twice", changed(TWO, "containers.1.name", "one"), "/containers", "unique: one"),
    (
        "a volume name twice",
        changed(MINIMAL, f"{C}.volumeMounts", [{"name": "v", "mountPath": "m"}])
        | {"volumes": [{"name": "v"}, {"name": "v", "host": "/"}]},
        "/volumes",
        "unique: v",
    ),
    ("a volume nobody mounts", MINIMAL | {"volumes": [{"name": "v"}]}, "/volumes(0)", "no container mounts"),
    (
        "a mount of no volume",
        changed(MINIMAL, f"{C}.volumeMounts", [{"name": "v", "mountPath": "m"}]),
        "/containers(0)/volumeMounts(0)/name",
        "no volume v",
    ),
    ("an endpoint name twice", endpoints({"name": "e"}, second=({"name": "e"},)), "/", "endpoint names"),
    (
        "a container port twice",
        endpoints({"name": "e", "containerPort": 80}, second=({"name": "f", "containerPort": 80},)),
        "/",
        "container ports",
    ),
    (
        "a host port twice",
        endpoints({"name": "e", "hostPort": 80}, second=({"name": "f", "hostPort": 80},)),
        "/",
        "host ports",
    ),
    (
        "a container port on the host's network",
        endpoints({"name": "e", "containerPort": 80}, **HOST),
        "/containers(0)/endpoints(0)/containerPort",
        "must be absent",
    ),
    (
        "no container port on a container network",
        endpoints({"name": "e"}, networks=[{"name": "a"}]),
        "/containers(0)/endpoints(0)/containerPort",
        "is required",
    ),
    (
        "container port 0 without a host port",
        endpoints({"name": "e", "containerPort": 0}, networks=[{"name": "a"}]),
        "/containers(0)/endpoints(0)/containerPort",
        "hostPort is absent",
    ),
    (
        "an endpoint on an undeclared network",
        endpoints({"name": "e", "containerPort": 1, "networkNames": ["a", "c"]}, **NETS),
        "/containers(0)/endpoints(0)/networkNames(1)",
        "no network c",
    ),
    (
        "a protocol twice",
        endpoints({"name": "e", "protocol": ["tcp", "udp", "tcp"]}),
        "/containers(0)/endpoints(0)/protocol",
        "tcp",
    ),
    (
        "a host port that leads to one of two networks",
        endpoints({"name": "e", "containerPort": 1, "hostPort": 0}, **NETS),
        "/containers(0)/endpoints(0)",
        "networkNames",
    ),
    (
        "a named host network",
        MINIMAL | {"networks": [{"mode": "host", "name": "h"}]},
        "/networks",
        "cannot have a name",
    ),
    (
        "a labelled host network",
        MINIMAL | {"networks": [{"mode": "host", "labels": {"a": "b"}}]},
        "/networks",
        "labels",
    ),
    (
        "a named bridge network",
        MINIMAL | {"networks": [{"mode": "container/bridge", "name": "h"}]},
        "/networks",
        "cannot have a name",
    ),
    ("two host networks", MINIMAL | {"networks": [{"mode": "host"}, {"mode": "host"}]}, "/networks", "at most one"),
    (
        "two bridges",
        MINIMAL | {"networks": [{"mode": "container/bridge"}, {"mode": "container/bridge"}]},
        "/networks",
        "at most one",
    ),
    ("mixed modes", MINIMAL | {"networks": [{"mode": "host"}, {"name": "a"}]}, "/networks", "cannot be mixed"),
    ("a network twice", MINIMAL | {"networks": [{"name": "a"}, {"name": "a"}]}, "/networks", "unique: a"),
    ("no name and no default", MINIMAL | {"networks": [{}]}, "/networks", "default-network-name"),
    ("no kind of health check", checked(intervalSeconds=30), "/containers(0)/healthCheck", "exactly one"),
    (
        "two kinds of health check",
        checked(tcp={"endpoint": "e"}, exec={"command": {"shell": "true"}}),
        "/containers(0)/healthCheck",
        "exactly one",
    ),
    (
        "a time-out as long as the interval",
        checked(tcp={"endpoint": "e"}, intervalSeconds=20),
        "/containers(0)/healthCheck/timeoutSeconds",
        "less than",
    ),
    (
        "a time-out that is as long as the interval by default",
        checked(tcp={"endpoint": "e"}, intervalSeconds=10),
        "/containers(0)/healthCheck/timeoutSeconds",
        "is 20 by default, and must be less than intervalSeconds (10)",
    ),
    (
        "a time-out that is longer than the default interval",
        checked(tcp={"endpoint": "e"}, timeoutSeconds=90),
        "/containers(0)/healthCheck/timeoutSeconds",
        "must be less than intervalSeconds, which is 60 by default",
    ),
    (
        "a limit below the default request",
        changed(MINIMAL, f"{C}.resourceLimits", {"cpus": 0.5}),
        "/containers(0)/resourceLimits/cpus",
        "must be unlimited or at least resources.cpus, which is 1 by default",
    ),
    (
        "an HTTP path without a slash",
        checked(http={"endpoint": "e", "path": "health"}),
        "/containers(0)/healthCheck/http/path",
        "/health",
    ),
    (
        "a check over HTTPS, which Mesos has for health checks alone",
        changed(endpoints({"name": "e", "hostPort": 0}), f"{C}.check", {"http": {"endpoint": "e", "scheme": "https"}}),
        "/containers(0)/check/http/scheme",
        "must be HTTP",
    ),
    (
        "a check of another container's endpoint",
        checked(http={"endpoint": "f"}),
        "/containers(0)/healthCheck/http/endpoint",
        "no endpoint f",
    ),
    (
        "a tcp check of no endpoint",
        checked(tcp={"endpoint": "x"}),
        "/containers(0)/healthCheck/tcp/endpoint",
        "no endpoint x",
    ),
]


@pytest.mark.parametrize(("definition", "path", "meaning"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_rule_refuses(definition: Any, path: str, meaning: str) -> None:
    """Exactly this problem is reported."""
    problems = parse(json.dumps(definition).encode(), SITE)
    assert isinstance(problems, Problems), "nothing was found wrong"
    assert problems.stage is Stage.RULES
    [problem] = problems.items
    assert problem.path == path
    assert meaning in problem.error


def test_all_broken_rules_are_told_at_once() -> None:
    definition = endpoints({"name": "e", "hostPort": 5}, {"name": "e", "hostPort": 5}, id="pod", user="", **NETS)
    definition |= {"environment": {"P": {"secret": "a"}}}
    paths = {path for path, _ in found(parse(json.dumps(definition).encode(), SITE))}
    assert paths == {
        "/",
        "/id",
        "/user",
        "/environment/P/secret",
        "/containers(0)/endpoints(0)",
        "/containers(0)/endpoints(1)",
        "/containers(0)/endpoints(0)/containerPort",
        "/containers(0)/endpoints(1)/containerPort",
    }


def test_schema_problems_come_without_rule_problems() -> None:
    definition = changed(MINIMAL, "id", "relative") | {"labels": 5}
    assert found(parse(json.dumps(definition).encode(), SITE)) == {("/labels", "error.expected.jsobject")}


KEPT = [
    ("no networks", endpoints({"name": "e"})),
    (
        "host ports 0 and container ports 0 any number of times",
        endpoints(*({"name": n, "hostPort": 0, "containerPort": 0} for n in "abc")),
    ),
    (
        "a bridge with labels and no container port",
        endpoints({"name": "e"}, networks=[{"mode": "container/bridge", "labels": {"a": "b"}}]),
    ),
    ("several networks and no host port", endpoints({"name": "e", "containerPort": 1}, **NETS)),
    (
        "several networks and one name",
        endpoints({"name": "e", "containerPort": 1, "hostPort": 0, "networkNames": ["b"]}, **NETS),
    ),
    ("a check by command", checked(exec={"command": {"argv": ["true"]}})),
    (
        "what Marathon renders for nothing",
        MINIMAL
        | {
            "secrets": {},
            "legacySharedCgroups": False,
            "scheduling": {"placement": {"constraints": [], "acceptedResourceRoles": []}},
        },
    ),
    ("a terminal that is not wanted", changed(MINIMAL, f"{C}.tty", False)),
    ("the framework's role", MINIMAL | {"role": "*"}),
    ("the framework's role in a group", MINIMAL | {"id": "/product/web", "role": "*"}),
    (
        "the group's role and resources",
        MINIMAL
        | {
            "id": "/product/shop/web",
            "role": "product",
            "scheduling": {"placement": {"acceptedResourceRoles": ["product", "*"]}},
        },
    ),
]


@pytest.mark.parametrize("definition", [row[1] for row in KEPT], ids=[row[0] for row in KEPT])
def test_the_rules_allow(definition: Any) -> None:
    assert isinstance(parse(json.dumps(definition).encode(), SITE), PodDefinition)


TOP = Site(role="*", new_group_enforce_role=EnforceRole.TOP)


@pytest.mark.parametrize(
    ("pod_id", "role", "site", "refusal"),
    [
        ("/product/web", "product", TOP, None),
        ("/product/web", "*", TOP, "must be one of product, not *"),
        ("/web", "*", TOP, None),
        ("/web", "web", TOP, "must be one of *, not web"),
        ("/product/web", "old", replace(SITE, current_role="old"), None),
        ("/product/web", "old", replace(TOP, current_role="old"), None),
        ("/product/web", "new", replace(TOP, current_role="old"), "must be one of old, product, not new"),
        ("/web", "old", replace(SITE, current_role="old"), "must be one of *, not old"),
    ],
)
def test_a_group_may_insist_on_its_role_and_a_pod_in_it_keep_the_one_it_has(
    pod_id: str, role: str, site: Site, refusal: str | None
) -> None:
    judged = parse(json.dumps(MINIMAL | {"id": pod_id, "role": role}).encode(), site)
    if refusal is None:
        assert isinstance(judged, PodDefinition)
    else:
        assert found(judged) == {("/role", refusal)}


def test_accepted_roles_are_measured_by_the_role_the_group_gives() -> None:
    document = MINIMAL | {"id": "/product/web", "scheduling": {"placement": {"acceptedResourceRoles": ["product"]}}}
    assert isinstance(parse(json.dumps(document).encode(), TOP), PodDefinition)


def test_an_unknown_network_is_refused_with_the_known_ones_named() -> None:
    site = Site(role="*", known_networks=frozenset({"dcos", "lab"}))
    problems = found(parse(json.dumps(MINIMAL | {"networks": [{"name": "lab"}, {"name": "dco"}]}).encode(), site))
    assert problems == {("/networks(1)/name", "the agents have no network dco; they have: dcos, lab")}


def test_an_unnamed_network_stands_for_the_default_one_in_every_rule() -> None:
    site = Site(role="*", default_network_name="dcos", known_networks=frozenset({"dcos"}))
    named = {"name": "e", "containerPort": 1, "networkNames": ["dcos"]}
    assert isinstance(parse(json.dumps(endpoints(named, networks=[{}])).encode(), site), PodDefinition)
    twice = parse(json.dumps(MINIMAL | {"networks": [{}, {"name": "dcos"}]}).encode(), site)
    assert found(twice) == {("/networks", "network names must be unique: dcos")}


def test_the_full_example_breaks_no_rule() -> None:
    assert isinstance(parse(json.dumps(FULL).encode(), SITE), PodDefinition)
