"""Starts a scheduler on a local Mesos, for benchmarks that need a real one."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ending import undisturbed
from localmesos import Cluster
from localmesos.commands import Flags
from scheduler.cli.local import LocalScheduler, local_executor
from tests.ports import free_port


@contextmanager
def local_scheduler(
    say: Callable[[str], None], master_flags: Flags | None = None, agent_flags: Flags | None = None
) -> Iterator[LocalScheduler]:
    """Run a local Mesos and a scheduler whose pods run on podexec's executor, and remove both afterwards."""
    with (
        local_cluster(say, master_flags, agent_flags) as (cluster, folder),
        scheduler_on(cluster, folder, local_executor(folder)) as scheduler,
    ):
        yield scheduler


@contextmanager
def local_cluster(
    say: Callable[[str], None], master_flags: Flags | None = None, agent_flags: Flags | None = None
) -> Iterator[tuple[Cluster, Path]]:
    """Run a local Mesos with one agent, and remove it afterwards. Yields it, and a folder that executors can read."""
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
            yield cluster, Path(folder)
    finally:
        with undisturbed():
            cluster.down()


@contextmanager
def scheduler_on(cluster: Cluster, folder: Path, executor: Path, name: str = "podexec") -> Iterator[LocalScheduler]:
    """Run a scheduler on a local Mesos, and end it afterwards. ``executor`` is the program that runs its pods."""
    scheduler = LocalScheduler(cluster, folder, executor, f"127.0.0.1:{free_port()}", name)
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
