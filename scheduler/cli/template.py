"""``podexec pod init``: a commented pod definition to begin with."""

import re
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError


class Part(StrEnum):
    """Optional parts of the template."""

    NETWORK = "network"
    HEALTH = "health"
    READINESS = "readiness"
    IMAGE = "image"
    VOLUME = "volume"
    SECRET = "secret"
    SIDECAR = "sidecar"
    PLACEMENT = "placement"
    UPGRADE = "upgrade"


def init(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A new file; without it, the template is printed.")
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="PART,…",
            help=f"Include these parts, of {', '.join(Part)}; or all.",
        ),
    ] = None,
    pod_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="The pod's id.")] = None,
) -> None:
    """Print a commented pod definition to begin with, or write it to a new file. Needs no scheduler."""
    chosen = _chosen(parts or ())
    text = template(chosen, _id(pod_id, with_role=Part.VOLUME in chosen))
    if file is None:
        screen.data(text, end="")
        return
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError as error:
        raise CommandError(f"{file} exists", advice="Choose another name: nothing is overwritten.", code=2) from error
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror or error}", code=2) from error
    screen.say(f"{file} is written.")
    screen.tell(f"When it is as you want it: podexec pod validate {file} && podexec pod add {file} --wait")


def _id(given: str | None, *, with_role: bool) -> str:
    """The pod's id. ``with_role``: it must be in a group, whose role the pod has. Raises CommandError."""
    from scheduler.model.ids import PATTERN

    if given is None:
        return "/my-group/my-pod" if with_role else "/my-pod"
    pod_id = f"/{given.strip('/')}"
    if pod_id == "/" or not re.fullmatch(PATTERN, pod_id):
        allowed = "lower-case letters, digits and inner dashes, with dots and slashes in between"
        raise CommandError(f"{given!r} is not the id of a pod: it must consist of {allowed}", code=2)
    if with_role and pod_id.count("/") < 2:
        raise CommandError(
            f"{pod_id} cannot have a persistent volume: resources are reserved for a role, and it is in no group",
            advice=f"Choose an id in a group, whose name is the role: --id /my-group{pod_id}",
            code=2,
        )
    return pod_id


def _chosen(given: Collection[str]) -> frozenset[Part]:
    words = [word for each in given for word in each.split(",") if word]
    if "all" in words:
        return frozenset(Part)
    unknown = [word for word in words if word not in set(Part)]
    if unknown:
        raise CommandError(f"--with {unknown[0]!r}: the parts are {', '.join(Part)}; or all", code=2)
    return frozenset(map(Part, words))


def template(parts: Collection[Part], pod_id: str) -> str:
    """The definition in YAML."""
    role = _ROLE.format(role=pod_id.split("/")[1]) if Part.VOLUME in parts else ""
    pieces = [_HEAD.format(pod_id=pod_id, role=role), *(text for part, text in _OF_POD if part in parts)]
    if any(part in parts for part, _ in _OF_SCHEDULING):
        pieces += ["scheduling:\n", *(text for part, text in _OF_SCHEDULING if part in parts)]
    pieces += [_VOLUMES] if Part.VOLUME in parts else []
    serves = Part.NETWORK in parts
    pieces += ["\n", _CONTAINER, _IMAGE if Part.IMAGE in parts else "", _SERVES if serves else _SLEEPS]
    for part, with_network, without in _CHECKS:
        pieces += [with_network if serves else without] if part in parts else []
    pieces += [_MOUNT] if Part.VOLUME in parts else []
    pieces += [_SIDECAR] if Part.SIDECAR in parts else []
    return "".join(pieces)


_HEAD = """\
# A pod: containers that are launched together on one agent.
# 'podexec pod explain FIELD' explains every field, e.g. 'podexec pod explain containers.resources'.
id: {pod_id}
{role}scaling:
  kind: fixed
  instances: 1
# Variables of all containers; values are strings, so quote numbers.
environment:
  MODE: production
"""
_ROLE = """\
# Persistent volumes are reserved for a role: here that of the group.
role: {role}
"""
_SECRETS = """\
  PASSWORD: {secret: password}
secrets:
  # Where the scheduler's --secrets-source finds the value.
  password: {source: my-pod/password}
"""
_NETWORK = """\
# The agent's own network. Others: {mode: container/bridge}, {mode: container, name: NAME}.
networks:
  - mode: host
"""
_OF_POD = ((Part.SECRET, _SECRETS), (Part.NETWORK, _NETWORK))
_UPGRADE = """\
  # How an update replaces instances: fractions of them that stay healthy, and that may run in addition.
  upgrade:
    minimumHealthCapacity: 0.5
    maximumOverCapacity: 0
"""
_PLACEMENT = """\
  # At most one instance on each agent. Attributes of agents can be named, too.
  placement:
    constraints:
      - {fieldName: "@hostname", operator: UNIQUE}
"""
_OF_SCHEDULING = ((Part.UPGRADE, _UPGRADE), (Part.PLACEMENT, _PLACEMENT))
_VOLUMES = """\
volumes:
  # Stays with its instance: the instance is relaunched where its data is.
  - name: data
    persistent: {size: 64mb}
"""
_CONTAINER = """\
containers:
  - name: main
    resources:
      cpus: 0.1
      # MiB, or with a unit, e.g. 1gb.
      mem: 32
"""
_IMAGE = """\
    image:
      kind: DOCKER
      id: python:3-slim
"""
_SLEEPS = """\
    exec:
      command:
        shell: touch alive; exec sleep 1000
"""
_SERVES = """\
    # Mesos chooses a port, and ENDPOINT_HTTP tells the containers which one.
    endpoints:
      - name: http
        hostPort: 0
        protocol: [tcp]
    exec:
      command:
        shell: exec python3 -m http.server $ENDPOINT_HTTP
"""
_HEALTH_HTTP = """\
    # The container is killed after three failures in a row, but not in its first minute.
    healthCheck:
      http: {endpoint: http, path: /}
      gracePeriodSeconds: 60
      intervalSeconds: 10
      maxConsecutiveFailures: 3
      timeoutSeconds: 5
"""
_HEALTH_COMMAND = _HEALTH_HTTP.replace("http: {endpoint: http, path: /}", 'exec: {command: {shell: "test -e alive"}}')
_READINESS_HTTP = """\
    # An update waits until new instances are ready.
    readinessCheck:
      http: {endpoint: http, path: /}
      intervalSeconds: 2
"""
_READINESS_COMMAND = _READINESS_HTTP.replace(
    "http: {endpoint: http, path: /}", 'exec: {command: {shell: "test -e alive"}}'
)
_CHECKS = (
    (Part.HEALTH, _HEALTH_HTTP, _HEALTH_COMMAND),
    (Part.READINESS, _READINESS_HTTP, _READINESS_COMMAND),
)
_MOUNT = """\
    volumeMounts:
      - {name: data, mountPath: data}
"""
_SIDECAR = """\
  # Helps the others: it is restarted alone, and the pod does not end with it.
  - name: sidecar
    resources: {cpus: 0.1, mem: 32}
    essential: false
    restartPolicy: always
    exec:
      command:
        shell: exec sleep 1000
"""
