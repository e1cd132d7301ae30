"""What each field of a definition is for, with an example: the words of the JSON Schema and of the reference.

``tests/model/test_reference.py`` holds this table to the models: none is missing, each example is valid.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Description:
    """The words for one field.

    Attributes:
        text: what it is for, with its unit and the rules that no schema can say.
        example: a value, as it stands in JSON.
        absent: what stands for it where it is not given and that is no constant.
    """

    text: str
    example: Any
    absent: str = ""


def _of(text: str, example: Any, absent: str = "") -> Description:
    return Description(text, example, absent)


_CHECKS = {
    "http": _of("Ask with an HTTP GET.", {"endpoint": "http", "path": "/health"}),
    "tcp": _of("Connect to a port.", {"endpoint": "http"}),
    "exec": _of("Run a command in the container.", {"command": {"shell": "test -e ready"}}),
}
_LABELS = {"team": "web"}
_ENVIRONMENT = {"MODE": "prod", "DB_PASSWORD": {"secret": "db"}}

DESCRIPTIONS: dict[str, dict[str, Description]] = {
    "PodDefinition": {
        "id": _of(
            "The pod's name: an absolute path. Each segment is of lower-case letters, digits, inner dashes and dots.",
            "/product/frontend",
        ),
        "version": _of("Given by the server; ignored on input.", "2026-01-31T12:00:00.000Z", "the time of acceptance"),
        "user": _of(
            "User the containers run as: a name that agents know.",
            "nobody",
            "the scheduler's `--mesos-user`",
        ),
        "labels": _of("For people and tools; each container sees them as `MARATHON_APP_LABEL_*`.", _LABELS),
        "environment": _of("Variables of all containers: texts, or secrets by their key in `secrets`.", _ENVIRONMENT),
        "containers": _of(
            "What runs, launched and ended together. Names are unique.", [{"name": "web", "resources": {}}]
        ),
        "secrets": _of(
            "The secrets that the pod may use; environments, volumes and images refer to them by key.",
            {"db": {"source": "/db/password"}},
        ),
        "volumes": _of("Directories that containers share; each must be mounted by one.", [{"name": "data"}]),
        "networks": _of(
            "One of mode `host`, or one of mode `container/bridge`, or any number of mode `container`.",
            [{"mode": "host"}],
            "the agent's own network",
        ),
        "scaling": _of("How many instances run.", {"kind": "fixed", "instances": 3}),
        "scheduling": _of("When and where instances start and end.", {"backoff": {"backoff": 5}}),
        "executorResources": _of("The pod's own overhead beside its containers.", {"cpus": 0.2, "mem": "64mb"}),
        "role": _of(
            "The Mesos role: that of the framework or, for a pod in a group, also the name of its top-level group.",
            "product",
            "the scheduler's `--mesos-role`; in a group the group's name with `--new-group-enforce-role top`",
        ),
        "linuxInfo": _of("`ipcInfo` for the whole pod; no `seccomp` here.", {"ipcInfo": {"mode": "PRIVATE"}}),
        "legacySharedCgroups": _of(
            "The containers share their executor's cgroup; nothing can have `resourceLimits` then.", True, "false"
        ),
        "dependencies": _of(
            "Pods that this one needs: it starts, and is updated, when they are ready; they are not removed before it.",
            ["/shop/db"],
        ),
        "portEnvironment": _of(
            'Give containers `PORT0`, `PORTS`, `PORT_<NAME>` too. The label `portEnvironment: "true"` does the same.',
            True,
            "as the label says",
        ),
    },
    "Secret": {"source": _of("Where the scheduler's secret source finds the value.", "/db/password")},
    "EnvironmentSecret": {"secret": _of("A key of the pod's `secrets`.", "db")},
    "Scaling": {
        "kind": _of("Always `fixed`.", "fixed"),
        "instances": _of("How many instances run.", 3),
    },
    "Container": {
        "name": _of("The container's name, unique in the pod.", "web"),
        "exec": _of("What to run.", {"command": {"shell": "sleep 100"}}, "what the image says"),
        "resources": _of("What the container is guaranteed; `{}` takes all defaults.", {"cpus": 0.5, "mem": "64mb"}),
        "resourceLimits": _of("How far it may go beyond that.", {"cpus": "unlimited", "mem": "1g"}, "no further"),
        "endpoints": _of("Its ports. Names and fixed ports are unique in the pod.", [{"name": "http", "hostPort": 0}]),
        "image": _of("What it is unpacked from.", {"kind": "DOCKER", "id": "nginx:1"}, "the agent's own files"),
        "environment": _of("Variables, on top of the pod's.", _ENVIRONMENT),
        "user": _of("User the container runs as: a name that agents know.", "nobody", "the pod's `user`"),
        "healthCheck": _of("Ends the pod's instance when it fails.", {"tcp": {"endpoint": "http"}}),
        "healthChecks": _of(
            "More health checks, each judged by itself; the container is healthy if all are.",
            [{"exec": {"command": {"shell": "test -e alive"}}}],
        ),
        "check": _of("Reports whether the container is ready; ends nothing.", {"tcp": {"endpoint": "http"}}),
        "readinessCheck": _of(
            "Tells when the container can be used: deployments wait for it, other containers may, nothing ends by it.",
            {"http": {"endpoint": "http", "path": "/ready"}},
            "ready by its `check` or, without one, while it runs",
        ),
        "restartPolicy": _of(
            "Start it again in place when it ended by itself, could not be launched, was unhealthy or ran too long: "
            "`never`, `onFailure` (not if it exited with 0), `always`. In any case.",
            "onFailure",
            "`never`",
        ),
        "restarts": _of("How often and how soon it is started again.", {"limit": 5}, "the defaults of Restarts"),
        "essential": _of(
            "With `false` its end does not end the pod's instance, and it is ended when all essential containers have. "
            "At least one container is essential.",
            False,
            "true",
        ),
        "dependsOn": _of(
            "Containers that must have come so far before it starts. Containers stop in the reverse order. No circles.",
            [{"container": "db", "condition": "ready"}],
        ),
        "maxRunSeconds": _of(
            "A run that takes longer is killed at once and has failed; seconds, also fractions.", 3600, "no end"
        ),
        "linuxInfo": _of("Settings of the kernel.", {"seccomp": {"unconfined": True}}),
        "tty": _of("Give it a terminal.", True, "false"),
        "volumeMounts": _of("Where it sees volumes of the pod.", [{"name": "data", "mountPath": "/data"}]),
        "artifacts": _of("Files fetched before it starts.", [{"uri": "https://example.com/app.tgz"}]),
        "labels": _of("For people and tools; on top of the pod's.", _LABELS),
        "lifecycle": _of("How it ends.", {"killGracePeriodSeconds": 10}),
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
        "cpus": _of("CPUs, in shares of one.", 0.5),
        "mem": _of("Memory in MiB, or a size such as `64mb`.", "64mb"),
        "disk": _of("Disk of the sandbox in MiB, or a size.", "1g"),
        "gpus": _of("Whole GPUs.", 1),
    },
    "ResourceLimits": {
        "cpus": _of("CPUs, at least `resources.cpus`, or `unlimited`.", 2, "no further than the resources"),
        "mem": _of("MiB or a size, at least `resources.mem`; or `unlimited`.", "1g", "no further than the resources"),
    },
    "ExecutorResources": {
        "cpus": _of("CPUs.", 0.2),
        "mem": _of("Memory in MiB, or a size.", "64mb"),
        "disk": _of("Disk in MiB, or a size.", "10mb"),
    },
    "Endpoint": {
        "name": _of("The port's name, unique in the pod; in variables as `ENDPOINT_<NAME>`.", "http"),
        "containerPort": _of(
            "The port inside the container, unique in the pod; 0: the host port. "
            "Required on container networks, and must be absent on the host's.",
            80,
        ),
        "hostPort": _of(
            "The port of the agent, unique in the pod; 0: any free one.",
            0,
            "0; on container networks none",
        ),
        "protocol": _of("Which protocols, each once.", ["tcp"], "tcp"),
        "labels": _of("For service discovery, such as `VIP_0`.", {"VIP_0": "/web:80"}),
        "networkNames": _of(
            "Which of the pod's container networks; exactly one where there are several and a `hostPort`.",
            ["dcos"],
            "all",
        ),
    },
    "Image": {
        "kind": _of("Always `DOCKER`, in any case.", "DOCKER"),
        "id": _of("The image's name.", "nginx:1"),
        "pullConfig": _of("The registry's credentials.", {"secret": "registry"}),
        "forcePull": _of("Fetch it even if the agent has it.", True, "false"),
        "labels": _of("For people and tools; not sent to Mesos.", _LABELS),
    },
    "PullConfig": {"secret": _of("A key of `secrets`; the value is a Docker `config.json`.", "registry")},
    "HealthCheck": _CHECKS
    | {
        "gracePeriodSeconds": _of("How long failures do not count after the start; seconds.", 30),
        "intervalSeconds": _of("From one check to the next; seconds.", 10),
        "maxConsecutiveFailures": _of("So many failures in a row end the container.", 3),
        "timeoutSeconds": _of("A check without an answer failed; seconds, less than `intervalSeconds`.", 5),
        "delaySeconds": _of("Before the first check; seconds.", 2),
    },
    "Check": _CHECKS
    | {
        "intervalSeconds": _of("From one check to the next; seconds.", 10),
        "timeoutSeconds": _of("A check without an answer says nothing; seconds.", 5),
        "delaySeconds": _of("Before the first check; seconds.", 2),
    },
    "ReadinessCheck": _CHECKS
    | {
        "intervalSeconds": _of("From one check to the next; seconds.", 2),
        "maxConsecutiveFailures": _of("So many failures in a row, and it is no longer ready.", 1),
        "timeoutSeconds": _of("A check without an answer failed; seconds.", 1),
        "delaySeconds": _of("Before the first check; seconds.", 2),
    },
    "Dependency": {
        "container": _of("Another container of the pod.", "db"),
        "condition": _of(
            "`started`: it runs. `ready`: its readiness check and `check` pass; without any, it is healthy, or runs. "
            "`succeeded`: it ended with 0; not with `restartPolicy: always`. In any case.",
            "succeeded",
        ),
    },
    "Restarts": {
        "limit": _of("So many restarts in a row, then it ends as without restarts.", 5, "no limit"),
        "backoffSeconds": _of("The first wait; seconds.", 0.5),
        "backoffFactor": _of("Each further wait is so many times the last.", 1.5),
        "maxBackoffSeconds": _of("The longest wait; seconds.", 60),
        "resetAfterSeconds": _of("A run that lasts so long makes `limit` and waits begin anew; seconds.", 60),
    },
    "PreStop": {
        "command": _of(
            "Run in the container; SIGTERM follows when it ends, SIGKILL when the grace period does.",
            {"shell": "./drain"},
        )
    },
    "HttpCheck": {
        "endpoint": _of("An endpoint of this container.", "http"),
        "path": _of("What to ask for; starts with a slash.", "/health", "/"),
        "scheme": _of("`HTTP` or `HTTPS`, in any case.", "HTTPS"),
    },
    "TcpCheck": {"endpoint": _of("An endpoint of this container.", "http")},
    "CommandCheck": {"command": _of("Fine if it exits with 0.", {"shell": "test -e ready"})},
    "LinuxInfo": {
        "seccomp": _of("Which system calls are allowed; exactly one of its two ways.", {"unconfined": True}),
        "ipcInfo": _of("System V IPC and /dev/shm.", {"mode": "PRIVATE", "shmSize": 64}),
    },
    "Seccomp": {
        "profileName": _of("A profile that the agents have.", "default.json"),
        "unconfined": _of("All system calls.", True),
    },
    "IpcInfo": {
        "mode": _of("`PRIVATE`: its own; `SHARE_PARENT`: the pod's, or for the pod the agent's.", "PRIVATE"),
        "shmSize": _of("Size of /dev/shm in MiB, or as text; with `PRIVATE` only.", "64mb", "the agent's default"),
    },
    "VolumeMount": {
        "name": _of("A volume of the pod.", "data"),
        "mountPath": _of("Where the container sees it; a relative path lies in the sandbox.", "/data"),
        "readOnly": _of("The container cannot write to it.", True),
    },
    "Artifact": {
        "uri": _of("Where the agent fetches it.", "https://example.com/app.tgz"),
        "extract": _of("Unpack an archive.", False),
        "executable": _of("Make it executable.", True),
        "cache": _of("Keep it in the agent's cache.", True),
        "destPath": _of("Its name in the sandbox.", "app.tgz", "as the URI ends"),
    },
    "Lifecycle": {
        "killGracePeriodSeconds": _of(
            "From SIGTERM, or from the beginning of `preStop`, to SIGKILL; seconds, also fractions.",
            2.5,
            "the executor's 3 s",
        ),
        "preStop": _of("A command that prepares its end.", {"command": {"shell": "./drain"}}),
    },
    "Volume": {
        "name": _of("The volume's name, unique in the pod.", "data"),
        "host": _of("A path of the agent's; a relative one lies in the executor's sandbox.", "/srv/data"),
        "persistent": _of("Keep it on the agent from launch to launch.", {"size": "1g"}),
        "secret": _of("A key of `secrets`: its value in a file.", "db"),
    },
    "PersistentVolume": {
        "type": _of(
            "`root`: the agent's main disk; `path`: part of another; `mount`: a whole one.",
            "path",
            "`root`; with a profile `mount`",
        ),
        "size": _of("MiB, or a size; at least 1.", "1g"),
        "maxSize": _of("The largest disk to take, for type `mount`; MiB or a size.", "10g"),
        "profileName": _of("The storage profile of the disk.", "fast"),
        "constraints": _of(
            "Which disks, by their path: `LIKE` or `UNLIKE` a regular expression.", [["path", "LIKE", "/mnt/ssd.*"]]
        ),
    },
    "Network": {
        "name": _of(
            "Of mode `container` only: the name of the CNI network.", "dcos", "the scheduler's `--default-network-name`"
        ),
        "mode": _of("`container`, `container/bridge` or `host`, in any case.", "host"),
        "labels": _of("Passed to the network; not for `host`.", _LABELS),
    },
    "Scheduling": {
        "backoff": _of("How long an ended instance waits for its relaunch.", {"backoff": 5}),
        "upgrade": _of(
            "How an update replaces instances.", {"minimumHealthCapacity": 0.5}, "for resident pods 0.5 and 0"
        ),
        "placement": _of("Where instances run.", {"constraints": [{"fieldName": "@hostname", "operator": "UNIQUE"}]}),
        "killSelection": _of("Which instances end first when there are too many.", "OLDEST_FIRST"),
        "unreachableStrategy": _of(
            "What happens to instances on agents that cannot be reached; or `disabled`.",
            {"inactiveAfterSeconds": 60, "expungeAfterSeconds": 600},
            "for resident pods `disabled`",
        ),
    },
    "Backoff": {
        "backoff": _of("The first wait; seconds.", 5),
        "backoffFactor": _of("Each further wait is so many times the last.", 2),
        "maxLaunchDelay": _of("The longest wait; seconds.", 60),
    },
    "Upgrade": {
        "minimumHealthCapacity": _of("The part of the instances that stays healthy during an update.", 0.5),
        "maximumOverCapacity": _of("The part of the instances that may run on top of them; resident pods: 0.", 0),
    },
    "Placement": {
        "constraints": _of("All of them hold.", [{"fieldName": "rack", "operator": "LIKE", "value": "a|b"}]),
        "acceptedResourceRoles": _of("Whose resources to take: `*` and the pod's role.", ["*"], "both"),
    },
    "Constraint": {
        "fieldName": _of("`@hostname`, `@region`, `@zone`, or an attribute of the agents; not empty.", "rack"),
        "operator": _of("How the field and the value have to meet, in any case.", "LIKE"),
        "value": _of(
            "Always a text. `UNIQUE`: none; `MAX_PER`: a number; `GROUP_BY`: a number or none; "
            "`LIKE`, `UNLIKE`: a regular expression; `IS`: letters, digits, `_/.-`.",
            "a|b",
        ),
    },
    "UnreachableStrategy": {
        "inactiveAfterSeconds": _of("So long unreachable, and another instance starts; seconds.", 60),
        "expungeAfterSeconds": _of("So long unreachable, and the instance is forgotten; seconds.", 600),
    },
}
