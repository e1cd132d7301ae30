"""One table for what came after the first fields: secrets, limits, Linux settings, checks, volumes, placement, sizes.

Each row: what it is, the definition, and the problems it has as path and meaning; none: it is accepted.
"""

import json
from typing import Any

import pytest

from scheduler.model.definition import PodDefinition
from scheduler.model.problems import Problems, Stage
from scheduler.model.rules import Site
from scheduler.model.validation import parse
from tests.model.definitions import MINIMAL, SITE, changed

C = "containers.0"
DEV = Site(role="dev")
NO_FEATURES = Site(role="*", features=frozenset())
MEBI = "is neither a number of MiB nor a size"
Row = tuple[str, dict[str, Any], dict[str, str]]


def container(**members: Any) -> dict[str, Any]:
    """A pod of one container with these members."""
    return MINIMAL | {"containers": [MINIMAL["containers"][0] | members]}


def volume(site_role: str | None = None, **members: Any) -> dict[str, Any]:
    """A pod with this volume, mounted."""
    pod = container(volumeMounts=[{"name": "v", "mountPath": "m"}]) | {"volumes": [{"name": "v"} | members]}
    return pod if site_role is None else pod | {"role": site_role}


def secret(source: Any = "/a", **more: Any) -> dict[str, Any]:
    """Members of a pod with one secret, ``a``."""
    return {"secrets": {"a": {"source": source}}} | more


def limits(**members: Any) -> dict[str, Any]:
    """A pod whose container asks for one CPU and 128 MiB, with limits."""
    return container(resourceLimits=members)


def linux(**members: Any) -> dict[str, Any]:
    """A pod whose container has Linux settings."""
    return container(linuxInfo=members)


def check(**members: Any) -> dict[str, Any]:
    """A pod whose container has an endpoint ``e`` and a check."""
    return container(endpoints=[{"name": "e"}], check=members)


def constraint(operator: Any, *value: Any, field: Any = "rack") -> dict[str, Any]:
    """A pod with one constraint."""
    found = {"fieldName": field, "operator": operator} | ({"value": value[0]} if value else {})
    return changed(MINIMAL, "scheduling.placement.constraints", [found])


def roles(*names: Any, **more: Any) -> dict[str, Any]:
    """A pod that accepts these roles' resources."""
    return changed(MINIMAL, "scheduling.placement.acceptedResourceRoles", list(names)) | more


def resident(**members: Any) -> dict[str, Any]:
    """A pod with a persistent volume."""
    return volume(persistent={"size": 10}, site_role="dev") | members


def disk(**members: Any) -> dict[str, Any]:
    """A pod with a persistent volume of these members, 10 MiB unless they say."""
    return volume(persistent={"size": 10} | members, site_role="dev")


def pair(second: dict[str, Any] | None = None, **first: Any) -> dict[str, Any]:
    """A pod of two containers, ``one`` and ``two``, with these members."""
    return container(**first) | {
        "containers": [
            MINIMAL["containers"][0] | first,
            {"name": "two", "resources": {}} | (second or {}),
        ]
    }


def after(*names: str, condition: str = "started") -> dict[str, Any]:
    """What a container depends on."""
    return {"dependsOn": [{"container": name, "condition": condition} for name in names]}


AT = "/containers(0)"
PLACED = "/scheduling/placement/constraints(0)"
DISK = "/volumes(0)/persistent"

