"""The network of a cluster: a namespace and an address for each member, on one bridge of the machine.

Owns what a cluster adds to the machine's network: bridge, namespaces, entries in /etc/hosts, and, through firewall.py
and forwarding.py, who may connect to the members and how they reach other networks. All of it carries the cluster's tag
("podexec-" and its key), and is found and removed by the tag alone. Containers' networks (CNI) live inside an agent's
namespace and disappear with it.

Clusters may start and end at the same time. A subnet is claimed by making its bridge. All other names are unique to a
cluster, as the kernel is slow to delete the contents of a removed namespace. A lock serialises changes.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from localmesos import firewall, forwarding, vanishing
from localmesos.errors import ClusterError
from localmesos.system import attempt, one_at_a_time, run

HOSTS = Path("/etc/hosts")
NAMESPACES = Path("/run/netns")
CLUSTER_RANGE = ipaddress.ip_network("10.77.0.0/16")
TAG_PREFIX = "podexec-"
BRIDGE_PREFIX = "podexec"
LINK_PREFIX = "px"  # with a cluster's key and a member's number it fits into the 15 characters of a link name
LOCK = Path("/run/podexec/network.lock")  # for changes: one cluster's end must not undo another's start
COARSEST_CONFLICT = 12  # wider routes (a VPN's, the default) do not conflict: ours is more specific


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses of one cluster: 10.77.INDEX.0/24."""

    tag: str
    index: int

    @property
    def bridge(self) -> str:
        """Name of the bridge, which has the network's first address."""
        return f"{BRIDGE_PREFIX}{self.index}"

    @property
    def subnet(self) -> str:
        """The cluster's range of addresses."""
        return f"10.77.{self.index}.0/24"

    def address(self, number: int) -> str:
        """An address of the network; number 1 is this machine's."""
        return f"10.77.{self.index}.{number}"

    def namespace(self, member: str) -> Path:
        """Path of a member's namespace."""
        return NAMESPACES / f"{self.tag}-{member}"

    def attach(self, member: str, number: int) -> None:
        """Make the namespace of a member, with its address and default route."""
        namespace = self.namespace(member).name
        outside = f"{_link_prefix(self.tag)}{number}"
        with one_at_a_time(LOCK):
            run("ip", "netns", "add", namespace)
            run(
                "ip",
                "-batch",
                "-",
                given=f"link add {outside} type veth peer name eth0 netns {namespace}\n"
                f"link set {outside} master {self.bridge} up\n",
            )
        run(
            "ip",
            "-netns",
            namespace,
            "-batch",
            "-",
            given="link set lo up\n"
            f"addr add {self.address(number)}/24 dev eth0\nlink set eth0 up\nroute add default via {self.address(1)}\n",
        )
        add_hosts_entry(self.tag, self.address(number), f"{member}.{self.tag}")


def create(
    tag: str,
    tools: Collection[str],
    ports: Sequence[int],
    own_ports: Sequence[int] = (),
    users: Sequence[int] = (),
) -> Network:
    """Claim a free subnet by making its bridge, protect it, and allow outbound traffic.

    Only root and the ``users`` (ids) of this machine may connect to these TCP ``ports`` of the members, and to the
    ``own_ports`` of this machine itself.
    """
    with one_at_a_time(LOCK):
        network = _claim(tag)
        run(
            "ip",
            "-batch",
            "-",
            given=f"link set {network.bridge} alias {tag}\n"
            f"addr add {network.address(1)}/24 dev {network.bridge}\nlink set {network.bridge} up\n",
        )
        protected = firewall.Protected(
            tag=tag,
            bridge=network.bridge,
            subnet=network.subnet,
            machine=network.address(1),
            ports=ports,
            own_ports=own_ports,
            users=users,
            is_router=forwarding.was_on(),
        )
        firewall.protect(protected, tools)
        forwarding.switch_on(TAG_PREFIX)
    return network


