"""The description and an example of every field of a definition, for the JSON Schema and the reference.

One table, however long. ``tests/model/test_reference.py`` compares it with the models: no field is missing and every
example is valid.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Description:
    """The documentation of one field.

    Attributes:
        text: its purpose, its unit, and the rules that a schema cannot express.
        example: a JSON value.
        absent: the default in words, where it is not a constant.
    """

    text: str
    example: Any
    absent: str = ""


def _of(text: str, example: Any, absent: str = "") -> Description:
    return Description(text, example, absent)


_CHECKS = {
    "http": _of("Send an HTTP GET.", {"endpoint": "http", "path": "/health"}),
    "tcp": _of("Connect to a port.", {"endpoint": "http"}),
    "exec": _of("Run a command in the container.", {"command": {"shell": "test -e ready"}}),
}
_LABELS = {"team": "web"}
_ENVIRONMENT = {"MODE": "prod", "DB_PASSWORD": {"secret": "db"}}

DESCRIPTIONS: dict[str, dict[str, Description]] = {
    "PodDefinition": {
        "id": _of(
            "The pod's id: an absolute path. Segments consist of lower-case letters, digits, inner dashes and dots.",
            "/product/frontend",
        ),
        "version": _of("Set by the server; ignored on input.", "2026-01-31T12:00:00.000Z", "the time of acceptance"),
        "user": _of(
            "User the containers run as: a name known to the agents.",
            "nobody",
            "the scheduler's `--mesos-user`",
        ),
        "labels": _of("Free-form metadata; containers see labels as `MARATHON_APP_LABEL_*`.", _LABELS),
        "environment": _of("Variables of all containers: strings, or secrets by their key in `secrets`.", _ENVIRONMENT),
        "containers": _of(
            "The pod's containers, launched and stopped together. Names are unique.", [{"name": "web", "resources": {}}]
        ),
        "secrets": _of(
            "The secrets that the pod may use; environments, volumes and images refer to them by key.",
            {"db": {"source": "/db/password"}},
        ),
        "volumes": _of("Volumes for the containers; at least one container must mount each.", [{"name": "data"}]),
        "networks": _of(
            "One of mode `host`, one of mode `container/bridge`, or any number of mode `container`.",
            [{"mode": "host"}],
            "the agent's own network",
        ),
        "scaling": _of("Number of instances.", {"kind": "fixed", "instances": 3}),
        "scheduling": _of("When and where instances start and end.", {"backoff": {"backoff": 5}}),
        "executorResources": _of(
            "Overhead of the pod's executor, in addition to its containers.", {"cpus": 0.2, "mem": "64mb"}
        ),
        "role": _of(
            "Mesos role: the framework's or, for a pod in a group, also the name of its top-level group.",
            "product",
            "the scheduler's `--mesos-role`; in a group the group's name with `--new-group-enforce-role top`",
        ),
        "linuxInfo": _of(
            "`ipcInfo` for the whole pod; `seccomp` is not allowed here.", {"ipcInfo": {"mode": "PRIVATE"}}
        ),
        "legacySharedCgroups": _of(
            "The containers share their executor's cgroup; rules out `resourceLimits`.", True, "false"
        ),
        "dependencies": _of(
            "Pods this one needs: it starts, and is updated, once they are ready; they are not removed before it.",
            ["/shop/db"],
        ),
        "portEnvironment": _of(
            'Also set `PORT0`, `PORTS`, `PORT_<NAME>` in containers. Same as the label `portEnvironment: "true"`.',
            True,
            "as the label says",
        ),
    },
    "Secret": {"source": _of("Where the scheduler's secret source finds the value.", "/db/password")},
    "EnvironmentSecret": {"secret": _of("A key of the pod's `secrets`.", "db")},
    "Scaling": {
        "kind": _of("Always `fixed`.", "fixed"),
        "instances": _of("Number of instances.", 3),
    },
    "Container": {
        "name": _of("The container's name, unique in the pod.", "web"),
        "exec": _of("Command to run.", {"command": {"shell": "sleep 100"}}, "the image's command"),
        "resources": _of(
            "Resources guaranteed to the container; `{}` uses all defaults.", {"cpus": 0.5, "mem": "64mb"}
        ),
        "resourceLimits": _of(
            "Limits for use beyond `resources`.", {"cpus": "unlimited", "mem": "1g"}, "same as `resources`"
        ),
        "endpoints": _of("Its ports. Names and fixed ports are unique in the pod.", [{"name": "http", "hostPort": 0}]),
        "image": _of("Image that provides its files.", {"kind": "DOCKER", "id": "nginx:1"}, "the agent's own files"),
        "environment": _of("Variables, in addition to the pod's; these take precedence.", _ENVIRONMENT),
        "user": _of("User the container runs as: a name known to the agents.", "nobody", "the pod's `user`"),
        "healthCheck": _of("Health check; a container that fails it is killed.", {"tcp": {"endpoint": "http"}}),
        "healthChecks": _of(
            "Additional health checks. The container is healthy when all of them pass.",
            [{"exec": {"command": {"shell": "test -e alive"}}}],
        ),
        "check": _of("Reports whether the container is ready; never kills it.", {"tcp": {"endpoint": "http"}}),
        "readinessCheck": _of(
            "Reports whether the container can be used. Deployments wait for it, and so can other containers; "
            "it never kills the container.",
            {"http": {"endpoint": "http", "path": "/ready"}},
            "ready by its `check` or, without one, while it runs",
        ),
        "restartPolicy": _of(
            "Whether to restart the container in place when it exits, fails to launch, becomes unhealthy or runs too "
            "long: `never`, `onFailure` (not after exit code 0) or `always`. Case-insensitive.",
            "onFailure",
            "`never`",
        ),
        "restarts": _of("How often and how soon it is restarted.", {"limit": 5}, "its defaults"),
        "essential": _of(
            "If `false`, its end does not end the instance, and it is stopped once all essential ones have ended. "
            "At least one container must be essential.",
            False,
            "true",
        ),
        "dependsOn": _of(
            "Containers that must reach the given condition before this one starts. Containers stop in the reverse "
            "order. Cycles are rejected.",
            [{"container": "db", "condition": "ready"}],
        ),
        "maxRunSeconds": _of(
            "Maximum run time in seconds (fractions allowed); a container that exceeds it is killed without a grace "
            "period and counts as failed.",
            3600,
            "no limit",
        ),
        "linuxInfo": _of("Linux settings.", {"seccomp": {"unconfined": True}}),
        "tty": _of("Allocate a terminal.", True, "false"),
        "volumeMounts": _of("Where it mounts volumes of the pod.", [{"name": "data", "mountPath": "/data"}]),
        "artifacts": _of("Files fetched before it starts.", [{"uri": "https://example.com/app.tgz"}]),
        "labels": _of("Free-form metadata, in addition to the pod's.", _LABELS),
        "lifecycle": _of("How it is stopped.", {"killGracePeriodSeconds": 10}),
    },
    "Exec": {
        "command": _of("A shell line or an argument vector.", {"argv": ["sleep", "100"]}),
        "overrideEntrypoint": _of("`argv` replaces the image's entrypoint too.", True, "false"),
    },
    "Command": {
        "shell": _of("A line for `/bin/sh -c`; wins over `argv`. One of the two is required.", "sleep 100"),
        "argv": _of("An argument vector.", ["sleep", "100"]),
    },
    "Resources": {
        "cpus": _of("Number of CPUs; fractions allowed.", 0.5),
        "mem": _of("Memory in MiB, or a size such as `64mb`.", "64mb"),
        "disk": _of("Disk of the sandbox in MiB, or a size.", "1g"),
        "gpus": _of("Number of GPUs.", 1),
    },
    "ResourceLimits": {
        "cpus": _of("CPUs, at least `resources.cpus`, or `unlimited`.", 2, "`resources.cpus`"),
        "mem": _of("MiB or a size, at least `resources.mem`; or `unlimited`.", "1g", "`resources.mem`"),
    },
    "ExecutorResources": {
        "cpus": _of("CPUs.", 0.2),
        "mem": _of("Memory in MiB, or a size.", "64mb"),
        "disk": _of("Disk in MiB, or a size.", "10mb"),
    },
    "Endpoint": {
        "name": _of("The port's name, unique in the pod; `ENDPOINT_<NAME>` in variables.", "http"),
        "containerPort": _of(
            "Port inside the container, unique in the pod; 0 means the host port. "
            "Required on container networks; not allowed on the host network.",
            80,
        ),
        "hostPort": _of(
            "Port of the agent, unique in the pod; 0 means any free port.",
            0,
            "0; on container networks none",
        ),
        "protocol": _of("Protocols, each at most once.", ["tcp"], "tcp"),
        "labels": _of("Metadata for service discovery, such as `VIP_0`.", {"VIP_0": "/web:80"}),
        "networkNames": _of(
            "Which of the pod's container networks the port is on. Exactly one if there are several networks and a "
            "`hostPort`.",
            ["dcos"],
            "all",
        ),
    },
    "Image": {
        "kind": _of("Always `DOCKER`. Case-insensitive.", "DOCKER"),
        "id": _of("The image's name.", "nginx:1"),
        "pullConfig": _of("Credentials for the registry.", {"secret": "registry"}),
        "forcePull": _of("Pull the image even if the agent has it.", True, "false"),
        "labels": _of("Free-form metadata; not sent to Mesos.", _LABELS),
    },
    "PullConfig": {"secret": _of("A key of `secrets`; the value is a Docker `config.json`.", "registry")},
    "HealthCheck": _CHECKS
    | {
        "gracePeriodSeconds": _of("Failures are ignored for this long after the start; seconds.", 30),
        "intervalSeconds": _of("Time between two checks; seconds.", 10),
        "maxConsecutiveFailures": _of("The container is killed after this many failures in a row.", 3),
        "timeoutSeconds": _of("A check without an answer in this time fails; seconds, less than `intervalSeconds`.", 5),
        "delaySeconds": _of("Time before the first check; seconds.", 2),
    },
    "Check": _CHECKS
    | {
        "intervalSeconds": _of("Time between two checks; seconds.", 10),
        "timeoutSeconds": _of("A check without an answer in this time has no result; seconds.", 5),
        "delaySeconds": _of("Time before the first check; seconds.", 2),
    },
    "ReadinessCheck": _CHECKS
    | {
        "intervalSeconds": _of("Time between two checks; seconds.", 2),
        "maxConsecutiveFailures": _of("The container is no longer ready after this many failures in a row.", 1),
        "timeoutSeconds": _of("A check without an answer in this time fails; seconds.", 1),
        "delaySeconds": _of("Time before the first check; seconds.", 2),
    },
    "Dependency": {
        "container": _of("Another container of the pod.", "db"),
        "condition": _of(
            "`started`: it runs. `ready`: its readiness check and `check` pass; without either, it is healthy or, "
            "without a health check, running. `succeeded`: it exited with 0; not allowed if its `restartPolicy` is "
            "`always`. Case-insensitive.",
            "succeeded",
        ),
    },
    "Restarts": {
        "limit": _of("Maximum number of restarts in a row; then it ends as if never restarted.", 5, "no limit"),
        "backoffSeconds": _of("Wait before the first restart; seconds.", 0.5),
        "backoffFactor": _of("Each wait is the previous one times this factor.", 1.5),
        "maxBackoffSeconds": _of("The longest wait; seconds.", 60),
        "resetAfterSeconds": _of(
            "A run of at least this length resets the count for `limit` and the wait; seconds.", 60
        ),
    },
    "PreStop": {
        "command": _of(
            "Command to run in the container. SIGTERM follows when it ends, SIGKILL when the grace period ends.",
            {"shell": "./drain"},
        )
    },
    "HttpCheck": {
        "endpoint": _of("An endpoint of this container.", "http"),
        "path": _of("Path to request; starts with a slash.", "/health", "/"),
        "scheme": _of("`HTTP` or `HTTPS`. Case-insensitive.", "HTTPS"),
    },
    "TcpCheck": {"endpoint": _of("An endpoint of this container.", "http")},
    "CommandCheck": {"command": _of("Passes if it exits with 0.", {"shell": "test -e ready"})},
    "LinuxInfo": {
        "seccomp": _of("Allowed system calls: exactly one of `profileName` and `unconfined`.", {"unconfined": True}),
        "ipcInfo": _of("System V IPC and /dev/shm.", {"mode": "PRIVATE", "shmSize": 64}),
    },
    "Seccomp": {
        "profileName": _of("A profile on the agents.", "default.json"),
        "unconfined": _of("Allow all system calls.", True),
    },
    "IpcInfo": {
        "mode": _of("`PRIVATE`: its own; `SHARE_PARENT`: the pod's or, if set for the pod, the agent's.", "PRIVATE"),
        "shmSize": _of("Size of /dev/shm in MiB, or a size; only with `PRIVATE`.", "64mb", "the agent's default"),
    },
    "VolumeMount": {
        "name": _of("A volume of the pod.", "data"),
        "mountPath": _of("Path in the container; a relative path is in the sandbox.", "/data"),
        "readOnly": _of("The container cannot write to it.", True),
    },
    "Artifact": {
        "uri": _of("URI the agent fetches it from.", "https://example.com/app.tgz"),
        "extract": _of("Unpack an archive.", False),
        "executable": _of("Make it executable.", True),
        "cache": _of("Keep it in the agent's cache.", True),
        "destPath": _of("Its path in the sandbox.", "app.tgz", "the last part of the URI"),
    },
    "Lifecycle": {
        "killGracePeriodSeconds": _of(
            "Time from SIGTERM, or from the start of `preStop`, to SIGKILL; seconds (fractions allowed).",
            2.5,
            "the executor's 3 s",
        ),
        "preStop": _of("Command to run before the container is stopped.", {"command": {"shell": "./drain"}}),
    },
    "Volume": {
        "name": _of("The volume's name, unique in the pod.", "data"),
        "host": _of("A path on the agent; a relative path is in the executor's sandbox.", "/srv/data"),
        "persistent": _of("Keep the volume on the agent across launches.", {"size": "1g"}),
        "secret": _of("A key of `secrets`; the volume is a file with its value.", "db"),
    },
    "PersistentVolume": {
        "type": _of(
            "`root`: part of the agent's main disk; `path`: part of another disk; `mount`: a whole disk.",
            "path",
            "`root`; with a profile `mount`",
        ),
        "size": _of("MiB, or a size; at least 1.", "1g"),
        "maxSize": _of("The largest disk to use, for type `mount`; MiB or a size.", "10g"),
        "profileName": _of("The storage profile of the disk.", "fast"),
        "constraints": _of(
            "Selects disks by path: `LIKE` or `UNLIKE` a regular expression.", [["path", "LIKE", "/mnt/ssd.*"]]
        ),
    },
    "Network": {
        "name": _of(
            "Name of the CNI network; only for mode `container`.", "dcos", "the scheduler's `--default-network-name`"
        ),
        "mode": _of("`container`, `container/bridge` or `host`. Case-insensitive.", "host"),
        "labels": _of("Passed to the network; not allowed for `host`.", _LABELS),
    },
    "Scheduling": {
        "backoff": _of("How long an ended instance waits for its relaunch.", {"backoff": 5}),
        "upgrade": _of(
            "How an update replaces instances.", {"minimumHealthCapacity": 0.5}, "for resident pods 0.5 and 0"
        ),
        "placement": _of("Where instances run.", {"constraints": [{"fieldName": "@hostname", "operator": "UNIQUE"}]}),
        "killSelection": _of("Which instances to kill first when there are too many.", "OLDEST_FIRST"),
        "unreachableStrategy": _of(
            "What happens to instances on unreachable agents; or `disabled`.",
            {"inactiveAfterSeconds": 60, "expungeAfterSeconds": 600},
            "for resident pods `disabled`",
        ),
    },
    "Backoff": {
        "backoff": _of("The first wait; seconds.", 5),
        "backoffFactor": _of("Each wait is the previous one times this factor.", 2),
        "maxLaunchDelay": _of("The longest wait; seconds.", 60),
    },
    "Upgrade": {
        "minimumHealthCapacity": _of("Fraction of the instances that must stay healthy during an update.", 0.5),
        "maximumOverCapacity": _of(
            "Fraction of the instances that may run in addition during an update; 0 for resident pods.", 0
        ),
    },
    "Placement": {
        "constraints": _of("All must be met.", [{"fieldName": "rack", "operator": "LIKE", "value": "a|b"}]),
        "acceptedResourceRoles": _of(
            "Roles whose resources are used: `*`, the pod's role, or both.",
            ["*"],
            "the scheduler's `--accepted-resource-roles-default-behavior`",
        ),
    },
    "Constraint": {
        "fieldName": _of("`@hostname`, `@region`, `@zone`, or an attribute of the agents; not empty.", "rack"),
        "operator": _of("How the field is compared. Case-insensitive.", "LIKE"),
        "value": _of(
            "Always a string. `UNIQUE`: no value; `CLUSTER`: any or no value; `MAX_PER`: a number; "
            "`GROUP_BY`: a number or no value; `LIKE`, `UNLIKE`: a regular expression; `IS`: letters, digits, `_/.-`.",
            "a|b",
        ),
    },
    "UnreachableStrategy": {
        "inactiveAfterSeconds": _of(
            "Start a replacement once the instance has been unreachable this long; seconds.", 60
        ),
        "expungeAfterSeconds": _of("Expunge the instance once it has been unreachable this long; seconds.", 600),
    },
}
