"""A scheduler on a local Mesos of its own, for what the docs show of podexec at work."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from localmesos import Cluster
from scheduler.cli.local import LocalScheduler, build_executor

_LISTEN = "127.0.0.1:18080"
_PATIENCE = 120.0  # seconds until pods are in the states that are shown


@contextmanager
def example_scheduler(name: str, attributes: Sequence[str] = ()) -> Iterator[LocalScheduler]:
    """It has three agents, and ends with the context. ``name``: of the cluster; ``attributes``: of each agent."""
    with tempfile.TemporaryDirectory() as folder:
        executor = build_executor(Path(folder, "podexec.pyz"))
        cluster = Cluster.up(name, agents=3, agent_attributes=attributes, default_executor=executor)
        try:
            scheduler = LocalScheduler(cluster, Path(folder), executor, _LISTEN)
            scheduler.start()
            yield scheduler
            scheduler.close()
        finally:
            cluster.down()


def wait_until(done: Callable[[], bool]) -> None:
    """Raises TimeoutError if pods do not come into the states that are to be shown."""
    end = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"the pods are not as the docs show them after {_PATIENCE:g} s")
        time.sleep(0.2)
