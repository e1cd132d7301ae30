"""A machine of its own for clusters: with its own network, packet filter and settings, and two networks that it is in.

It is a process in new namespaces (mount, network, pid); when it ends, the kernel ends everything in it. On it are

    lan0    198.51.100.1, with a neighbour 198.51.100.2, who sends everything for others to this machine
    vpn0    203.0.113.1, with a neighbour 203.0.113.2 likewise

and there are rules of others in its packet filter. It forwards no packets at first.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from localmesos import package

LAN, VPN = "198.51.100", "203.0.113"
_INTRUDER = Path(__file__).with_name("intruder.py")
_NEIGHBOUR = """
ip netns add {name}
ip link add {name}0 type veth peer name eth0 netns {name}
ip addr add {net}.1/24 dev {name}0
ip link set {name}0 up
ip -n {name} link set lo up
ip -n {name} addr add {net}.2/24 dev eth0
ip -n {name} link set eth0 up
ip -n {name} route add default via {net}.1
"""
_SETUP = f"""
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mount --bind "$HOSTS" /etc/hosts
ip link set lo up
{_NEIGHBOUR.format(name="lan", net=LAN)}
{_NEIGHBOUR.format(name="vpn", net=VPN)}
echo 0 >/proc/sys/net/ipv4/ip_forward
iptables -w -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE
iptables -w -A FORWARD -s 192.0.2.0/24 -j ACCEPT
nft add table inet own-rules
echo ready
exec sleep infinity
"""
_UP = """
import json, os, sys
from localmesos import Cluster
owner = os.getpid() if sys.argv[2] == "owned" else None
options = json.loads(sys.argv[3])
Cluster.up(sys.argv[1], owner_pid=owner, progress=lambda line: print(line, flush=True), **options)
print("ready", os.getpid(), flush=True)
if owner:
    sys.stdin.read()
"""
_DOWN = "import sys; from localmesos import Cluster; Cluster(sys.argv[1]).down()"


class Machine:
    """The machine, as long as the context."""

    def __init__(self, folder: Path) -> None:
        """``folder``: for files of its own; every user must be able to enter it."""
        self._hosts = folder / "hosts"
        self._state = folder / "state"
        self.clusters = self._state / "clusters"
        self._programs: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        """Make it."""
        package.ensure()  # from it, no package index can be reached
        self._hosts.write_text("127.0.0.1 localhost\n")
        words = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child")
        self._keeper = subprocess.Popen(
            [*words, "sh", "-euc", _SETUP],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "HOSTS": str(self._hosts)},
        )
        assert self._keeper.stdout is not None
        if (said := self._keeper.stdout.readline()) != "ready\n":
            self.__exit__(None, None, None)
            raise AssertionError(f"the machine could not be made: {said}")
        (self._inside,) = psutil.Process(self._keeper.pid).children()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End everything on it."""
        self._keeper.kill()
        self._keeper.communicate()
        for program in self._programs:
            program.communicate()

    def start(self, words: Sequence[str], network: str = "", **more: Any) -> subprocess.Popen[str]:
        """Start a program on it, or on the neighbour in one of its networks ("lan", "vpn")."""
        enter = ["nsenter", f"--target={self._inside.pid}", "--mount", "--net", "--pid"]
        if network:
            enter += ["nsenter", f"--net=/run/netns/{network}"]
        variables = {"PODEXEC_STATE_DIR": str(self._state), "PYTHONPATH": os.pathsep.join(sys.path)}
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        program = subprocess.Popen([*enter, *words], env={**os.environ, **variables}, text=True, **{**streams, **more})
        self._programs.append(program)
        return program

    def run(self, *words: str, network: str = "") -> str:
        """Run a program, which must succeed, and return its output."""
        program = self.start(words, network)
        output, _ = program.communicate(timeout=60)
        assert program.returncode == 0, f"{words} failed: {output}"
        return output

    def request(self, address: str, *request: str, user: int = 0, network: str = "") -> str:
        """Send a request as a user of the machine, or from a neighbour, and say what came of it (intruder.py)."""
        # The interpreter may be closed to others: this one right to read does not make it root.
        rights = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        drop = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *rights) if user else ()
        host, _, port = address.rpartition(":")
        return self.run(*drop, sys.executable, "-I", str(_INTRUDER), host, port, *request, network=network).strip()

    def serve(self, address: str, network: str = "") -> str:
        """Start a web server at an address of the machine or of a neighbour, and return the address."""
        host, _, port = address.rpartition(":")
        server = self.start((sys.executable, "-u", "-I", "-m", "http.server", "--bind", host, port), network)
        assert server.stdout is not None
        assert "Serving HTTP" in (said := server.stdout.readline()), said
        return address

    def up(self, name: str, *, owned: bool = False, **options: Any) -> str:
        """Start a cluster, and return the pid of the process that did. If it is the owner, it goes on."""
        starter = self.start((sys.executable, "-c", _UP, name, "owned" if owned else "", json.dumps(options)))
        assert starter.stdout is not None
        said = []
        for line in starter.stdout:
            said.append(line)
            if line.startswith("ready "):
                return line.split()[1]
        raise AssertionError(f"the cluster did not start: {''.join(said)}")

    def down(self, name: str) -> None:
        """Take a cluster down."""
        self.run(sys.executable, "-c", _DOWN, name)

    def addresses(self, name: str) -> dict[str, str]:
        """``HOST:PORT`` of a cluster's members, by their ids."""
        state = json.loads((self.clusters / name / "cluster.json").read_text())
        return {member["id"]: member["address"] for member in state["members"]}

    def settings(self) -> dict[str, str]:
        """Everything that a cluster could change of the machine's network."""
        words = ("nft --stateless list ruleset", "iptables -w -S", "iptables -w -t nat -S", "ip link show type bridge")
        files = ("ipv4/ip_forward", "ipv6/conf/all/forwarding")
        found = {line: self.run(*line.split()) for line in words}
        return found | {file: self.run("cat", f"/proc/sys/net/{file}") for file in files}