SCHEMA: list[Row] = [
    ("secrets that are no map", MINIMAL | {"secrets": []}, {"/secrets": "error.expected.jsobject"}),
    ("a secret without a source", MINIMAL | {"secrets": {"a": {}}}, {"/secrets/a/source": "error.path.missing"}),
    ("a secret that is its source", MINIMAL | {"secrets": {"a": "/a"}}, {"/secrets/a": "error.expected.jsobject"}),
    ("an empty source", MINIMAL | secret(""), {"/secrets/a/source": "error.minLength"}),
    ("a source of null", MINIMAL | secret(None), {"/secrets/a/source": "error.expected.jsstring"}),
    ("a secret without a name", MINIMAL | {"secrets": {"": {"source": "a"}}}, {"/secrets/": "error.minLength"}),
    ("a variable of a number", MINIMAL | {"environment": {"A": 5}}, {"/environment/A": "error.expected.jsstring"}),
    ("a variable of a list", MINIMAL | {"environment": {"A": []}}, {"/environment/A": "error.expected.jsstring"}),
    (
        "a variable of an object that is no secret",
        MINIMAL | {"environment": {"A": {}}},
        {"/environment/A/secret": "error.path.missing"},
    ),
    (
        "a secret variable of a number",
        container(environment={"A": {"secret": 1}}),
        {f"{AT}/environment/A/secret": "error.expected.jsstring"},
    ),
    ("a limit that is a list", limits(cpus=[]), {f"{AT}/resourceLimits/cpus": "error.expected.jsnumber"}),
    ("a limit that is a boolean", limits(mem=True), {f"{AT}/resourceLimits/mem": "error.expected.jsnumber"}),
    ("a limit of another word", limits(cpus="none"), {f"{AT}/resourceLimits/cpus": "error.unknown.enum.literal"}),
    ("a memory limit of another word", limits(mem="none"), {f"{AT}/resourceLimits/mem": MEBI}),
    ("limits that are a number", container(resourceLimits=5), {f"{AT}/resourceLimits": "error.expected.jsobject"}),
    ("memory in no unit", container(resources={"mem": "64"}), {f"{AT}/resources/mem": MEBI}),
    ("memory in an unknown unit", container(resources={"mem": "64mib"}), {f"{AT}/resources/mem": MEBI}),
    ("memory of words", container(resources={"mem": "lots"}), {f"{AT}/resources/mem": MEBI}),
    ("negative memory as text", container(resources={"mem": "-1g"}), {f"{AT}/resources/mem": MEBI}),
    ("no memory as text", container(resources={"mem": "0b"}), {f"{AT}/resources/mem": "error.min"}),
    (
        "too little memory for an executor",
        MINIMAL | {"executorResources": {"mem": "31mb", "disk": "1mb"}},
        {"/executorResources/mem": "error.min", "/executorResources/disk": "error.min"},
    ),
    ("CPUs with a unit", container(resources={"cpus": "1m"}), {f"{AT}/resources/cpus": "error.expected.jsnumber"}),
    ("ipc without a mode", linux(ipcInfo={"shmSize": 5}), {f"{AT}/linuxInfo/ipcInfo/mode": "error.path.missing"}),
    (
        "an unknown ipc mode",
        linux(ipcInfo={"mode": "HOST"}),
        {f"{AT}/linuxInfo/ipcInfo/mode": "error.unknown.enum.literal"},
    ),
    (
        "half a MiB of shared memory",
        linux(ipcInfo={"mode": "PRIVATE", "shmSize": "512kb"}),
        {f"{AT}/linuxInfo/ipcInfo/shmSize": "must be an integer number of MiB"},
    ),
    (
        "shared memory of 1.5",
        linux(ipcInfo={"mode": "PRIVATE", "shmSize": 1.5}),
        {f"{AT}/linuxInfo/ipcInfo/shmSize": "error.expected.int"},
    ),
    (
        "unconfined as text",
        linux(seccomp={"unconfined": "yes"}),
        {f"{AT}/linuxInfo/seccomp/unconfined": "error.expected.jsboolean"},
    ),
    ("a terminal as text", container(tty="yes"), {f"{AT}/tty": "error.expected.jsboolean"}),
    (
        "shared cgroups as text",
        MINIMAL | {"legacySharedCgroups": "yes"},
        {"/legacySharedCgroups": "error.expected.jsboolean"},
    ),
    ("port variables as text", MINIMAL | {"portEnvironment": "true"}, {"/portEnvironment": "error.expected.jsboolean"}),
    ("a check of an empty command", check(exec={"command": {}}), {f"{AT}/check/exec/command": "shell and argv"}),
    ("a check without an endpoint", check(tcp={}), {f"{AT}/check/tcp/endpoint": "error.path.missing"}),
    ("a check every 1.5 s", check(intervalSeconds=1.5), {f"{AT}/check/intervalSeconds": "error.expected.int"}),
    (
        "a pull secret that is a name",
        container(image={"kind": "DOCKER", "id": "x", "pullConfig": "a"}),
        {f"{AT}/image/pullConfig": "error.expected.jsobject"},
    ),
    ("a persistent volume without a size", volume(persistent={}), {f"{DISK}/size": "error.path.missing"}),
    ("a persistent volume of a number", volume(persistent=5), {DISK: "error.expected.jsobject"}),
    ("a persistent volume that is false", volume(persistent=False), {DISK: "error.expected.jsobject"}),
    ("a negative size", disk(size=-1), {f"{DISK}/size": "error.min"}),
    ("half a MiB of disk", disk(size="512k"), {f"{DISK}/size": "must be an integer number of MiB"}),
    ("an unknown disk type", disk(type="raw"), {f"{DISK}/type": "error.unknown.enum.literal"}),
    (
        "a disk constraint that is a text",
        disk(constraints=["path"]),
        {f"{DISK}/constraints(0)": "error.expected.jsarray"},
    ),
    ("a secret volume of an object", volume(secret={}), {"/volumes(0)/secret": "error.expected.jsstring"}),
    ("an empty secret volume", volume(secret=""), {"/volumes(0)/secret": "error.minLength"}),
    ("a volume with a bad name", MINIMAL | {"volumes": [{"name": "V"}]}, {"/volumes(0)/name": "error.pattern"}),
    ("an unknown operator", constraint("NEAR"), {f"{PLACED}/operator": "error.unknown.enum.literal"}),
    ("a value that is a number", constraint("MAX_PER", 2), {f"{PLACED}/value": "error.expected.jsstring"}),
    (
        "a constraint that is a list",
        changed(MINIMAL, "scheduling.placement.constraints", [["a"]]),
        {PLACED: "jsobject"},
    ),
    (
        "a constraint without a field",
        changed(MINIMAL, "scheduling.placement.constraints", [{"operator": "UNIQUE"}]),
        {f"{PLACED}/fieldName": "error.path.missing"},
    ),
    (
        "roles that are a text",
        changed(MINIMAL, "scheduling.placement.acceptedResourceRoles", "*"),
        {"/scheduling/placement/acceptedResourceRoles": "error.expected.jsarray"},
    ),
    (
        "an unreachable strategy of another word",
        changed(MINIMAL, "scheduling.unreachableStrategy", "enabled"),
        {"/scheduling/unreachableStrategy": "error.unknown.enum.literal"},
    ),
    (
        "an unreachable strategy that is a number",
        changed(MINIMAL, "scheduling.unreachableStrategy", 5),
        {"/scheduling/unreachableStrategy": "error.expected.jsobject"},
    ),
    (
        "a negative time",
        changed(MINIMAL, "scheduling.unreachableStrategy", {"expungeAfterSeconds": -1}),
        {"/scheduling/unreachableStrategy/expungeAfterSeconds": "error.min"},
    ),
    ("more seconds than an int holds", check(delaySeconds=2**31), {f"{AT}/check/delaySeconds": "error.max"}),
]

