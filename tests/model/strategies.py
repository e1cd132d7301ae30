"""Definitions out of hypothesis: valid by construction, JSON-able, as small as each example allows.

``definitions()`` holds what every agent can launch; ``any_valid()`` every field there is, for a site with role ``dev``,
a default network and the feature ``secrets``.
"""

from typing import Any

from hypothesis import strategies as st

from scheduler.model.json import Json
from scheduler.model.rules import Site

SITE = Site(role="dev", default_network_name="dcos")

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,6}[a-z0-9])?", fullmatch=True)
ENV_KEYS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
# Whatever Linux can hand to a process: no NUL, no half of a surrogate pair.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
USERS = st.from_regex(r"[a-z_][a-zA-Z0-9_.@\\-]{0,30}\$?", fullmatch=True)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
# What can be part of a path, of a URI and of a user's name.
FILES = st.text(st.characters(exclude_characters="/\\':.", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
LABELS = st.dictionaries(TEXTS, TEXTS, max_size=3)
SECRET_KEYS = ("db", "registry")
COMMANDS = st.sampled_from([{"shell": "sleep 3600"}, {"argv": ["sleep", "3600"]}])
SECONDS = st.integers(1, 600)


def _some(draw: st.DrawFn, **members: st.SearchStrategy[Any]) -> Json:
    """An object with some of these members."""
    return {key: draw(strategy) for key, strategy in members.items() if draw(st.booleans())}


def _case(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word, word.lower(), word.upper(), word.title()])


def _mib(least: int, most: int) -> st.SearchStrategy[Any]:
    whole = st.integers(least, most)
    return whole | whole.map(lambda size: f"{size}mb") | whole.map(lambda size: f"{size * 1024} KB")


@st.composite
def definitions(draw: st.DrawFn) -> Json:
    """A pod of one to three containers that run for an hour, on the agent's own network and files."""
    containers = [
        {"name": name, "resources": draw(_resources()), "exec": {"command": draw(COMMANDS)}}
        for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    ]
    for container in containers:
        members = _some(
            draw,
            environment=st.dictionaries(ENV_KEYS, TEXTS, max_size=3),
            labels=LABELS,
            lifecycle=st.fixed_dictionaries({}, optional={"killGracePeriodSeconds": st.sampled_from([0.5, 1, 2])}),
            tty=st.just(False),
        )
        container.update(members)
    pod: Json = {"id": f"/any-{draw(NAMES)}", "containers": containers}
    pod |= _some(
        draw,
        labels=LABELS,
        environment=st.dictionaries(ENV_KEYS, TEXTS, max_size=3),
        scaling=st.fixed_dictionaries({"instances": st.just(1)}),
        networks=st.just([{"mode": "host"}]),
        portEnvironment=st.booleans(),
        scheduling=_scheduling(),
        executorResources=st.just({"cpus": 0.1, "mem": "32mb"}),
    )
    _add_endpoints(draw, pod)
    _add_volumes(draw, pod, [{}])
    _add_order(draw, containers)
    return pod


@st.composite
def any_valid(draw: st.DrawFn) -> Json:
    """A pod with any field, sometimes resident, for ``SITE``."""
    pod = draw(definitions())
    pod |= _some(draw, user=USERS, role=st.just("dev"), version=st.just("2026-01-31T12:00:00.000Z"), linuxInfo=_ipc())
    pod["secrets"] = {key: {"source": draw(WORDS)} for key in SECRET_KEYS}
    _add_network(draw, pod)
    shared = draw(st.booleans())
    if shared:
        pod["legacySharedCgroups"] = True
    for container in pod["containers"]:
        _add_platform(draw, container, shared)
    persistent = {"persistent": draw(_persistent())}
    resident = draw(st.booleans())
    kinds = [{}, {"host": "/etc"}, {"secret": "db"}, *([persistent] if resident else [])]
    for container in pod["containers"]:
        container.pop("volumeMounts", None)
    _add_volumes(draw, pod, kinds)
    resident = any("persistent" in volume for volume in pod.get("volumes", ()))
    if resident or draw(st.booleans()):
        pod["scheduling"] = draw(_resident_scheduling() if resident else _placed_scheduling())
    return pod


@st.composite
def _resources(draw: st.DrawFn) -> Json:
    return {"cpus": draw(st.sampled_from([0.01, 0.05, 0.1])), "mem": draw(_mib(16, 32))} | _some(draw, disk=_mib(0, 5))


def _scheduling() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {},
        optional={
            "backoff": st.fixed_dictionaries({}, optional={"backoff": SECONDS, "backoffFactor": st.just(1.5)}),
            "upgrade": st.fixed_dictionaries({"minimumHealthCapacity": st.sampled_from([0, 0.5, 1])}),
            "killSelection": _case("YOUNGEST_FIRST") | _case("OLDEST_FIRST"),
        },
    )


