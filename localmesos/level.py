"""Levels: how much of Mesos this machine can run. Examines the host and chooses the fullest level that works.

Owns the record of a host's relevant facts (Host), their examination (probe), and the choice (choose), which is pure:
the same host gives the same choice. The choice says what it leaves out, in terms that a user understands.

    linux      root and cgroup v1: Linux launcher, cpu and memory limits, images, container networks
    linux-v2   root and only cgroup v2: the same without cpu and memory limits; the v1 freezer is mounted separately
    posix      not root: plain processes
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localmesos import system, vanishing
from localmesos.errors import ClusterError

LEVELS = ("linux", "linux-v2", "posix")
CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21
CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
NAMESPACES_NEED = frozenset({"ip", "nft", "nsenter"})
LIMITS_NEED = frozenset({"freezer", "cpu", "cpuacct", "memory"})
# Where the v1 freezer is mounted on a host that has none; all clusters of the machine share it.
OWN_HIERARCHY = Path("/run/podexec/cgroup")
FREEZER_LOCK = Path("/run/podexec/freezer.lock")  # for changes of whether it is mounted

MOUNT_OPTIONS = frozenset({"rw", "relatime", "noatime", "nosuid", "nodev", "noexec", "seclabel", "xattr"})

LINUX_ISOLATION = (
    "filesystem/linux",
    "docker/runtime",
    "volume/sandbox_path",
    "volume/host_path",
    "volume/secret",
    "volume/image",
    "environment_secret",
    "namespaces/pid",
    "namespaces/ipc",
    "posix/rlimits",
    "linux/capabilities",
    "disk/du",
)
POSIX_ISOLATION = ("posix/cpu", "posix/mem", "posix/rlimits", "volume/sandbox_path", "environment_secret")


@dataclass(frozen=True, slots=True)
class Host:
    """The facts about a machine that decide its level."""

    capabilities: frozenset[int]
    v1_hierarchies: Mapping[str, str]  # subsystem of cgroup v1 -> its writable mount point
    freezer_mountable: bool
    namespaces: bool  # named network namespaces can be made
    tools: frozenset[str]
    cni_folder: str | None
    loopback_resolver: bool  # the only name servers are on the loopback interface

    @property
    def privileged(self) -> bool:
        """Whether this is root with the capabilities that a container without --privileged lacks."""
        return CAP_SYS_ADMIN in self.capabilities and CAP_NET_ADMIN in self.capabilities


@dataclass(frozen=True, slots=True)
class Choice:
    """The level of a cluster on this host, and its details."""

    level: str
    isolation: tuple[str, ...]
    hierarchy: str | None  # Mesos' --cgroups_hierarchy
    mount_freezer: bool
    namespaces: bool
    cni_folder: str | None
    left_out: str  # one line; empty if nothing is

    @property
    def images(self) -> bool:
        """Whether containers can have images."""
        return "docker/runtime" in self.isolation


def probe() -> Host:
    """Examine this machine."""
    capabilities = effective_capabilities(Path("/proc/self/status").read_text())
    privileged = CAP_SYS_ADMIN in capabilities and os.geteuid() == 0
    hierarchies = v1_hierarchies(Path("/proc/self/mounts").read_text())
    tools = system.tools()
    cni = next((f for f in CNI_FOLDERS if all(os.access(f"{f}/{plugin}", os.X_OK) for plugin in CNI_PLUGINS)), None)
    return Host(
        capabilities=capabilities if os.geteuid() == 0 else frozenset(),
        v1_hierarchies=hierarchies,
        freezer_mountable=privileged and "freezer" not in hierarchies and try_mounting_freezer(),
        namespaces=privileged and tools >= NAMESPACES_NEED and try_namespace(),
        tools=tools,
        cni_folder=cni,
        loopback_resolver=only_loopback_resolvers(Path("/etc/resolv.conf")),
    )


def effective_capabilities(status: str) -> frozenset[int]:
    """The capability numbers in the text of /proc/PID/status."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    bits = int(match[1], 16) if match else 0
    return frozenset(number for number in range(64) if bits >> number & 1)


def v1_hierarchies(mounts: str) -> dict[str, str]:
    """Writable mount points of the subsystems of cgroup v1, from the text of /proc/mounts."""
    found: dict[str, str] = {}
    for line in mounts.splitlines():
        _, target, kind, options, *_ = line.split()
        if kind == "cgroup" and "rw" in options.split(","):
            for option in options.split(","):
                found.setdefault(option, target)
    return {name: target for name, target in found.items() if name not in MOUNT_OPTIONS}


def try_mounting_freezer() -> bool:
    """Mount the v1 freezer to find out whether that works."""
    with tempfile.TemporaryDirectory(prefix="podexec-probe-") as folder:
        mounted = system.succeeds("mount", "-t", "cgroup", "-o", "freezer", "podexec", folder)
        if mounted:
            system.run("umount", folder)
        return mounted


