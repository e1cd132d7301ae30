"""What a scheduler process opens once and keeps until its end, whoever leads."""

import socket
import time
from dataclasses import dataclass, field

from scheduler.api.executor import ExecutorFile
from scheduler.cli import files
from scheduler.cli.api import ANY_ADDRESS
from scheduler.cli.configuration import Serving
from scheduler.loop.ports import Secrets
from scheduler.observe.audit import AuditLog
from scheduler.recording import Recorder


@dataclass(frozen=True, slots=True)
class Resources:
    """Owned by the process, which closes them.

    Attributes:
        source: of secrets' values; None: Mesos has them.
        listening: the API's socket.
        room: the number of its connections.
        recorder: None: nothing is recorded.
        executor: the file for agents; None: they do not get it here.
        started: when they were opened, in seconds of ``time.monotonic``.
    """

    serving: Serving
    source: Secrets | None
    listening: socket.socket
    room: files.Room
    recorder: Recorder | None
    audit: AuditLog
    executor: ExecutorFile | None
    started: float = field(default_factory=time.monotonic)

    @property
    def advertised(self) -> str:
        """``host:port`` at which others reach the API."""
        return advertised(self.serving, self.listening)

    def uptime(self) -> float:
        """Seconds since they were opened."""
        return time.monotonic() - self.started

    @property
    def url(self) -> str:
        """The URL of the API, for others."""
        return f"{self.serving.scheme}://{self.advertised}"


def advertised(serving: Serving, listening: socket.socket) -> str:
    """``host:port`` for others; the host is this machine's name if the API listens on every address."""
    host = serving.identity.hostname or (socket.gethostname() if serving.host in ANY_ADDRESS else serving.host)
    port = listening.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
