"""Small, valid definitions for tests, and a way to change one at a path."""

import copy
from typing import Any

from scheduler.model.problems import Problems
from scheduler.model.rules import Site

SITE = Site(role="*")

MINIMAL: dict[str, Any] = {"id": "/pod", "containers": [{"name": "one", "resources": {}}]}

FULL: dict[str, Any] = {
    "id": "/product/frontend",
    "labels": {"team": "a b"},
    "user": "nobody",
    "environment": {"MODE": "prod", "PASSWORD": {"secret": "db"}},
    "secrets": {"db": {"source": "/db/password"}, "registry": {"source": "/registry"}},
    "linuxInfo": {"ipcInfo": {"mode": "private", "shmSize": "64mb"}},
    "portEnvironment": True,
    "networks": [{"mode": "container", "name": "dcos", "labels": {"k": "v"}}],
    "containers": [
        {
            "name": "web",
            "resources": {"cpus": 0.5, "mem": 64},
            "image": {
                "kind": "DOCKER",
                "id": "nginx:1",
                "forcePull": True,
                "labels": {"x": "y"},
                "pullConfig": {"secret": "registry"},
            },
            "endpoints": [
                {
                    "name": "http-main",
                    "containerPort": 80,
                    "hostPort": 0,
                    "protocol": ["tcp"],
                    "labels": {"VIP_0": "/f:80"},
                    "networkNames": ["dcos"],
                }
            ],
            "healthCheck": {"http": {"endpoint": "http-main", "path": "/", "scheme": "https"}},
            "volumeMounts": [{"name": "scratch", "mountPath": "data"}],
            "environment": {"MODE": "web"},
            "artifacts": [{"uri": "http://example.test/a.tgz", "destPath": "a"}],
            "lifecycle": {"killGracePeriodSeconds": 2.5},
            "check": {"exec": {"command": {"shell": "true"}}, "intervalSeconds": 5},
            "linuxInfo": {"seccomp": {"profileName": "strict"}, "ipcInfo": {"mode": "SHARE_PARENT"}},
            "resourceLimits": {"cpus": "Unlimited", "mem": "1g"},
            "tty": True,
            "labels": {"tier": "front"},
        },
        {
            "name": "side",
            "resources": {"cpus": 0.1, "mem": 32, "disk": 5, "gpus": 1},
            "exec": {"command": {"argv": ["sleep", "100"]}, "overrideEntrypoint": True},
            "volumeMounts": [
                {"name": "scratch", "mountPath": "/data", "readOnly": True},
                {"name": "etc", "mountPath": "/host-etc"},
                {"name": "password", "mountPath": "password"},
            ],
            "user": "root",
        },
    ],
    "volumes": [{"name": "scratch"}, {"name": "etc", "host": "/etc"}, {"name": "password", "secret": "db"}],
    "scaling": {"kind": "fixed", "instances": 2},
    "scheduling": {
        "backoff": {"backoff": 2, "maxLaunchDelay": 60},
        "killSelection": "oldest_first",
        "placement": {
            "constraints": [{"fieldName": "rack", "operator": "max_per", "value": "2"}],
            "acceptedResourceRoles": ["*"],
        },
        "unreachableStrategy": {"inactiveAfterSeconds": 5, "expungeAfterSeconds": 10},
    },
    "executorResources": {"cpus": 0.2},
}


def changed(definition: dict[str, Any], path: str, value: Any = ...) -> dict[str, Any]:
    """A copy with the member at a path (``containers.0.name``) set, or without a value removed."""
    result: dict[str, Any] = copy.deepcopy(definition)
    holder: Any = result
    *steps, last = path.split(".")
    for step in steps:
        holder = holder[int(step)] if isinstance(holder, list) else holder.setdefault(step, {})
    if value is ...:
        del holder[last]
    else:
        holder[int(last) if isinstance(holder, list) else last] = value
    return result


def found(problems: object) -> set[tuple[str, str]]:
    """The problems as pairs of path and error."""
    assert isinstance(problems, Problems), f"no problem was found: {problems}"
    return {(problem.path, problem.error) for problem in problems.items}
