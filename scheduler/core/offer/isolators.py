"""The isolators that a definition needs on its agent.

Without them its launch would fail, or would ignore settings: Mesos ignores those whose isolator is missing.
"""

from collections.abc import Collection, Iterator

from scheduler.model.definition import Container, IpcInfo, PodDefinition, Volume

_FILESYSTEM = frozenset({"filesystem/linux"})
_HOST_VOLUMES = frozenset({"filesystem/linux", "volume/host_path"})
_SHARED_VOLUMES = frozenset({"volume/sandbox_path", "filesystem/linux"})
_SECRET_VOLUMES = frozenset({"volume/secret"})
_IMAGES = frozenset({"docker/runtime"})
_CONTAINER_NETWORKS = frozenset({"network/cni"})
_SECCOMP = frozenset({"linux/seccomp"})
_IPC = frozenset({"namespaces/ipc"})
_GPUS = frozenset({"gpu/nvidia"})
_LIMITS = {"cpus": frozenset({"cgroups/cpu", "cgroups/all"}), "mem": frozenset({"cgroups/mem", "cgroups/all"})}

# (path in the definition, the feature, the isolators of which one is needed)
_Need = tuple[str, str, frozenset[str]]


def problems(agents: Collection[frozenset[str]], definition: PodDefinition) -> tuple[tuple[str, str], ...]:
    """(path, message) for each feature that none of the agents, given by their isolators, supports.

    Without any known agent there are no problems.
    """
    if not agents:
        return ()
    return tuple(
        (
            path,
            f"no agent of this cluster supports this: {what} needs the isolator {' or '.join(sorted(any_of))}",
        )
        for path, what, any_of in _needs(definition)
        if not any(any_of & isolators for isolators in agents)
    )


def needs(definition: PodDefinition) -> frozenset[frozenset[str]]:
    """Sets of isolators; an agent must have one of each set."""
    return frozenset(any_of for _, _, any_of in _needs(definition))


def _needs(definition: PodDefinition) -> Iterator[_Need]:
    for index, volume in enumerate(definition.volumes):
        yield from _of_volume(f"/volumes({index})", volume)
    if definition.linux_info is not None:
        yield from _of_ipc("/linuxInfo/ipcInfo", definition.linux_info.ipc_info)
    for index, container in enumerate(definition.containers):
        yield from _of_container(f"/containers({index})", container, definition)
    for index, network in enumerate(definition.networks):
        if network.mode != "host":
            yield f"/networks({index})/mode", f"a {network.mode} network", _CONTAINER_NETWORKS


def _of_volume(at: str, volume: Volume) -> Iterator[_Need]:
    if volume.host is not None:
        yield f"{at}/host", "a host volume", _HOST_VOLUMES
    elif volume.secret is not None:
        yield f"{at}/secret", "a secret volume", _SECRET_VOLUMES
    else:
        yield at, "a volume shared by containers", _SHARED_VOLUMES


def _of_container(at: str, container: Container, definition: PodDefinition) -> Iterator[_Need]:
    if container.image is not None:
        yield f"{at}/image", "an image", _IMAGES
    if container.resources.gpus:
        yield f"{at}/resources/gpus", "a GPU", _GPUS
    if container.resource_limits is not None:
        for name, isolators in _LIMITS.items():
            if getattr(container.resource_limits, name) is not None:
                yield f"{at}/resourceLimits/{name}", f"a limit on {name}", isolators
    if container.linux_info is not None:
        yield from _of_ipc(f"{at}/linuxInfo/ipcInfo", container.linux_info.ipc_info)
        seccomp = container.linux_info.seccomp
        if seccomp is not None and seccomp.profile_name is not None:
            yield f"{at}/linuxInfo/seccomp", "a seccomp profile", _SECCOMP
    kept_in_sandbox = {volume.name for volume in definition.volumes if volume.host is None}
    for index, mount in enumerate(container.volume_mounts):
        if mount.name in kept_in_sandbox and mount.mount_path.startswith("/"):
            yield f"{at}/volumeMounts({index})/mountPath", "a volume at an absolute path", _FILESYSTEM


def _of_ipc(at: str, asked: IpcInfo | None) -> Iterator[_Need]:
    """Sharing the parent's namespace needs no isolator."""
    if asked is not None and asked.mode == "PRIVATE":
        yield at, "an IPC namespace of its own", _IPC
