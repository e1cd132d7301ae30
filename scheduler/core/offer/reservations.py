"""Reservations and persistent volumes of one instance as Mesos v1 JSON, and the operations that make and remove them.

The labels of a reservation, which are Marathon's, name the instance and the framework that it belongs to. Nothing else
may use resources with these labels. Each operation is for one resource provider only, the agent itself or another:
Mesos refuses mixed ones.
"""

from collections.abc import Iterable, Sequence

from scheduler.core import mesos_json
from scheduler.model.json import Json
from scheduler.model.records import LocalVolume

_FRAMEWORK = "marathon_framework_id"
_INSTANCE = "marathon_task_id"


def kept_for(resource: Json) -> str | None:
    """The instance, or Marathon's task, that a resource is reserved for; None: for none in particular."""
    return _labels(resource).get(_INSTANCE) if "reservations" in resource else None


def kept_by(resource: Json) -> str | None:
    """The framework that reserved the resource."""
    return _labels(resource).get(_FRAMEWORK)


def volume_of(resource: Json) -> LocalVolume | None:
    """The persistent volume on a resource, if there is one."""
    disk = resource.get("disk", {})
    if "persistence" not in disk:
        return None
    return LocalVolume(disk["volume"]["container_path"], disk["persistence"]["id"])


def reserved(resource: Json, role: str, principal: str | None, framework_id: str, instance_id: str) -> Json:
    """An unreserved resource in the form it has once it is reserved for an instance."""
    reservation = {
        "type": "DYNAMIC",
        "role": role,
        **_owned_by(principal),
        "labels": mesos_json.labels({_FRAMEWORK: framework_id, _INSTANCE: instance_id}),
    }
    return {**{key: value for key, value in resource.items() if key != "role"}, "reservations": [reservation]}


def with_volume(resource: Json, volume: LocalVolume, principal: str | None) -> Json:
    """A reserved disk in the form it has once the volume is created on it."""
    where = {
        "persistence": {"id": volume.persistence_id, **_owned_by(principal)},
        "volume": {"container_path": volume.name, "mode": "RW"},
    }
    return {**resource, "disk": {**resource.get("disk", {}), **where}}


def making(resources: Iterable[Json], volumes: Iterable[Json]) -> tuple[Json, ...]:
    """The operations that reserve these resources, and create these volumes on some of them."""
    return (
        *(_operation("RESERVE", "resources", each) for each in _by_provider(resources)),
        *(_operation("CREATE", "volumes", each) for each in _by_provider(volumes)),
    )


def giving_back(resources: Sequence[Json]) -> tuple[Json, ...]:
    """The operations that destroy the volumes on these resources, including their data, and unreserve them."""
    volumes = [each for each in resources if volume_of(each) is not None]
    return (
        *(_operation("DESTROY", "volumes", each) for each in _by_provider(volumes)),
        *(_operation("UNRESERVE", "resources", each) for each in _by_provider(map(_without_volume, resources))),
    )


def _without_volume(resource: Json) -> Json:
    if volume_of(resource) is None:
        return resource
    disk = {key: value for key, value in resource["disk"].items() if key not in ("persistence", "volume")}
    bare = {key: value for key, value in resource.items() if key != "disk"}
    return {**bare, "disk": disk} if disk else bare


def _by_provider(resources: Iterable[Json]) -> Iterable[list[Json]]:
    groups: dict[str, list[Json]] = {}
    for resource in resources:
        groups.setdefault(resource.get("provider_id", {}).get("value", ""), []).append(resource)
    return groups.values()


def _operation(kind: str, members: str, resources: list[Json]) -> Json:
    return {"type": kind, kind.lower(): {members: resources}}


def _owned_by(principal: str | None) -> Json:
    return {} if principal is None else {"principal": principal}


def _labels(resource: Json) -> dict[str, str]:
    return {
        label["key"]: label.get("value", "")
        for reservation in resource.get("reservations", ())
        for label in reservation.get("labels", {}).get("labels", ())
    }
