"""What a container asks of its agent and how it is looked after: limits, Linux settings, health checks and checks."""

from collections.abc import Iterator

from scheduler.model.definition import Check, Container, HealthCheck, LinuxInfo, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site, located


def _limits(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        limits = container.resource_limits
        if limits is None:
            continue
        if definition.legacy_shared_cgroups:
            yield Problem(f"{at}/resourceLimits", "must be absent: with legacySharedCgroups nothing can be limited")
        for key, limit, asked in (
            ("cpus", limits.cpus, container.resources.cpus),
            ("mem", limits.mem, container.resources.mem),
        ):
            if isinstance(limit, float) and limit < asked:
                yield Problem(f"{at}/resourceLimits/{key}", f"must be unlimited or at least the {asked:g} of resources")


def _linux_settings(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if definition.linux_info is not None:
        if definition.linux_info.seccomp is not None:
            yield Problem("/linuxInfo/seccomp", "must be absent: seccomp is set for each container")
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
        yield Problem(f"{at}/seccomp", "profileName must be absent where unconfined is true")
    if not seccomp.unconfined and seccomp.profile_name is None:
        yield Problem(f"{at}/seccomp", "either profileName or unconfined: true is required")


def _ipc(at: str, linux: LinuxInfo) -> Iterator[Problem]:
    ipc = linux.ipc_info
    if ipc is not None and ipc.mode == "SHARE_PARENT" and ipc.shm_size is not None:
        yield Problem(f"{at}/ipcInfo", "shmSize must be absent with mode SHARE_PARENT: the size is the parent's")


def _checks(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, container in located(definition):
        health = container.health_check
        if health is not None:
            yield from _check(f"{at}/healthCheck", health, container)
            if health.timeout_seconds >= health.interval_seconds:
                yield Problem(
                    f"{at}/healthCheck/timeoutSeconds", f"must be less than intervalSeconds ({health.interval_seconds})"
                )
        if container.check is not None:
            yield from _check(f"{at}/check", container.check, container)
            if container.check.http is not None and container.check.http.scheme != "HTTP":
                yield Problem(
                    f"{at}/check/http/scheme", "must be HTTP: Mesos' checks know no other, unlike health checks"
                )


def _check(at: str, check: HealthCheck | Check, container: Container) -> Iterator[Problem]:
    if sum(kind is not None for kind in (check.http, check.tcp, check.exec)) != 1:
        yield Problem(at, "exactly one of http, tcp and exec is required")
    if check.http is not None and check.http.path is not None and not check.http.path.startswith("/"):
        yield Problem(f"{at}/http/path", f"must start with a slash: /{check.http.path}")
    endpoints = {endpoint.name for endpoint in container.endpoints}
    for kind, asked in (("http", check.http), ("tcp", check.tcp)):
        if asked is not None and asked.endpoint not in endpoints:
            yield Problem(f"{at}/{kind}/endpoint", f"container {container.name} has no endpoint {asked.endpoint}")


RULES = (_limits, _linux_settings, _checks)