def _claim(tag: str) -> Network:
    for index in range(256):
        network = Network(tag, index)
        if not is_free(network.subnet, networks_in_use()):
            continue
        added = attempt(("ip", "link", "add", network.bridge, "type", "bridge"))
        if added.returncode == 0:
            return network
        if "File exists" not in added.stderr:  # else another cluster's bridge that has no address yet or no longer
            raise ClusterError(f"cannot make the network bridge {network.bridge}: {added.stderr.strip()}")
    raise ClusterError(f"no /24 of {CLUSTER_RANGE} is free for the cluster's network; take other clusters down first")


def networks_in_use() -> list[str]:
    """Destinations of all the machine's routes, which include the networks of its addresses."""
    routes = json.loads(run("ip", "-4", "-json", "route", "show", "table", "all") or "[]")
    return [route["dst"] for route in routes if route["dst"] != "default"]


def is_free(subnet: str, used: Iterable[str]) -> bool:
    """Whether a subnet conflicts with none of the used ones."""
    wanted = ipaddress.ip_network(subnet)
    taken = [ipaddress.ip_network(destination, strict=False) for destination in used]
    return not any(network.prefixlen >= COARSEST_CONFLICT and network.overlaps(wanted) for network in taken)


def links(tag: str) -> list[str]:
    """The outer ends of the members' links, and then the cluster's bridge: the order of removal."""
    listing = json.loads(run("ip", "-json", "link", "show") or "[]")
    names = [link["ifname"] for link in listing]
    bridges = [link["ifname"] for link in listing if link.get("ifalias") == tag]
    return [*(name for name in names if name.startswith(_link_prefix(tag))), *bridges]


def _link_prefix(tag: str) -> str:
    return f"{LINK_PREFIX}{tag.removeprefix(TAG_PREFIX)}-"


def namespaces(tag: str) -> list[Path]:
    """The cluster's namespaces."""
    return vanishing.children(NAMESPACES, f"{tag}-*")


def hosts_entries(tag: str) -> list[str]:
    """The cluster's lines in /etc/hosts, which others edit in place."""
    try:
        with HOSTS.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return [line for line in file.read().splitlines() if line.endswith(f"# {tag}")]
    except FileNotFoundError:
        return []


def add_hosts_entry(tag: str, address: str, name: str) -> None:
    """Give an address a name.

    Mesos looks up its own address. If no name server knows it, as is usual for 10.77.0.0/16, that takes ten seconds, or
    two with the limit for look-ups (RES_OPTIONS in commands.py), which helps where the file is read-only.
    """
    if os.access(HOSTS, os.W_OK):
        edit_hosts(lambda lines: [*lines, f"{address} {name} # {tag}"])


def edit_hosts(edit: Callable[[list[str]], list[str]]) -> None:
    """Change /etc/hosts in place: in a container it is a mount, which cannot be replaced by renaming."""
    with HOSTS.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.read().splitlines()
        text = "".join(f"{line}\n" for line in edit(lines))
        file.seek(0)
        file.write(text)
        file.truncate()


def listing(tag: str, tools: Collection[str]) -> list[str]:
    """Descriptions of everything that carries the tag."""
    return [
        *(f"network namespace {path.name}" for path in namespaces(tag)),
        *(f"network link {link}" for link in (links(tag) if "ip" in tools else ())),
        *firewall.listing(tag, tools),
        *(f"{HOSTS}: {line}" for line in hosts_entries(tag)),
    ]


def remove(tag: str, tools: Collection[str]) -> None:
    """Remove everything that carries the tag, with the tools that the machine has."""
    with one_at_a_time(LOCK):
        if "ip" in tools:
            for link in links(tag):  # also removes their inner ends, which a removed namespace may keep for a while
                remove_link(link)
            for namespace in namespaces(tag):
                run("ip", "netns", "del", namespace.name)
            forwarding.restore(TAG_PREFIX)
        firewall.remove(tag, tools)  # last: nothing is open meanwhile
    if hosts_entries(tag):
        edit_hosts(lambda lines: [line for line in lines if not line.endswith(f"# {tag}")])


def remove_link(link: str) -> None:
    """Remove a link, unless the kernel already has: it does so when the namespace of the other end is empty."""
    done = attempt(("ip", "link", "del", link))
    if done.returncode != 0 and not any(gone in done.stderr for gone in ("Cannot find device", "No such device")):
        raise ClusterError(f"cannot remove the network link {link}: {done.stderr.strip()}")
