"""Definitions and the parts of their LAUNCH_GROUP, field by field, as Mesos' v1 JSON.

Every row holds what a pod says and what has to stand at places of the group: ``executor.…``, ``tasks.N.…``, and
``environment.…`` of the first task; None: nothing. The offer is of agent A-S0 (node1) with ports 8000, 8001 and 31000.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from scheduler.model.json import Json
from tests.core.support import CUSTOM, DEFAULT_EXECUTOR, container, launched, port_ranges, scalar, variables


@dataclass(frozen=True)
class Row:
    """One conversion. ``containers``: members of each; the first is named main, the others other1, …"""

    name: str
    expected: dict[str, Any]
    containers: tuple[Json, ...] = ({},)
    pod: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict)

    def group(self) -> Json:
        """What is launched."""
        names = ["main", *(f"other{number}" for number in range(1, len(self.containers)))]
        asked = [container(**{"name": name, **each}) for name, each in zip(names, self.containers, strict=True)]
        return launched(*asked, settings=self.settings, **self.pod)


def at(group: Json, path: str) -> Any:
    """The value at a path of the group; None: nothing."""
    tasks = group["task_group"]["tasks"]
    value: Any = {"executor": group["executor"], "tasks": tasks, "environment": variables(tasks[0])}
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = (value or {}).get(step)
    return value


def sandbox(path: str, at_path: str, mode: str = "RW") -> Json:
    """A volume in the executor's sandbox."""
    where = {"type": "PARENT", "path": path}
    return {"container_path": at_path, "mode": mode, "source": {"type": "SANDBOX_PATH", "sandbox_path": where}}


def reference(name: str) -> Json:
    """A secret by its source."""
    return {"type": "REFERENCE", "reference": {"name": name}}


def port(number: int, name: str, protocol: str, **labels: str) -> Json:
    """A discovered port."""
    listed = [{"key": key.replace("_", "-"), "value": value} for key, value in labels.items()]
    return {"number": number, "name": name, "protocol": protocol, "labels": {"labels": listed}}


NET: Json = {"networks": [{"mode": "container", "name": "net"}]}
TWO_NETS: Json = {"networks": [{"mode": "container", "name": "net"}, {"mode": "container", "name": "back"}]}
BRIDGE: Json = {"networks": [{"mode": "container/bridge"}]}
HOST: Json = {"networks": [{"mode": "host"}]}
OWN: Json = {"executor": CUSTOM}
SECRETS: Json = {"secrets": {"pw": {"source": "/db/password"}, "key": {"source": "tls/key"}}}
NGINX: Json = {"kind": "DOCKER", "id": "nginx:1"}
HTTP: Json = {"name": "http", "containerPort": 80, "hostPort": 8000, "protocol": ["tcp"]}
INNER: Json = {"name": "http", "containerPort": 80, "protocol": ["tcp"]}
ON_HOST: Json = {"name": "http", "hostPort": 8000, "protocol": ["tcp"]}
SEPARATE: Json = {"share_cgroups": False}
TIMES: Json = {"delay_seconds": 15, "interval_seconds": 60, "timeout_seconds": 20}
HEALTH: Json = {**TIMES, "consecutive_failures": 3, "grace_period_seconds": 300}
LIMITS = "tasks.0.limits"
LINUX = "tasks.0.container.linux_info"
VOLUMES = "tasks.0.container.volumes"
COMMAND = "tasks.0.command"
CHECK = "tasks.0.check"
EXECUTOR = "executor.command"
NETWORKS = "executor.container.network_infos"
PORTS = "tasks.0.discovery.ports.ports"


def limits(**asked: Any) -> tuple[Json, ...]:
    """A container with resource limits."""
    return ({"resourceLimits": asked},)


def linux(**asked: Any) -> tuple[Json, ...]:
    """A container with Linux settings."""
    return ({"linuxInfo": asked},)


def mounts(*asked: Json) -> tuple[Json, ...]:
    """A container that mounts."""
    return ({"volumeMounts": list(asked)},)


