"""What a definition needs of an agent beyond resources: the isolators without which its launch would fail."""

from scheduler.core.world import World
from scheduler.model.definition import PodDefinition

_HOST_VOLUMES = frozenset({"filesystem/linux", "volume/host_path"})
_IMAGES = frozenset({"docker/runtime"})
_CONTAINER_NETWORKS = frozenset({"network/cni"})


def problems(world: World, definition: PodDefinition) -> tuple[tuple[str, str], ...]:
    """(path, message) for each thing that none of the known agents could do. No known agent: no problem."""
    if not world.isolators:
        return ()
    return tuple(
        (
            path,
            f"no agent of this cluster can do this: {what} needs the isolator {' or '.join(sorted(any_of))}",
        )
        for path, what, any_of in _needs(definition)
        if not any(any_of & isolators for isolators in world.isolators.values())
    )


def can_run(world: World, agent_id: str, definition: PodDefinition) -> bool:
    """Whether an agent has all the definition needs. One that is not described yet is trusted."""
    isolators = world.isolators.get(agent_id)
    return isolators is None or all(any_of & isolators for _, _, any_of in _needs(definition))


def _needs(definition: PodDefinition) -> list[tuple[str, str, frozenset[str]]]:
    needs = [
        (f"/volumes({index})/host", "a host volume", _HOST_VOLUMES)
        for index, volume in enumerate(definition.volumes)
        if volume.host is not None
    ]
    needs += [
        (f"/containers({index})/image", "an image", _IMAGES)
        for index, container in enumerate(definition.containers)
        if container.image is not None
    ]
    needs += [
        (f"/networks({index})/mode", f"a {network.mode} network", _CONTAINER_NETWORKS)
        for index, network in enumerate(definition.networks)
        if network.mode != "host"
    ]
    return needs