RULES: list[Row] = [
    (
        "a secret variable of no secret",
        MINIMAL | {"environment": {"A": {"secret": "x"}}},
        {"/environment/A/secret": "x"},
    ),
    (
        "a container's secret variable of no secret",
        container(environment={"A": {"secret": "x"}}) | secret(),
        {f"{AT}/environment/A/secret": "must refer to an existing secret"},
    ),
    ("a secret volume of no secret", volume(secret="x"), {"/volumes(0)/secret": "must refer to an existing secret"}),
    (
        "a pull secret of no secret",
        container(image={"kind": "DOCKER", "id": "x", "pullConfig": {"secret": "x"}}),
        {f"{AT}/image/pullConfig": "must refer to an existing secret"},
    ),
    (
        "a CPU limit below the request",
        limits(cpus=0.5),
        {f"{AT}/resourceLimits/cpus": "at least resources.cpus, which is 1 by default"},
    ),
    (
        "a memory limit below the request",
        limits(mem="64m"),
        {f"{AT}/resourceLimits/mem": "at least resources.mem, which is 128 by default"},
    ),
    ("both limits below", limits(cpus=-1, mem=0), {f"{AT}/resourceLimits/cpus": "", f"{AT}/resourceLimits/mem": ""}),
    ("limits in shared cgroups", limits(cpus=2) | {"legacySharedCgroups": True}, {f"{AT}/resourceLimits": "absent"}),
    (
        "a profile of the unconfined",
        linux(seccomp={"profileName": "p", "unconfined": True}),
        {f"{AT}/linuxInfo/seccomp": "profileName must be absent"},
    ),
    ("seccomp that says nothing", linux(seccomp={}), {f"{AT}/linuxInfo/seccomp": "is required"}),
    ("seccomp of the pod", MINIMAL | {"linuxInfo": {"seccomp": {}}}, {"/linuxInfo/seccomp": "must be absent"}),
    (
        "shared memory of the parent's",
        linux(ipcInfo={"mode": "share_parent", "shmSize": 5}),
        {f"{AT}/linuxInfo/ipcInfo": "shmSize must be absent"},
    ),
    (
        "shared memory of the parent's, for the pod",
        MINIMAL | {"linuxInfo": {"ipcInfo": {"mode": "SHARE_PARENT", "shmSize": 0}}},
        {"/linuxInfo/ipcInfo": "shmSize must be absent"},
    ),
    ("no kind of check", check(delaySeconds=5), {f"{AT}/check": "exactly one"}),
    ("two kinds of check", check(tcp={"endpoint": "e"}, http={"endpoint": "e"}), {f"{AT}/check": "exactly one"}),
    ("a check of another's endpoint", check(tcp={"endpoint": "f"}), {f"{AT}/check/tcp/endpoint": "no endpoint f"}),
    ("a check of a relative path", check(http={"endpoint": "e", "path": "x"}), {f"{AT}/check/http/path": "/x"}),
    ("a volume of two kinds", volume(secret="a", host="/") | secret(), {"/volumes(0)": "at most one of"}),
    ("a unique value", constraint("UNIQUE", "a"), {PLACED: "UNIQUE accepts no value"}),
    ("a unique empty value", constraint("unique", ""), {PLACED: "UNIQUE accepts no value"}),
    ("groups of a word", constraint("GROUP_BY", "two"), {PLACED: "GROUP_BY"}),
    ("no groups", constraint("GROUP_BY", "0"), {PLACED: "at least 1"}),
    ("a most of nothing", constraint("MAX_PER"), {PLACED: "MAX_PER needs"}),
    ("a most of zero", constraint("MAX_PER", "0"), {PLACED: "at least 1"}),
    ("a most of 1.5", constraint("MAX_PER", "1.5"), {PLACED: "integer"}),
    ("like nothing", constraint("LIKE"), {PLACED: "needs a regular expression"}),
    ("like a lone star", constraint("LIKE", "*"), {PLACED: "no argument for repetition"}),
    ("unlike an open bracket", constraint("UNLIKE", "["), {PLACED: "not a regular expression"}),
    ("a set of sets", constraint("LIKE", "[a-z&&[^b]]"), {PLACED: "intersection"}),
    ("endless repeats", constraint("LIKE", "a{99999999999999999999}"), {PLACED: "more than 1000 times"}),
    ("a range", constraint("IS", "[1-2]"), {PLACED: "letters, digits"}),
    ("a constraint on nothing", constraint("CLUSTER", field=""), {PLACED: "fieldName must not be empty"}),
    ("a role of others", roles("*", "dev"), {"/acceptedResourceRoles": "not dev"}),
    ("a role with a space", roles("a b"), {"/scheduling/placement/acceptedResourceRoles": "'a b'"}),
    ("a role of dots", roles(".."), {"/scheduling/placement/acceptedResourceRoles": "'..'"}),
    ("a role of nothing", roles(""), {"/scheduling/placement/acceptedResourceRoles": "''"}),
    ("a NUL in a variable", MINIMAL | {"environment": {"A": "\0"}}, {"/environment/A": "NUL"}),
    ("a NUL in a source", MINIMAL | secret("a\0"), {"/secrets/a/source": "NUL"}),
    ("a NUL in a label's key", MINIMAL | {"labels": {"\0": "a"}}, {"/labels/\0": "NUL"}),
    ("a NUL in an argument", container(exec={"command": {"argv": ["\0"]}}), {f"{AT}/exec/command/argv(0)": "NUL"}),
]

