"""A real Apache Mesos 1.11.0 on this machine (masters, agents, ZooKeeper) from a package of the Python Package Index.

    from localmesos import Cluster
    with Cluster.up("demo", agents=2, progress=print) as cluster:
        ...                               # cluster.master is the value for a framework's --master

Without `with`, it stays until `cluster.down()`.

Imports nothing of the scheduler or the executor.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localmesos.cluster import DEFAULT_NAME, Cluster, Status
    from localmesos.errors import ClusterError
    from localmesos.state import Member

__all__ = ["DEFAULT_NAME", "Cluster", "ClusterError", "Member", "Status"]

_PLACES = {"ClusterError": "errors", "Member": "state"}


def __getattr__(name: str) -> object:
    """Import a name on first use: `python -m localmesos.apt` runs before anything is installed."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_PLACES.get(name, 'cluster')}"), name)
    return value