@st.composite
def _placed_scheduling(draw: st.DrawFn) -> Json:
    scheduling = draw(_scheduling())
    strategy = st.fixed_dictionaries({}, optional={"inactiveAfterSeconds": SECONDS, "expungeAfterSeconds": SECONDS})
    roles = st.lists(st.sampled_from(["*", "dev"]), max_size=2)
    placement = _some(draw, constraints=st.lists(_constraints(), max_size=3), acceptedResourceRoles=roles)
    return (
        scheduling
        | {"placement": placement}
        | _some(draw, unreachableStrategy=st.just("disabled") | st.just("DISABLED") | strategy)
    )


@st.composite
def _resident_scheduling(draw: st.DrawFn) -> Json:
    scheduling = draw(_scheduling())
    scheduling.pop("upgrade", None)
    return scheduling | _some(
        draw,
        upgrade=st.just({"maximumOverCapacity": 0, "minimumHealthCapacity": 0.3}),
        unreachableStrategy=st.just("disabled"),
        placement=st.just({"acceptedResourceRoles": ["*"]}),
    )


def _constraints() -> st.SearchStrategy[Json]:
    values = {
        "UNIQUE": st.none(),
        "CLUSTER": st.none() | TEXTS,
        "GROUP_BY": st.none() | st.integers(1, 9).map(str),
        "MAX_PER": st.integers(1, 9).map(str),
        "LIKE": st.sampled_from([".*", "a|b", "node[0-9]+"]),
        "UNLIKE": st.sampled_from([".*", "a|b", "node[0-9]+"]),
        "IS": st.sampled_from(["", "a/b", "1.0"]),
    }
    fields = st.sampled_from(["hostname", "@hostname", "@region", "@zone", "rack"])
    return st.sampled_from(sorted(values)).flatmap(
        lambda operator: st.fixed_dictionaries(
            {"fieldName": fields, "operator": _case(operator), "value": values[operator]}
        )
    )


def _ipc() -> st.SearchStrategy[Json]:
    private = st.fixed_dictionaries({"mode": _case("PRIVATE")}, optional={"shmSize": _mib(1, 64)})
    return st.fixed_dictionaries({}, optional={"ipcInfo": private | st.just({"mode": "share_parent"})})


def _persistent() -> st.SearchStrategy[Json]:
    disk = {"size": 5, "maxSize": "1g", "profileName": "fast", "constraints": [["path", "LIKE", "/mnt/.*"]]}
    part = st.fixed_dictionaries({"size": _mib(1, 2000)}, optional={"type": st.sampled_from(["root", "path"])})
    return st.just(disk) | part


def _add_endpoints(draw: st.DrawFn, pod: Json) -> None:
    """Dynamic ports, and a health check or a check on some: nobody listens, so neither may fail for an hour."""
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    for name in names:
        container = draw(st.sampled_from(pod["containers"]))
        endpoint = {"name": name, "hostPort": 0} | _some(draw, protocol=st.just(["tcp"]), labels=LABELS)
        container.setdefault("endpoints", []).append(endpoint)
        if draw(st.booleans()):
            http = {"endpoint": name, "path": "/x", "scheme": "http"}
            kinds = [{"http": http}, {"tcp": {"endpoint": name}}, {"exec": {"command": {"shell": "true"}}}]
            times = {"intervalSeconds": 3600, "delaySeconds": 3600, "timeoutSeconds": 5}
            container[draw(st.sampled_from(["check", "healthCheck"]))] = draw(st.sampled_from(kinds)) | times
            if draw(st.booleans()):
                container["readinessCheck"] = draw(st.sampled_from(kinds)) | times
                container["healthChecks"] = [draw(st.sampled_from(kinds)) | times]


