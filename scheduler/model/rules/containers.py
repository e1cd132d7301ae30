"""Rules for resource limits and Linux settings of containers."""

from collections.abc import Iterator

from scheduler.model.definition import LinuxInfo, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.defaults import named
from scheduler.model.rules.site import Site, located


def _limits(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        limits = container.resource_limits
        if limits is None:
            continue
        if definition.legacy_shared_cgroups:
            yield Problem(f"{at}/resourceLimits", "must be absent: legacySharedCgroups rules out limits")
        for key, limit, asked in (
            ("cpus", limits.cpus, container.resources.cpus),
            ("mem", limits.mem, container.resources.mem),
        ):
            if isinstance(limit, float) and limit < asked:
                least = named(container.resources, key, f"resources.{key}")
                yield Problem(f"{at}/resourceLimits/{key}", f"must be unlimited or at least {least}")


def _linux_settings(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if definition.linux_info is not None:
        if definition.linux_info.seccomp is not None:
            yield Problem("/linuxInfo/seccomp", "must be absent: seccomp can only be set for containers")
        yield from _ipc("/linuxInfo", definition.linux_info)
    for at, container in located(definition):
        if container.linux_info is not None:
            yield from _seccomp(f"{at}/linuxInfo", container.linux_info)
            yield from _ipc(f"{at}/linuxInfo", container.linux_info)


def _seccomp(at: str, linux: LinuxInfo) -> Iterator[Problem]:
    seccomp = linux.seccomp
    if seccomp is None:
        return
    if seccomp.unconfined and seccomp.profile_name is not None:
        yield Problem(f"{at}/seccomp", "profileName must be absent if unconfined is true")
    if not seccomp.unconfined and seccomp.profile_name is None:
        yield Problem(f"{at}/seccomp", "either profileName or unconfined: true is required")


def _ipc(at: str, linux: LinuxInfo) -> Iterator[Problem]:
    ipc = linux.ipc_info
    if ipc is not None and ipc.mode == "SHARE_PARENT" and ipc.shm_size is not None:
        yield Problem(f"{at}/ipcInfo", "shmSize must be absent for mode SHARE_PARENT: the size is the parent's")


RULES = (_limits, _linux_settings)
