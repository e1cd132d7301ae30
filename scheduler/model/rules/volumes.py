"""Rules for volumes: each is of one kind, declared once and mounted; disks make sense."""

from collections.abc import Iterator

from scheduler.model.definition import PersistentVolume, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.placement import pattern_problems
from scheduler.model.rules.site import Site, located, repeated


def _volumes(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    declared = [volume.name for volume in definition.volumes]
    mounted = {mount.name for container in definition.containers for mount in container.volume_mounts}
    for name in repeated(declared):
        yield Problem("/volumes", f"volume names must be unique: {name}")
    for index, volume in enumerate(definition.volumes):
        if volume.name not in mounted:
            yield Problem(f"/volumes({index})", f"no container mounts volume {volume.name}")
        if sum(kind is not None for kind in (volume.host, volume.persistent, volume.secret)) > 1:
            yield Problem(f"/volumes({index})", "at most one of host, persistent and secret is allowed")


def _mounts(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    declared = {volume.name for volume in definition.volumes}
    for at, container in located(definition):
        for index, mount in enumerate(container.volume_mounts):
            if mount.name not in declared:
                yield Problem(f"{at}/volumeMounts({index})/name", f"the pod has no volume {mount.name}")


def _disks(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for index, volume in enumerate(definition.volumes):
        if volume.persistent is not None:
            yield from _disk(f"/volumes({index})/persistent", volume.persistent)


def _disk(at: str, volume: PersistentVolume) -> Iterator[Problem]:
    kind = volume.type or volume.default_type
    if volume.size == 0:
        yield Problem(f"{at}/size", "must be at least 1")
    if volume.max_size is not None and kind != "mount":
        yield Problem(f"{at}/maxSize", f"is only for type mount; a volume of type {kind} has exactly its size")
    if volume.max_size is not None and volume.max_size < volume.size:
        yield Problem(f"{at}/maxSize", f"must be at least size, {volume.size}")
    patterns: list[tuple[str, str]] = []
    for index, constraint in enumerate(volume.constraints):
        match constraint:
            case ("path", operator, pattern) if operator.upper() in ("LIKE", "UNLIKE"):
                patterns.append((f"{at}/constraints({index})", pattern))
            case _:
                yield Problem(
                    f"{at}/constraints({index})", 'must be ["path", "LIKE" or "UNLIKE", a regular expression]'
                )
    yield from pattern_problems(patterns, f"{at}/constraints")


RULES = (_volumes, _mounts, _disks)