ROWS = (
    # ------------------------------------------------------------------------- resources
    Row("cpus and mem of a task", {"tasks.0.resources": [scalar("cpus", 0.1), scalar("mem", 32)]}),
    Row(
        "disk and gpus of a task",
        {"tasks.0.resources": [scalar("cpus", 1), scalar("mem", 64), scalar("disk", 5), scalar("gpus", 1)]},
        ({"resources": {"cpus": 1, "mem": 64, "disk": 5, "gpus": 1}},),
    ),
    Row(
        "resources not asked for get their defaults",
        {"tasks.0.resources": [scalar("cpus", 1), scalar("mem", 128)]},
        ({"resources": {}},),
    ),
    Row(
        "the executor's resources by default",
        {"executor.resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 10)]},
    ),
    Row(
        "the executor's resources as asked for",
        {"executor.resources": [scalar("cpus", 0.3), scalar("mem", 48), scalar("disk", 11)]},
        pod={"executorResources": {"cpus": 0.3, "mem": 48, "disk": 11}},
    ),
    Row(
        "host ports are the executor's",
        {
            "executor.resources.3": port_ranges((8000, 8000)),
            "tasks.0.resources": [scalar("cpus", 0.1), scalar("mem", 32)],
        },
        ({"endpoints": [ON_HOST]},),
        HOST,
    ),
    # ---------------------------------------------------------------------------- limits
    Row("no limits", {LIMITS: None}),
    Row("limits that say nothing", {LIMITS: None}, limits()),
    Row("a limit of cpus", {LIMITS: {"cpus": {"value": 2.0}}}, limits(cpus=2)),
    Row("a limit of mem", {LIMITS: {"mem": {"value": 64.5}}}, limits(mem=64.5)),
    Row(
        "limits of both, as high as the agent goes",
        {LIMITS: {"cpus": {"value": "Infinity"}, "mem": {"value": "Infinity"}}, LINUX: SEPARATE},
        limits(cpus="unlimited", mem="UNLIMITED"),
    ),
    Row(
        "a limit is rounded as its request is, and does not fall below it",
        {LIMITS: {"cpus": {"value": 0.101}}, "tasks.0.resources": [scalar("cpus", 0.101), scalar("mem", 32)]},
        ({"resources": {"cpus": 0.1006, "mem": 32}, "resourceLimits": {"cpus": 0.1006}},),
    ),
    Row(
        "limits of one container alone",
        {"tasks.0.limits": None, "tasks.1.limits": {"mem": {"value": 100.0}}},
        ({}, {"resourceLimits": {"mem": 100}}),
    ),
    # --------------------------------------------------------------------- Linux settings
    Row("cgroups are apart", {LINUX: SEPARATE, "executor.container.linux_info": SEPARATE}),
    Row(
        "cgroups are apart when that is said",
        {LINUX: SEPARATE, "executor.container.linux_info": SEPARATE},
        pod={"legacySharedCgroups": False},
    ),
    Row(
        "cgroups shared: on every task, not on the executor, where the master refuses it",
        {
            LINUX: {"share_cgroups": True},
            "tasks.1.container.linux_info": {"share_cgroups": True},
            "executor.container": {"type": "MESOS"},
        },
        ({}, {}),
        {"legacySharedCgroups": True},
    ),
    Row(
        "a seccomp profile",
        {LINUX: {**SEPARATE, "seccomp": {"unconfined": False, "profile_name": "strict.json"}}},
        linux(seccomp={"profileName": "strict.json"}),
    ),
    Row(
        "without seccomp",
        {LINUX: {**SEPARATE, "seccomp": {"unconfined": True}}},
        linux(seccomp={"unconfined": True}),
    ),
    Row("IPC of its own", {LINUX: {**SEPARATE, "ipc_mode": "PRIVATE"}}, linux(ipcInfo={"mode": "PRIVATE"})),
    Row(
        "IPC of its own with a size",
        {LINUX: {**SEPARATE, "ipc_mode": "PRIVATE", "shm_size": 16}},
        linux(ipcInfo={"mode": "private", "shmSize": 16}),
    ),
    Row(
        "IPC of the pod",
        {LINUX: {**SEPARATE, "ipc_mode": "SHARE_PARENT"}},
        linux(ipcInfo={"mode": "SHARE_PARENT"}),
    ),
    Row(
        "IPC of the executor",
        {"executor.container.linux_info": {**SEPARATE, "ipc_mode": "PRIVATE", "shm_size": 8}, LINUX: SEPARATE},
        pod={"linuxInfo": {"ipcInfo": {"mode": "PRIVATE", "shmSize": 8}}},
    ),
    Row(
        "IPC of the executor with shared cgroups",
        {"executor.container": {"type": "MESOS", "linux_info": {"ipc_mode": "SHARE_PARENT"}}},
        pod={"linuxInfo": {"ipcInfo": {"mode": "SHARE_PARENT"}}, "legacySharedCgroups": True},
    ),
    Row("Linux settings that say nothing", {LINUX: SEPARATE}, linux()),
    # -------------------------------------------------------------------------- terminal
    Row("a terminal", {"tasks.0.container.tty_info": {}}, ({"tty": True},)),
    Row("no terminal", {"tasks.0.container": {"type": "MESOS", "linux_info": SEPARATE}}, ({"tty": False},)),
    # --------------------------------------------------------------------------- command
    Row("a shell line", {f"{COMMAND}.shell": True, f"{COMMAND}.value": "sleep 1000", f"{COMMAND}.arguments": None}),
    Row(
        "arguments without an image say what to run as well",
        {f"{COMMAND}.shell": False, f"{COMMAND}.value": "sleep", f"{COMMAND}.arguments": ["sleep", "1"]},
        ({"exec": {"command": {"argv": ["sleep", "1"]}}},),
    ),
    Row(
        "arguments for an image's entrypoint",
        {f"{COMMAND}.shell": False, f"{COMMAND}.value": None, f"{COMMAND}.arguments": ["-g", "x"]},
        ({"exec": {"command": {"argv": ["-g", "x"]}}, "image": NGINX},),
    ),
    Row(
        "arguments in place of an image's entrypoint",
        {f"{COMMAND}.shell": False, f"{COMMAND}.value": "sh", f"{COMMAND}.arguments": ["sh"]},
        ({"exec": {"command": {"argv": ["sh"]}, "overrideEntrypoint": True}, "image": NGINX},),
    ),
    Row(
        "an image's own command",
        {f"{COMMAND}.shell": False, f"{COMMAND}.value": None, f"{COMMAND}.arguments": None},
        ({"exec": None, "image": NGINX},),
    ),
    Row("no user", {f"{COMMAND}.user": None}),
    Row("the pod's user", {f"{COMMAND}.user": "www"}, pod={"user": "www"}),
    Row("the executor runs as the framework's user", {f"{EXECUTOR}.user": None}, settings=OWN),
    Row("as the pod's user", {f"{EXECUTOR}.user": "www"}, pod={"user": "www"}, settings=OWN),
    Row("as that of its containers", {f"{EXECUTOR}.user": "nobody"}, ({"user": "nobody"},), {"user": "www"}, OWN),
    Row(
        "as the pod's if containers differ", {f"{EXECUTOR}.user": "www"}, ({"user": "nobody"}, {}), {"user": "www"}, OWN
    ),
    Row("as the framework's if some name none", {f"{EXECUTOR}.user": None}, ({"user": "nobody"}, {}), settings=OWN),
    Row("the container's user", {f"{COMMAND}.user": "nobody"}, ({"user": "nobody"},), {"user": "www"}),
    Row("no artifacts", {f"{COMMAND}.uris": None}),
    Row(
        "an artifact",
        {f"{COMMAND}.uris": [{"value": "http://a/b.tgz", "cache": False, "extract": True, "executable": False}]},
        ({"artifacts": [{"uri": "http://a/b.tgz"}]},),
    ),
    Row(
        "an artifact under another name",
        {
            f"{COMMAND}.uris": [
                {"value": "/b", "cache": True, "extract": False, "executable": True, "output_file": "bin/b"}
            ]
        },
        ({"artifacts": [{"uri": "/b", "destPath": "bin/b", "cache": True, "extract": False, "executable": True}]},),
    ),
    Row(
        "a grace period of fractions",
        {"tasks.0.kill_policy": {"grace_period": {"nanoseconds": 2_500_000_000}}},
        ({"lifecycle": {"killGracePeriodSeconds": 2.5}},),
    ),
    Row("no grace period", {"tasks.0.kill_policy": None}, ({"lifecycle": {}},)),
    # ---------------------------------------------------------------------------- labels
    Row(
        "labels of pod and container",
        {
            "executor.labels": {"labels": [{"key": "team", "value": "x"}]},
            "tasks.0.labels": {"labels": [{"key": "tier", "value": "web"}]},
        },
        ({"labels": {"tier": "web"}},),
        {"labels": {"team": "x"}},
    ),
    # ----------------------------------------------------------------------------- images
    Row("no image", {"tasks.0.container.mesos": None}),
    Row(
        "an image",
        {"tasks.0.container.mesos": {"image": {"type": "DOCKER", "docker": {"name": "nginx:1"}}}},
        ({"image": NGINX},),
    ),
    Row(
        "an image that is always pulled",
        {"tasks.0.container.mesos": {"image": {"type": "DOCKER", "docker": {"name": "nginx:1"}, "cached": False}}},
        ({"image": {**NGINX, "forcePull": True}},),
    ),
    Row(
        "an image pulled with credentials",
        {"tasks.0.container.mesos.image.docker": {"name": "nginx:1", "config": reference("/db/password")}},
        ({"image": {**NGINX, "pullConfig": {"secret": "pw"}}},),
        SECRETS,
    ),
    # ---------------------------------------------------------------------------- volumes
    Row("no volumes", {VOLUMES: None}),
    Row(
        "a volume that containers share",
        {VOLUMES: [sandbox("volumes/v", "data")], "tasks.1.container.volumes": [sandbox("volumes/v", "/x", "RO")]},
        (*mounts({"name": "v", "mountPath": "data"}), *mounts({"name": "v", "mountPath": "/x", "readOnly": True})),
        {"volumes": [{"name": "v"}]},
    ),
    Row(
        "a volume of the host",
        {VOLUMES: [{"container_path": "/conf", "mode": "RO", "host_path": "/etc"}]},
        mounts({"name": "v", "mountPath": "/conf", "readOnly": True}),
        {"volumes": [{"name": "v", "host": "/etc"}]},
    ),
    Row(
        "a relative volume of the host is passed on as it is",
        {VOLUMES: [{"container_path": "d", "mode": "RW", "host_path": "dir"}]},
        mounts({"name": "v", "mountPath": "d"}),
        {"volumes": [{"name": "v", "host": "dir"}]},
    ),
    Row(
        "a secret as a file",
        {
            VOLUMES: [
                {
                    "container_path": "tls/key.pem",
                    "mode": "RW",
                    "source": {"type": "SECRET", "secret": reference("tls/key")},
                }
            ]
        },
        mounts({"name": "v", "mountPath": "tls/key.pem"}),
        {"volumes": [{"name": "v", "secret": "key"}], **SECRETS},
    ),
    Row(
        "volumes in the order of their mounts, one of them twice",
        {VOLUMES: [sandbox("volumes/b", "1"), sandbox("volumes/a", "2"), sandbox("volumes/b", "3")]},
        mounts(*({"name": name, "mountPath": path} for name, path in (("b", "1"), ("a", "2"), ("b", "3")))),
        {"volumes": [{"name": "a"}, {"name": "b"}]},
    ),
    # ------------------------------------------------------------------------ environment
    Row(
        "secrets in the environment of pod and container",
        {
            "environment.PASSWORD": {"name": "PASSWORD", "type": "SECRET", "secret": reference("/db/password")},
            "environment.KEY": {"name": "KEY", "type": "SECRET", "secret": reference("tls/key")},
        },
        ({"environment": {"KEY": {"secret": "key"}}},),
        {"environment": {"PASSWORD": {"secret": "pw"}}, **SECRETS},
    ),
    Row(
        "a container's plain value in place of the pod's secret, and the other way round",
        {
            "environment.A": "plain",
            "environment.B": {"name": "B", "type": "SECRET", "secret": reference("tls/key")},
        },
        ({"environment": {"A": "plain", "B": {"secret": "key"}}},),
        {"environment": {"A": {"secret": "pw"}, "B": "plain"}, **SECRETS},
    ),
    Row(
        "podexec's own variables win over a secret",
        {"environment.HOST": "node1"},
        ({"environment": {"HOST": {"secret": "pw"}}},),
        SECRETS,
    ),
    # --------------------------------------------------------------------------- networks
    Row("no network", {NETWORKS: None}),
    Row("the host's network", {NETWORKS: None}, pod=HOST),
    Row("a container network", {NETWORKS: [{"name": "net"}]}, pod=NET),
    Row(
        "a container network with labels",
        {NETWORKS: [{"name": "net", "labels": {"labels": [{"key": "k", "value": "v"}]}}]},
        pod={"networks": [{"mode": "container", "name": "net", "labels": {"k": "v"}}]},
    ),
    Row("a bridge", {NETWORKS: [{"name": "mesos-bridge"}]}, pod=BRIDGE),
    Row("a bridge of another name", {NETWORKS: [{"name": "br"}]}, pod=BRIDGE, settings={"mesos_bridge_name": "br"}),
    Row(
        "a mapped port",
        {
            NETWORKS: [
                {"name": "net", "port_mappings": [{"host_port": 8000, "container_port": 80, "protocol": "tcp"}]}
            ],
            PORTS: [port(8000, "http", "tcp", network_scope="host")],
        },
        ({"endpoints": [HTTP]},),
        NET,
    ),
    Row(
        "a mapped port of two protocols on a bridge",
        {
            f"{NETWORKS}.0.port_mappings": [
                {"host_port": 8000, "container_port": 80, "protocol": "tcp"},
                {"host_port": 8000, "container_port": 80, "protocol": "udp"},
            ],
            PORTS: [
                port(8000, "http", "tcp", network_scope="host"),
                port(8000, "http", "udp", network_scope="host"),
            ],
        },
        ({"endpoints": [{**HTTP, "protocol": ["tcp", "udp"]}]},),
        BRIDGE,
    ),
    Row(
        "a mapped port without a protocol is not discovered",
        {f"{NETWORKS}.0.port_mappings": [{"host_port": 8000, "container_port": 80}], PORTS: []},
        ({"endpoints": [{**HTTP, "protocol": None}]},),
        BRIDGE,
    ),
    Row(
        "a port on the host's network",
        {PORTS: [port(8000, "http", "tcp", k="v")]},
        ({"endpoints": [{**ON_HOST, "labels": {"k": "v"}}]},),
        HOST,
    ),
    Row(
        "the container port 0 is the host port",
        {f"{NETWORKS}.0.port_mappings": [{"host_port": 8000, "container_port": 8000, "protocol": "tcp"}]},
        ({"endpoints": [{**HTTP, "containerPort": 0}]},),
        NET,
    ),
    Row(
        "any host port is one that no other endpoint names",
        {
            f"{NETWORKS}.0.port_mappings": [
                {"host_port": 31000, "container_port": 80, "protocol": "tcp"},
                {"host_port": 8000, "container_port": 1},
                {"host_port": 8001, "container_port": 2},
            ],
            "executor.resources.3": port_ranges((8000, 8001), (31000, 31000)),
        },
        (
            {"endpoints": [{**HTTP, "hostPort": 0}, {"name": "a", "containerPort": 1, "hostPort": 8000}]},
            {"endpoints": [{"name": "b", "containerPort": 2, "hostPort": 8001}]},
        ),
        BRIDGE,
    ),
    Row(
        "a port of the container alone is found on its network",
        {
            NETWORKS: [{"name": "net"}],
            PORTS: [port(80, "http", "tcp", network_scope="container", network_name="net")],
            "executor.resources.3": None,
        },
        ({"endpoints": [INNER]},),
        NET,
    ),
    Row(
        "several networks, a port of the container on all of them",
        {
            NETWORKS: [{"name": "net"}, {"name": "back"}],
            PORTS: [
                port(80, "http", "tcp", network_scope="container", network_name="net"),
                port(80, "http", "tcp", network_scope="container", network_name="back"),
            ],
        },
        ({"endpoints": [INNER]},),
        TWO_NETS,
    ),
    Row(
        "several networks, a port of the container on one of them",
        {PORTS: [port(80, "http", "tcp", network_scope="container", network_name="back")]},
        ({"endpoints": [{**INNER, "networkNames": ["back"]}]},),
        TWO_NETS,
    ),
    Row(
        "several networks, a host port that leads to one of them",
        {
            NETWORKS: [
                {"name": "net"},
                {"name": "back", "port_mappings": [{"host_port": 8000, "container_port": 80, "protocol": "tcp"}]},
            ],
            PORTS: [port(8000, "http", "tcp", network_scope="host")],
        },
        ({"endpoints": [{**HTTP, "networkNames": ["back"]}]},),
        TWO_NETS,
    ),
    Row("the name to be found by", {"tasks.0.discovery.name": "c.b.a"}, pod={"id": "/a/b/c"}),
    # ---------------------------------------------------------------------- health checks
    Row("no checks", {"tasks.0.health_check": None, CHECK: None}),
    Row(
        "a health check over HTTP",
        {"tasks.0.health_check": {**HEALTH, "type": "HTTP", "http": {"port": 80, "scheme": "http", "path": "/ok"}}},
        ({"endpoints": [HTTP], "healthCheck": {"http": {"endpoint": "http", "path": "/ok"}}},),
        NET,
    ),
    Row(
        "a health check over HTTPS on the host's network",
        {"tasks.0.health_check": {**HEALTH, "type": "HTTP", "http": {"port": 8000, "scheme": "https"}}},
        ({"endpoints": [ON_HOST], "healthCheck": {"http": {"endpoint": "http", "scheme": "https"}}},),
        HOST,
    ),
    Row(
        "a health check over TCP with times of its own",
        {
            "tasks.0.health_check": {
                "type": "TCP",
                "tcp": {"port": 80},
                "delay_seconds": 1,
                "interval_seconds": 5,
                "timeout_seconds": 4,
                "consecutive_failures": 0,
                "grace_period_seconds": 0,
            }
        },
        (
            {
                "endpoints": [INNER],
                "healthCheck": {
                    "tcp": {"endpoint": "http"},
                    "delaySeconds": 1,
                    "intervalSeconds": 5,
                    "timeoutSeconds": 4,
                    "maxConsecutiveFailures": 0,
                    "gracePeriodSeconds": 0,
                },
            },
        ),
        NET,
    ),
    Row(
        "a health check by a command",
        {"tasks.0.health_check": {**HEALTH, "type": "COMMAND", "command": {"shell": True, "value": "test -f x"}}},
        ({"healthCheck": {"exec": {"command": {"shell": "test -f x"}}}},),
    ),
    # ----------------------------------------------------------------------------- checks
    Row(
        "a check over HTTP",
        {CHECK: {**TIMES, "type": "HTTP", "http": {"port": 80, "path": "/ready"}}, "tasks.0.health_check": None},
        ({"endpoints": [INNER], "check": {"http": {"endpoint": "http", "path": "/ready"}}},),
        NET,
    ),
    Row(
        "a check over TCP on the host's network, beside a health check",
        {
            CHECK: {**TIMES, "type": "TCP", "tcp": {"port": 8000}},
            "tasks.0.health_check.tcp": {"port": 8000},
        },
        (
            {
                "endpoints": [ON_HOST],
                "check": {"tcp": {"endpoint": "http"}},
                "healthCheck": {"tcp": {"endpoint": "http"}},
            },
        ),
        HOST,
    ),
    Row(
        "a check by a command: Mesos wraps it once more than a health check's",
        {
            CHECK: {
                "type": "COMMAND",
                "command": {"command": {"shell": False, "value": "test", "arguments": ["test", "-f", "x"]}},
                "delay_seconds": 0,
                "interval_seconds": 2,
                "timeout_seconds": 1,
            }
        },
        (
            {
                "check": {
                    "exec": {"command": {"argv": ["test", "-f", "x"]}},
                    "delaySeconds": 0,
                    "intervalSeconds": 2,
                    "timeoutSeconds": 1,
                }
            },
        ),
    ),
    # --------------------------------------------------------------------------- executor
    Row(
        "the executor that Mesos brings",
        {"executor.type": "DEFAULT", "executor.command": None, "executor.data": None, "executor.name": None},
        settings={"executor": DEFAULT_EXECUTOR},
    ),
    Row(
        "podexec's executor",
        {"executor.type": "CUSTOM", "executor.command": CUSTOM.command, "executor.data": CUSTOM.data},
        settings={"executor": CUSTOM},
    ),
    Row(
        "the executor outlives the longest grace period",
        {"executor.shutdown_grace_period": {"nanoseconds": 65_000_000_000}},
        ({}, {"lifecycle": {"killGracePeriodSeconds": 60}}),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_definition_becomes(row: Row) -> None:
    group = row.group()

    found = {path: at(group, path) for path in row.expected}
    assert found == row.expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_both_executors_get_the_same_group(row: Row) -> None:
    default, custom = (
        Row(row.name, {}, row.containers, row.pod, {**row.settings, "executor": each}).group()
        for each in (DEFAULT_EXECUTOR, CUSTOM)
    )

    assert default["task_group"] == custom["task_group"]
    user = custom["executor"]["command"].get("user")
    command = {**(CUSTOM.command or {}), **({"user": user} if user else {})}
    its_own = {"type": "CUSTOM", "command": command, "name": "podexec", "data": CUSTOM.data}
    assert {**default["executor"], **its_own} == custom["executor"]


def test_there_are_enough_rows_and_no_name_twice() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 60
