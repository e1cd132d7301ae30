"""Packet forwarding of this machine (net.ipv4.ip_forward), which clusters need for traffic to other networks.

The first cluster switches it on if it is off, and the end of the last one switches it off again. IPv6 forwarding is not
touched.
"""

from __future__ import annotations

import json
from pathlib import Path

from localmesos.system import run

SETTING = Path("/proc/sys/net/ipv4/ip_forward")
# While clusters have it switched on: the names of other programs' bridges that were there before.
BEFORE = Path("/run/podexec/ip_forward")
_OFF, _ON = "0", "1"


def was_on() -> bool:
    """Whether this machine forwarded packets before there were clusters."""
    return not BEFORE.exists() and SETTING.read_text().strip() != _OFF


def switch_on(alias_prefix: str) -> None:
    """Switch forwarding on. ``alias_prefix``: of the aliases that clusters' bridges have."""
    if SETTING.read_text().strip() == _OFF:
        BEFORE.parent.mkdir(parents=True, exist_ok=True)
        _, others = _bridges(alias_prefix)
        BEFORE.write_text(" ".join(others))
        SETTING.write_text(_ON)


def restore(alias_prefix: str) -> None:
    """Switch forwarding off if clusters had switched it on and the last one is gone.

    It stays on if another program has made a bridge meanwhile, such as Docker or libvirt, which need it too.
    """
    if not BEFORE.exists():
        return
    clusters, others = _bridges(alias_prefix)
    if clusters:
        return
    if not set(others) - set(BEFORE.read_text().split()):
        SETTING.write_text(_OFF)
    BEFORE.unlink()


def _bridges(alias_prefix: str) -> tuple[list[str], list[str]]:
    """Names of the machine's bridges: clusters' and others'."""
    listed = json.loads(run("ip", "-json", "link", "show", "type", "bridge") or "[]")
    ours = [link["ifname"] for link in listed if link.get("ifalias", "").startswith(alias_prefix)]
    return ours, [link["ifname"] for link in listed if link["ifname"] not in ours]