RUNNING: list[Row] = [
    ("another restart policy", container(restartPolicy="often"), {f"{AT}/restartPolicy": "error.unknown.enum.literal"}),
    ("less than no restart", container(restarts={"limit": -1}), {f"{AT}/restarts/limit": "error.min"}),
    ("a back-off that shrinks", container(restarts={"backoffFactor": 0.5}), {f"{AT}/restarts/backoffFactor": "min"}),
    ("a run of no time", container(maxRunSeconds=0), {f"{AT}/maxRunSeconds": "greater than 0"}),
    ("an essential that is a word", container(essential="no"), {f"{AT}/essential": "error.expected.jsboolean"}),
    (
        "a dependency on a way of its own",
        container(**after("one", condition="healthy")),
        {f"{AT}/dependsOn(0)/condition": "error.unknown.enum.literal"},
    ),
    ("a dependency on nobody", container(dependsOn=[{}]), {f"{AT}/dependsOn(0)/container": "error.path.missing"}),
    (
        "a readiness check without a pause",
        container(readinessCheck={"exec": {"command": {"shell": "true"}}, "intervalSeconds": 0}),
        {f"{AT}/readinessCheck/intervalSeconds": "error.min"},
    ),
    (
        "a command before the end that says nothing",
        container(lifecycle={"preStop": {"command": {}}}),
        {f"{AT}/lifecycle/preStop/command": "one of shell and argv"},
    ),
]

