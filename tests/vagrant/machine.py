"""A Debian in a container that boots systemd (systemd-nspawn), which vagrant/ provisions like a virtual machine."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.vagrant.room import CONTROLLERS, Room

_BOOT_SECONDS = 60.0
_COMMAND_SECONDS = 400.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOUNTED = tuple(controller for controller in CONTROLLERS if controller != "systemd")


class Machine:
    """One machine; it ends with its room."""

    def __init__(self, room: Room, tree: Path, name: str, address: str, shared: Mapping[str, Path]) -> None:
        """Boot it from an unchanged tree of files. ``shared``: folders that it can read, by the path it has there."""
        self.name = name
        self.address = address
        self._log = room.folder / f"{name}.log"
        words = [
            *("systemd-nspawn", "--boot", "--quiet", f"--directory={tree}", "--volatile=overlay", "--settings=no"),
            *("--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--console=pipe"),
            *(f"--machine={name}", f"--hostname={name}", f"--network-bridge={room.bridge}", "--capability=all"),
            "--tmpfs=/var/lib/mesos-agent:mode=755",  # Mesos makes overlays, which cannot lie on this one
            *(f"--bind-ro={source}:{target}" for target, source in shared.items()),
        ]
        environment = ("env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=0")
        self._process = room.popen([*environment, *words], name, self._log)
        self._init = self._await_init()
        self.run("sh", "-c", "systemctl is-system-running --wait || true")
        for controller in _MOUNTED:  # nspawn lets no container write there, as a machine can
            self.run(
                "sh",
                "-c",
                f"! test -d /sys/fs/cgroup/{controller} || mount -o remount,bind,rw /sys/fs/cgroup/{controller}",
            )
        self.run("ip", "address", "add", f"{address}/24", "dev", "host0")
        self.run("ip", "link", "set", "host0", "up")

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> str:
        """The output of a command in the machine. Fails if the command does."""
        done = self.attempt(*words, environment=environment)
        assert done.returncode == 0, f"{self.name}: {words}: {done.stdout}\n{self.journal()}"
        return done.stdout

    def attempt(self, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine, which may fail."""
        variables = {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": "/root", **(environment or {})}
        enter = ("nsenter", f"--target={self._init}", "--all", "--", "/usr/bin/env", "--ignore-environment")
        return subprocess.run(
            [*enter, *(f"{name}={value}" for name, value in variables.items()), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )

    def journal(self, *units: str) -> str:
        """The last lines of the machine's journal, or of these units', for messages of tests."""
        words = ("journalctl", "--no-pager", "--lines=60", *(f"--unit={unit}" for unit in units))
        return f"--- journal of {self.name}:\n{self.attempt(*words).stdout}"

    def _await_init(self) -> int:
        end = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            for child in psutil.Process(self._process.pid).children(recursive=True):
                if _is_init(child.pid):
                    return child.pid
            time.sleep(0.02)
        raise AssertionError(f"{self.name} did not boot: {self._log.read_text(errors='replace')}")


def _is_init(pid: int) -> bool:
    """Whether a process is the first of a container, and runs systemd already."""
    try:
        process, status = psutil.Process(pid), Path(f"/proc/{pid}/status").read_text()
        pids = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        return len(pids) == 3 and pids[-1] == "1" and process.name() == "systemd"
    except (psutil.Error, OSError):
        return False
