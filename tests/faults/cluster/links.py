"""Faults of the network: packets that a host's own filter drops.

Each fault is an nftables table in the host's namespace, so several may overlap. The kernel need not have netem: lost
packets are made by chance in the filter. A host that is cut off is not told so: packets vanish, as with a pulled cable.
"""

from collections.abc import Callable
from dataclasses import dataclass

from localmesos.network import Network
from localmesos.system import run
from tests.faults.cluster.plan import CUT, CUT_IN, CUT_LINK, CUT_OUT, LOSS, Fault

KINDS = frozenset({CUT, CUT_IN, CUT_OUT, CUT_LINK, LOSS})
_HOOKS = {"input": 'iifname "eth0"', "output": 'oifname "eth0"'}


@dataclass(frozen=True, slots=True)
class Links:
    """The hosts' connections to the bridge.

    Attributes:
        network: has a namespace for each host.
        address: of a host.
    """

    network: Network
    address: Callable[[str], str]

    def disturb(self, fault: Fault, number: int) -> None:
        """Begin a fault; its number is unique."""
        peer = self.address(fault.peer) if fault.peer else ""
        self._nft(fault.target, f"table inet {_name(number)} {{\n{chains(fault, peer)}}}\n")

    def heal(self, fault: Fault, number: int) -> None:
        """End it."""
        self._nft(fault.target, f"delete table inet {_name(number)}\n")

    def _nft(self, host: str, script: str) -> None:
        run("nsenter", f"--net={self.network.namespace(host)}", "nft", "-f", "-", given=script)


def chains(fault: Fault, peer: str) -> str:
    """The chains of a fault's table, in nft's language. ``peer``: the address of the other end, if there is one."""
    dropped = {
        CUT: {"input": "", "output": ""},
        CUT_IN: {"input": ""},
        CUT_OUT: {"output": ""},
        CUT_LINK: {"input": f"ip saddr {peer}", "output": f"ip daddr {peer}"},
        LOSS: dict.fromkeys(_HOOKS, f"numgen random mod 100 < {fault.amount}"),
    }
    return "".join(
        f"chain {hook} {{ type filter hook {hook} priority -10; {_HOOKS[hook]} {which} drop; }}\n"
        for hook, which in dropped[fault.kind].items()
    )


def _name(number: int) -> str:
    return f"fault{number}"
