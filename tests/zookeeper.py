"""Real ZooKeeper servers of Debian's package, on loopback: one, or an ensemble."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from kazoo.client import KazooClient

from bench.ending import ENDING_WITH_US
from tests.ports import free_port

_JAR = Path("/usr/share/java/zookeeper.jar")
_START_WITHIN = 60.0
_POLL = 0.05
# As little as possible for the virtual machine to do before it serves.
_JAVA = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true")
_PATH = os.environ.get("PATH", "") + ":/usr/bin"
TICK = 100  # ms; sessions last at least twice as long


class Server:
    """A server, which can be killed, suspended and started again with its data."""

    def __init__(
        self,
        folder: Path,
        port: int,
        members: Sequence[tuple[int, int]] = (),
        number: int = 1,
        megabytes: int = 256,
        host: str = "127.0.0.1",
    ) -> None:
        """``members``: the two ports for each other of every server of the ensemble; none: it is alone."""
        self._megabytes = megabytes
        self.port = port
        self.address = f"{host}:{port}"
        self._host = host
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        data = folder / "data"
        data.mkdir(parents=True)
        (data / "myid").write_text(f"{number}\n")
        lines = [
            f"tickTime={TICK}",
            "initLimit=100",
            "syncLimit=50",
            "minSessionTimeout=400",
            "maxSessionTimeout=60000",
            f"dataDir={data}",
            f"clientPort={port}",
            f"clientPortAddress={host}",
            "admin.enableServer=false",
            "4lw.commands.whitelist=*",
            "maxClientCnxns=0",
            *(f"server.{each}={host}:{first}:{second}" for each, (first, second) in enumerate(members, 1)),
        ]
        (folder / "zoo.cfg").write_text("\n".join(lines) + "\n")

    @property
    def pid(self) -> int:
        """The process that runs it."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; ``wait`` returns once it serves."""
        java = shutil.which("java", path=_PATH)
        assert java is not None, "java is missing: apt-get install zookeeper"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *ENDING_WITH_US,
                    java,
                    f"-Xmx{self._megabytes}m",
                    *_JAVA,
                    "-cp",
                    f"{_JAR}:/usr/share/java/slf4j-simple.jar",
                    "-Dzookeeper.root.logger=INFO,CONSOLE",
                    "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                    str(self._folder / "zoo.cfg"),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self._folder,
            )

    def wait(self) -> None:
        """Wait until it serves: alone, or with a quorum."""
        deadline = time.monotonic() + _START_WITHIN
        while not self.command("srvr").startswith("Zookeeper version"):
            assert self._process is not None
            assert self._process.poll() is None, f"ZooKeeper ended: {self.log()}"
            assert time.monotonic() < deadline, f"ZooKeeper did not start: {self.log()}"
            time.sleep(_POLL)

    def command(self, word: str) -> str:
        """The answer to a four-letter word; empty if there is none."""
        try:
            with socket.create_connection((self._host, self.port), timeout=5) as connection:
                connection.sendall(word.encode())
                return connection.makefile("rb").read().decode()
        except OSError:
            return ""

    def data_bytes(self) -> int:
        """The size of its data in memory, as it estimates it."""
        found = self.command("mntr").partition("zk_approximate_data_size")[2].split()
        assert found, f"the server does not say: {self.log()}"
        return int(found[0])

    def log(self) -> str:
        """The end of its log."""
        return (self._folder / "log").read_text(errors="replace")[-3000:]

    def suspend(self) -> None:
        """Let it answer nothing, until ``resume``."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after ``suspend``."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it with SIGKILL. May be called twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Ensemble:
    """Servers that belong together. A context manager that ends them."""

    def __init__(self, folder: Path, size: int, megabytes: int = 256, host: str = "127.0.0.1") -> None:
        """``megabytes``: of memory for each server's data. ``host``: an address of this machine, where they listen."""
        ports = [free_port() for _ in range(3 * size)]
        members = [(ports[size + 2 * each], ports[size + 2 * each + 1]) for each in range(size)] if size > 1 else []
        self.servers = [
            Server(folder / str(number), port, members, number, megabytes, host)
            for number, port in enumerate(ports[:size], 1)
        ]

    def __enter__(self) -> "Ensemble":
        for each in self.servers:
            each.start()
        for each in self.servers:
            each.wait()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.servers:
            each.kill()

    @property
    def hosts(self) -> str:
        """The addresses of all."""
        return ",".join(each.address for each in self.servers)

    def url(self, path: str, login: str = "") -> str:
        """The URL of a store."""
        return f"zk://{login and login + '@'}{self.hosts}{path}"

    def client(self) -> KazooClient:
        """A client of its own, started; the caller stops it."""
        client = KazooClient(self.hosts, timeout=10)
        client.start(30)
        return client
