"""Pods on a real Mesos in tests: as pytest fixtures (docs/harness.md), or without pytest.

    import podexec.testing

    with podexec.testing.Podexec() as p:
        pod = p.run({"id": "/web", "containers": [...]})
        assert pod.endpoint("http").get("/").status_code == 200

Starts a local Mesos (`localmesos`) and on it the same `podexec scheduler` that users run, as a process of its own, and
talks to it over its public HTTP API. The executor never imports this package, and its zipapp does not contain it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localmesos import Cluster
    from podexec.testing.clusters import ClusterOptions
    from podexec.testing.commands import CommandResult
    from podexec.testing.errors import HarnessError, RefusedError, TimedOutError
    from podexec.testing.factories import MesosClusterFactory, PodexecFactory
    from podexec.testing.harness import Podexec
    from podexec.testing.pod import Endpoint, Pod
    from podexec.testing.waiting import wait_for

__all__ = [
    "Cluster",
    "ClusterOptions",
    "CommandResult",
    "Endpoint",
    "HarnessError",
    "MesosClusterFactory",
    "Pod",
    "Podexec",
    "PodexecFactory",
    "RefusedError",
    "TimedOutError",
    "wait_for",
]

_PLACES = {
    "Cluster": "localmesos",
    "ClusterOptions": "podexec.testing.clusters",
    "CommandResult": "podexec.testing.commands",
    "Endpoint": "podexec.testing.pod",
    "HarnessError": "podexec.testing.errors",
    "MesosClusterFactory": "podexec.testing.factories",
    "Pod": "podexec.testing.pod",
    "Podexec": "podexec.testing.harness",
    "PodexecFactory": "podexec.testing.factories",
    "RefusedError": "podexec.testing.errors",
    "TimedOutError": "podexec.testing.errors",
    "wait_for": "podexec.testing.waiting",
}


def __getattr__(name: str) -> object:
    """Import a name on first use: pytest imports this package in every project that has podexec installed."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_PLACES[name]), name)
    return value
