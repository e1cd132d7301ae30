"""Fixtures for tests that need a real Mesos; a conftest.py imports those that its tests use.

    from localmesos.testing import mesos_cluster

    def test_something(mesos_cluster: ClusterFactory) -> None:
        cluster = mesos_cluster(agents=2)

Clusters have unique names, so tests can run in parallel with each other and with a user's clusters. They are taken down
whatever the test does, and the test fails if anything is left of them. They belong to the test process: the next run
removes what a killed run leaves.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from localmesos import remains
from localmesos.cluster import Cluster
from localmesos.package import ensure


class ClusterFactory(Protocol):
    """Starts clusters; accepts the options of `Cluster.up` except name and owner."""

    def __call__(self, **options: Any) -> Cluster:
        """Start a cluster."""


def take_down(cluster: Cluster) -> None:
    """Take a cluster down, and assert that nothing is left of it."""
    if cluster.name not in Cluster.list():
        return
    state = cluster.state
    cluster.down()
    left = remains.listing(state)
    assert not left, f"left after down: {left}"


def make_cluster(stack: ExitStack, **options: Any) -> Cluster:
    """Start a cluster that is taken down when the stack closes."""
    ensure()  # before the cluster starts: it takes long the first time
    cluster = Cluster.up(f"test-{secrets.token_hex(4)}", owner_pid=os.getpid(), **options)
    stack.callback(take_down, cluster)
    return cluster


@pytest.fixture
def mesos_cluster() -> Iterator[ClusterFactory]:
    """Starts clusters for one test."""
    with ExitStack() as stack:
        yield lambda **options: make_cluster(stack, **options)


@pytest.fixture(scope="module")
def module_mesos_cluster() -> Iterator[ClusterFactory]:
    """Starts clusters that the tests of a module share."""
    with ExitStack() as stack:
        yield lambda **options: make_cluster(stack, **options)
