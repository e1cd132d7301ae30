"""The packet filter of a cluster: who may connect to its members, and their traffic to other networks.

Owns an nftables table with the cluster's tag as its name, which is made and removed as a whole, and two iptables rules
with the tag as their comment, for firewalls that use iptables and drop what they do not know (Docker, ufw). In nftables
what one table drops stays dropped, whatever others accept; a flush of iptables' rules opens nothing.
The reasons are in docs/adr/0022-local-cluster-by-owner.md.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from localmesos.system import attempt, run

ROOT = 0
_ANSWERS = "{ established, related }"
_FIRST = "tcp flags & (fin | syn | rst | ack) == syn"


@dataclass(frozen=True, slots=True)
class Protected:
    """A cluster's network, and who may use it.

    Attributes:
        tag: the cluster's.
        bridge: name of the bridge that all members are on.
        subnet: addresses of the members.
        machine: this machine's address in the subnet.
        ports: TCP ports of masters, agents and ZooKeeper. Whoever can connect to them can become root.
        own_ports: TCP ports on which programs of this machine serve its own users, with the same power.
        users: ids of the users of this machine who may connect to both, in addition to root.
        is_router: whether this machine forwarded packets before there were clusters.
    """

    tag: str
    bridge: str
    subnet: str
    machine: str
    ports: Sequence[int]
    own_ports: Sequence[int]
    users: Sequence[int]
    is_router: bool


def table(network: Protected) -> str:
    """The nftables table, in nft's language."""
    # If only clusters need this machine to forward, it forwards nothing else: it must not become a router between its
    # interfaces. Bridges are excepted: other programs, started later, may have their containers on them.
    others = "" if network.is_router else 'meta nfproto ipv4 meta iifkind != "bridge" meta oifkind != "bridge" drop'
    users = ", ".join(map(str, sorted({ROOT, *network.users})))
    # The first packet of each connection decides, by its flags: conntrack takes some that begin anew for old ones, and
    # the last packets of a connection may have no owner.
    private = "".join(
        f"""
        oifname "{link}" tcp dport {port} {_FIRST} meta skuid != {{ {users} }} reject with tcp reset"""
        for link, ports in ((network.bridge, network.ports), ("lo", network.own_ports))
        for port in ports
    )
    return f"""\
table inet {network.tag} {{
    chain forward {{
        type filter hook forward priority filter; policy accept;
        oifname "{network.bridge}" iifname != "{network.bridge}" ct state != {_ANSWERS} reject
        {others}
    }}
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname != {{ "lo", "{network.bridge}" }} ip daddr {network.machine} ct state != {_ANSWERS} reject
    }}
    chain output {{
        type filter hook output priority filter; policy accept;{private}
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {network.subnet} oifname != "{network.bridge}" masquerade
    }}
}}
"""


def protect(network: Protected, tools: Collection[str]) -> None:
    """Add the table, and let members reach other networks and each other under any policy of iptables."""
    run("nft", "-f", "-", given=table(network))
    if "iptables" in tools:
        comment = ("-m", "comment", "--comment", network.tag)
        answers = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
        for match in (("-i", network.bridge), ("-o", network.bridge, *answers)):
            run("iptables", "-w", "-I", "FORWARD", *match, *comment, "-j", "ACCEPT")


def has_table(tag: str) -> bool:
    """Whether there is a table with the tag."""
    listed = json.loads(run("nft", "--json", "list", "tables"))["nftables"]
    return any(entry.get("table", {}).get("name") == tag for entry in listed)


def rules(tag: str) -> list[tuple[str, list[str]]]:
    """The cluster's iptables rules: the table, and the rule's arguments as `iptables -S` prints them."""
    found = []
    for name in ("nat", "filter"):  # nat: clusters that an earlier release of podexec started
        listed = attempt(("iptables", "-w", "-t", name, "-S")).stdout
        found += [(name, words) for line in listed.splitlines() if tag in (words := shlex.split(line))]
    return found


def listing(tag: str, tools: Collection[str]) -> list[str]:
    """Descriptions of everything that carries the tag."""
    return [
        *([f"nftables table {tag}"] if "nft" in tools and has_table(tag) else ()),
        *(f"iptables rule {shlex.join(words)}" for _, words in (rules(tag) if "iptables" in tools else ())),
    ]


def remove(tag: str, tools: Collection[str]) -> None:
    """Remove everything that carries the tag, with the tools that the machine has."""
    if "iptables" in tools:
        for name, words in rules(tag):
            run("iptables", "-w", "-t", name, "-D", *words[1:])
    if "nft" in tools and has_table(tag):
        run("nft", "delete", "table", "inet", tag)