def _add_order(draw: st.DrawFn, containers: list[Json]) -> None:
    """Restarts, dependencies and essential containers. Nothing waits for long: all run for an hour."""
    restarts = st.fixed_dictionaries({}, optional={"limit": st.integers(0, 3), "backoffSeconds": st.just(0.5)})
    for index, container in enumerate(containers):
        policy = draw(st.sampled_from([None, "never", "onFailure", "ALWAYS"]))
        if policy is not None:
            container["restartPolicy"] = policy
        if policy in ("onFailure", "ALWAYS"):
            container.update(_some(draw, restarts=restarts))
        if index:
            container.update(_some(draw, essential=st.booleans(), maxRunSeconds=st.just(7200.5)))
            earlier = st.sampled_from([each["name"] for each in containers[:index]])
            names = draw(st.lists(earlier, max_size=2, unique=True))
            container["dependsOn"] = [{"container": name, "condition": "started"} for name in names]
        if draw(st.booleans()):
            container.setdefault("lifecycle", {})["preStop"] = {"command": draw(COMMANDS)}


def _add_network(draw: st.DrawFn, pod: Json) -> None:
    bridge = [{"mode": "Container/Bridge"}]
    networks: list[Json] = draw(st.sampled_from([[], [{"mode": "host"}], bridge, [{}], [{"name": "a"}, {}]]))
    pod["networks"] = networks
    endpoints = [endpoint for container in pod["containers"] for endpoint in container.get("endpoints", ())]
    on_containers = any("mode" not in network for network in networks)
    for index, endpoint in enumerate(endpoints):
        if on_containers or (networks != [{"mode": "host"}] and draw(st.booleans())):
            endpoint["containerPort"] = 1 + index
        if len(networks) == 2:
            endpoint["networkNames"] = ["a"]


def _add_platform(draw: st.DrawFn, container: Json, shared: bool) -> None:
    """What not every agent has: images, users, limits, terminals, seccomp, secrets, files from elsewhere."""
    image = st.fixed_dictionaries(
        {"kind": _case("DOCKER"), "id": WORDS},
        optional={"forcePull": st.booleans(), "pullConfig": st.just({"secret": "registry"}), "labels": LABELS},
    )
    artifact = st.fixed_dictionaries(
        {"uri": FILES}, optional={"extract": st.booleans(), "cache": st.booleans(), "destPath": FILES}
    )
    seccomp = st.sampled_from([{"unconfined": True}, {"profileName": "p"}, {"profileName": "p", "unconfined": False}])
    limits = st.fixed_dictionaries(
        {}, optional={"cpus": _case("unlimited") | st.integers(1, 9), "mem": _case("unlimited") | _mib(32, 99)}
    )
    container |= _some(
        draw,
        image=image,
        artifacts=st.lists(artifact, max_size=2),
        user=USERS,
        tty=st.booleans(),
        linuxInfo=st.fixed_dictionaries({}, optional={"seccomp": seccomp}),
    )
    container["environment"] = container.get("environment", {}) | _some(draw, SECRET=st.just({"secret": "db"}))
    if not shared and draw(st.booleans()):
        container["resourceLimits"] = draw(limits)


def _add_volumes(draw: st.DrawFn, pod: Json, kinds: list[Json]) -> None:
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    pod["volumes"] = [{"name": name} | draw(st.sampled_from(kinds)) for name in names]
    for name in names:
        container = draw(st.sampled_from(pod["containers"]))
        mount = {"name": name, "mountPath": f"mounted/{name}"} | _some(draw, readOnly=st.booleans())
        container.setdefault("volumeMounts", []).append(mount)
