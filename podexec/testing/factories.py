"""The types of the factory fixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Unpack

from localmesos import Cluster
from podexec.testing.clusters import ClusterOptions
from podexec.testing.harness import Podexec


class MesosClusterFactory(Protocol):
    """Starts local clusters. Each lives as long as the test or fixture that called it."""

    def __call__(self, **options: Unpack[ClusterOptions]) -> Cluster:
        """Start a cluster."""


class PodexecFactory(Protocol):
    """Starts schedulers, each on a cluster of its own unless one is given. They live as long as what called it."""

    def __call__(
        self,
        *,
        cluster: Cluster | None = None,
        executor: str | Path | None = None,
        scheduler_options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        **cluster_options: Unpack[ClusterOptions],
    ) -> Podexec:
        """Start a scheduler."""