ORDER: list[Row] = [
    ("restarts that are never", container(restarts={}), {f"{AT}/restarts": "must be absent unless restartPolicy"}),
    (
        "nobody essential",
        pair({"essential": False}, essential=False),
        {"/containers": "at least one must be essential"},
    ),
    (
        "a dependency on a stranger",
        pair(**after("three")),
        {f"{AT}/dependsOn(0)/container": "the pod has no container three"},
    ),
    ("a dependency twice", pair(**after("two", "two")), {f"{AT}/dependsOn": "must not repeat two"}),
    ("a dependency on itself", pair(**after("one")), {"/containers": "cycle: one -> one"}),
    ("a circle", pair(after("one"), **after("two")), {"/containers": "cycle: one -> two -> one"}),
    (
        "waiting for the success of what never ends",
        pair({"restartPolicy": "always"}, **after("two", condition="succeeded")),
        {f"{AT}/dependsOn(0)/condition": "two is always restarted"},
    ),
    ("a readiness check of nothing", container(readinessCheck={}), {f"{AT}/readinessCheck": "exactly one of"}),
    (
        "a readiness check of another's port",
        container(readinessCheck={"tcp": {"endpoint": "e"}}),
        {f"{AT}/readinessCheck/tcp/endpoint": "no endpoint e"},
    ),
    (
        "further health checks that are as wrong as the first",
        container(healthChecks=[{}, {"exec": {"command": {"shell": "true"}}, "timeoutSeconds": 60}]),
        {f"{AT}/healthChecks(0)": "exactly one of", f"{AT}/healthChecks(1)/timeoutSeconds": "less than"},
    ),
]

MESOS_EXECUTOR: list[Row] = [
    ("a restart", container(restartPolicy="always"), {f"{AT}/restartPolicy": "needs podexec's own executor"}),
    ("no essential", pair({"essential": False}), {"/containers(1)/essential": "needs podexec's own executor"}),
    ("an order", pair(**after("two")), {f"{AT}/dependsOn": "needs podexec's own executor"}),
    (
        "readiness",
        container(readinessCheck={"exec": {"command": {"shell": "true"}}}),
        {f"{AT}/readinessCheck": "needs podexec's own executor"},
    ),
    (
        "many health checks",
        container(healthChecks=[{"exec": {"command": {"shell": "true"}}}]),
        {f"{AT}/healthChecks": "needs podexec's own executor"},
    ),
    (
        "a command before the end",
        container(lifecycle={"preStop": {"command": {"shell": "true"}}}),
        {f"{AT}/lifecycle/preStop": "needs podexec's own executor"},
    ),
    ("what it can do", pair({"essential": True}, restartPolicy="never", maxRunSeconds=5, dependsOn=[]), {}),
]

