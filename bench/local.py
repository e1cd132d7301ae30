"""Starts a scheduler on a local Mesos, for benchmarks that need a real one."""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localmesos import Cluster
from localmesos.commands import Flags
from scheduler.cli.local import LocalScheduler, build_executor


@contextmanager
def local_scheduler(
    say: Callable[[str], None], master_flags: Flags | None = None, agent_flags: Flags | None = None
) -> Iterator[LocalScheduler]:
    """Run a local Mesos and a scheduler, and remove both afterwards."""
    cluster = Cluster.up(
        f"bench-{os.getpid()}",
        agents=1,
        master_flags=master_flags,
        agent_flags=agent_flags,
        owner_pid=os.getpid(),
        progress=say,
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            executor = build_executor(Path(folder, "podexec.pyz"))
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            scheduler = LocalScheduler(cluster, Path(folder), executor, f"127.0.0.1:{port}")
            try:
                scheduler.start()
                yield scheduler
            finally:
                scheduler.close()
    finally:
        cluster.down()