def try_namespace() -> bool:
    """Make a named network namespace to find out whether that works."""
    name = f"podexec-probe-{secrets.token_hex(4)}"  # not the pid: containers may share the machine's namespaces
    if not system.succeeds("ip", "netns", "add", name):
        return False
    usable = system.succeeds("nsenter", f"--net=/run/netns/{name}", "true")
    system.run("ip", "netns", "del", name)
    return usable


def only_loopback_resolvers(resolv_conf: Path) -> bool:
    """Whether every name server is one that a network namespace cannot reach (systemd-resolved's stub)."""
    servers = re.findall(r"^\s*nameserver\s+(\S+)", vanishing.read(resolv_conf) or "", re.MULTILINE)
    return bool(servers) and all(server.startswith("127.") or server == "::1" for server in servers)


def choose(host: Host, forced: str | None = None) -> Choice:
    """The fullest level that works on the host, or the forced one. Raises ClusterError if that does not work."""
    if forced is not None and forced not in LEVELS:
        raise ClusterError(f"there is no level {forced!r}; it must be one of {', '.join(LEVELS)}")
    obstacles = {"linux": obstacle_to_linux(host), "linux-v2": obstacle_to_v2(host), "posix": ""}
    level = forced or next(level for level in LEVELS if not obstacles[level])
    if obstacles[level]:
        raise ClusterError(f"this machine cannot run level {level}: {obstacles[level]}")
    if level == "posix":
        reason = "by request" if forced else obstacles["linux-v2"]
        left_out = "cpu and memory limits, docker images, container networks, host volumes, secrets as files"
        left_out += ", protection from other users of this machine"
        left_out += ", users" if os.geteuid() else ""
        return Choice(level, POSIX_ISOLATION, None, False, False, None, f"{left_out} ({reason})")
    return choose_linux(host, level, "by request" if forced else obstacles["linux"])


def obstacle_to_linux(host: Host) -> str:
    """Why the level linux does not work; empty if it does."""
    missing = sorted(LIMITS_NEED - host.v1_hierarchies.keys())
    return obstacle_to_privilege(host) or (f"cgroup v1 is not mounted for {', '.join(missing)}" if missing else "")


def obstacle_to_v2(host: Host) -> str:
    """Why the level linux-v2 does not work; empty if it does."""
    freezer = "freezer" in host.v1_hierarchies or host.freezer_mountable
    return obstacle_to_privilege(host) or ("" if freezer else "the cgroup v1 freezer cannot be mounted")


def obstacle_to_privilege(host: Host) -> str:
    """Why the Linux launcher cannot work at all; empty if it can."""
    return "" if host.privileged else "not root with CAP_SYS_ADMIN and CAP_NET_ADMIN"


def choose_linux(host: Host, level: str, reason: str) -> Choice:
    """Choose the details of the two Linux levels."""
    isolation = list(LINUX_ISOLATION)
    left_out = []
    if level == "linux":
        isolation += ["cgroups/cpu", "cgroups/mem"]
        isolation += ["cgroups/pids"] if "pids" in host.v1_hierarchies else []
    else:
        isolation += ["posix/cpu", "posix/mem"]
        left_out.append(f"cpu and memory limits ({reason})")
    namespaces = host.namespaces
    if not namespaces:
        left_out.append(
            "separate addresses for agents, protection from other users of this machine "
            "(no network namespaces; they need iproute2, nftables and nsenter; on Debian: "
            "apt-get install iproute2 nftables util-linux)"
        )
    missing = cni_missing(host)
    if namespaces and not missing:
        isolation.append("network/cni")
    else:
        left_out.append(f"container networks ({missing or 'they need network namespaces'})")
    if "tar" not in host.tools:
        left_out.append("docker images (tar is not installed)")
    if namespaces and host.loopback_resolver:
        left_out.append("DNS in containers (the name server of /etc/resolv.conf is on the loopback address)")
    freezer = host.v1_hierarchies.get("freezer")
    return Choice(
        level=level,
        isolation=tuple(isolation),
        hierarchy=str(Path(freezer).parent) if freezer else str(OWN_HIERARCHY),
        mount_freezer=freezer is None,
        namespaces=namespaces,
        cni_folder=host.cni_folder if "network/cni" in isolation else None,
        left_out="; ".join(left_out),
    )


def cni_missing(host: Host) -> str:
    """What container networks lack; empty if nothing."""
    if host.cni_folder is None:
        return "the CNI plugins are not installed; on Debian: apt-get install containernetworking-plugins"
    if "iptables" not in host.tools:
        return "iptables is not installed; on Debian: apt-get install iptables"
    return ""