RESIDENT: list[Row] = [
    (
        "an unreachable strategy",
        changed(resident(), "scheduling.unreachableStrategy", {}),
        {"/": "unreachableStrategy must be absent or disabled"},
    ),
    (
        "an upgrade with its default",
        changed(resident(), "scheduling.upgrade.minimumHealthCapacity", 0.5),
        {"/upgrade/maximumOverCapacity": "must be 0"},
    ),
    (
        "resources of its role",
        changed(resident(), "scheduling.placement.acceptedResourceRoles", ["dev"]),
        {"/acceptedResourceRoles": '["*"]'},
    ),
    ("a volume of nothing", disk(size=0), {f"{DISK}/size": "at least 1"}),
    ("a largest size on the main disk", disk(maxSize=20), {f"{DISK}/maxSize": "only for type mount"}),
    ("a largest size below the size", disk(type="mount", maxSize="9m"), {f"{DISK}/maxSize": "at least size, 10"}),
    ("a constraint on an attribute", disk(constraints=[["rack", "LIKE", "a"]]), {f"{DISK}/constraints(0)": "path"}),
    ("a constraint by another operator", disk(constraints=[["path", "IS", "a"]]), {f"{DISK}/constraints(0)": "LIKE"}),
    ("a constraint by nothing", disk(constraints=[["path", "LIKE"]]), {f"{DISK}/constraints(0)": "regular"}),
    (
        "a constraint by no expression",
        disk(constraints=[["path", "LIKE", "*"]]),
        {f"{DISK}/constraints(0)": "repetition"},
    ),
    ("a disk", disk(), {}),
    ("a disk of a profile", disk(profileName="fast", maxSize="1g"), {}),
    ("a disk by its path", disk(type="PATH", constraints=[["path", "unlike", "/a.*"]]), {}),
    (
        "all that may be said",
        resident(
            scheduling={
                "unreachableStrategy": "Disabled",
                "upgrade": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0},
                "placement": {"acceptedResourceRoles": ["*"]},
            }
        ),
        {},
    ),
    ("a role that is the framework's", roles("dev", "*", role="dev"), {}),
]

ACCEPTED: list[Row] = [
    ("a secret that nobody uses", MINIMAL | secret(), {}),
    (
        "secrets everywhere",
        container(
            environment={"A": {"secret": "a"}}, image={"kind": "docker", "id": "x", "pullConfig": {"secret": "a"}}
        )
        | secret(environment={"B": {"secret": "a"}}),
        {},
    ),
    ("a secret volume", volume(secret="a") | secret(), {}),
    ("no limit", limits(cpus="UNLIMITED", mem="unlimited"), {}),
    ("limits at the request", limits(cpus=1, mem="128 MB"), {}),
    ("limits that say nothing", limits(), {}),
    ("shared cgroups without limits", MINIMAL | {"legacySharedCgroups": True}, {}),
    ("seccomp by profile", linux(seccomp={"profileName": "p", "unconfined": False}), {}),
    ("ipc of its own", linux(ipcInfo={"mode": "private", "shmSize": "1g"}), {}),
    ("ipc for the pod", MINIMAL | {"linuxInfo": {"ipcInfo": {"mode": "PRIVATE"}}}, {}),
    ("a terminal", container(tty=True), {}),
    ("a check slower than its interval", check(tcp={"endpoint": "e"}, intervalSeconds=5, timeoutSeconds=10), {}),
    ("sizes as people write them", container(resources={"mem": "1.5G", "disk": " 10 mb "}), {}),
    ("every operator's value", constraint("cluster"), {}),
    ("groups without a number", constraint("GROUP_BY"), {}),
    ("is nothing", constraint("IS"), {}),
    ("the framework's resources", roles("*", "*"), {}),
    ("an unreachable strategy", changed(MINIMAL, "scheduling.unreachableStrategy", {"inactiveAfterSeconds": 900}), {}),
    ("no unreachable strategy", changed(MINIMAL, "scheduling.unreachableStrategy", "DISABLED"), {}),
]

WELL_RUN: list[Row] = [
    ("restarts", container(restartPolicy="ONFAILURE", restarts={"limit": 0, "backoffSeconds": 0}), {}),
    ("a sidecar", pair({"essential": False, **after("one", condition="ready")}), {}),
    ("an init container that is tried again", pair({"restartPolicy": "onFailure"}, **after("two")), {}),
    ("half a second", container(maxRunSeconds=0.5), {}),
]

FEATURELESS: list[Row] = [
    ("secrets", MINIMAL | secret(), {"/secrets": "feature secrets is not enabled"}),
    ("a secret variable", MINIMAL | {"environment": {"A": {"secret": "x"}}}, {"/environment": "not enabled"}),
    (
        "a container's secret variable",
        container(environment={"A": {"secret": "x"}}),
        {f"{AT}/environment": "feature secrets is not enabled"},
    ),
    ("a secret volume", volume(secret="x"), {"/volumes(0)": "feature secrets is not enabled"}),
    (
        "a pull secret",
        container(image={"kind": "DOCKER", "id": "x", "pullConfig": {"secret": "a"}}) | secret(),
        {f"{AT}/image/pullConfig": "not enabled", "/secrets": "not enabled"},
    ),
    ("no secrets", MINIMAL | {"secrets": {}}, {}),
]

ALL = [
    *((SITE, Stage.SCHEMA, *row) for row in SCHEMA),
    *((SITE, Stage.RULES, *row) for row in RULES),
    *((DEV, Stage.RULES, *row) for row in RESIDENT),
    *((SITE, None, *row) for row in ACCEPTED),
    *((NO_FEATURES, Stage.RULES, *row) for row in FEATURELESS),
    *((SITE, Stage.SCHEMA, *row) for row in RUNNING),
    *((SITE, Stage.RULES, *row) for row in ORDER),
    *((Site(role="*", own_executor=False), Stage.RULES, *row) for row in MESOS_EXECUTOR),
    *((SITE, None, *row) for row in WELL_RUN),
]


@pytest.mark.parametrize(("site", "stage", "meaning", "definition", "problems"), ALL, ids=[row[2] for row in ALL])
def test_a_definition_is_judged(
    site: Site, stage: Stage, meaning: str, definition: dict[str, Any], problems: dict[str, str]
) -> None:
    """All its problems are reported at their paths, and no others."""
    judged = parse(json.dumps(definition).encode(), site)
    if not problems:
        assert isinstance(judged, PodDefinition), judged
        return
    assert isinstance(judged, Problems), "nothing was found wrong"
    assert judged.stage is stage
    assert sorted(problem.path for problem in judged.items) == sorted(problems)
    for problem in judged.items:
        assert problems[problem.path] in problem.error


def test_a_resident_pod_needs_a_role_of_its_own() -> None:
    """Mesos reserves nothing for the role ``*``."""
    judged = parse(json.dumps(volume(persistent={"size": 1})).encode(), SITE)
    assert isinstance(judged, Problems)
    assert [(problem.path, "must not be *" in problem.error) for problem in judged.items] == [("/role", True)]


def test_with_strict_definitions_an_unknown_key_is_a_problem_at_its_path() -> None:
    definition = container(enviroment={}, resources={"cpu": 1}) | {"labels": {"any": "key"}, "x": {"y": 1}}
    judged = parse(json.dumps(definition).encode(), Site(role="*", strict=True))
    assert isinstance(judged, Problems)
    assert judged.stage is Stage.SCHEMA
    assert {problem.path: problem.error for problem in judged.items} == {
        f"{AT}/enviroment": "is not a known key; did you mean environment?",
        f"{AT}/resources/cpu": "is not a known key; did you mean cpus?",
        "/x": "is not a known key",
    }


def test_keys_that_never_had_an_effect_are_told_as_such() -> None:
    """Marathon's schema, its documentation and tools of DC/OS have them; null counts as absent."""
    definition = container(fetch=[{"uri": "http://x/y"}]) | {
        "scaling": {"instances": 1, "maxInstances": 3},
        "fetch": [],
    }
    judged = parse(json.dumps(definition).encode(), Site(role="*", strict=True))
    assert isinstance(judged, Problems)
    assert {problem.path: problem.error for problem in judged.items} == {
        f"{AT}/fetch": "has no effect: list the files to fetch in artifacts",
        "/scaling/maxInstances": "has no effect: instances sets the number; leave this out",
        "/fetch": "has no effect: list the files to fetch in a container's artifacts",
    }
    nothing = container(fetch=None) | {"scaling": {"instances": 1, "maxInstances": None}}
    for strict in (True, False):
        assert isinstance(parse(json.dumps(nothing).encode(), Site(role="*", strict=strict)), PodDefinition)
    assert isinstance(parse(json.dumps(definition).encode(), SITE), PodDefinition)


def test_without_strict_definitions_unknown_keys_are_ignored() -> None:
    assert isinstance(parse(json.dumps(container(enviroment={})).encode(), SITE), PodDefinition)
