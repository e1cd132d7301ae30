"""Fixtures for tests that need a real Mesos; a conftest.py imports those that its tests use.

    from localmesos.testing import mesos_cluster

    def test_something(mesos_cluster: ClusterFactory) -> None:
        cluster = mesos_cluster(agents=2)

Clusters have names of their own, so that tests can run beside each other and beside a user's cluster. They are taken
down whatever the test does, and nothing of them may be left then. They belong to the test process: what a killed run
leaves is taken away by the next one.
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
    """Makes clusters; takes what `Cluster.up` takes but for name and owner."""

    def __call__(self, **options: Any) -> Cluster:
        """A cluster that is up."""


def take_down(cluster: Cluster) -> None:
    """Take a cluster down and make sure that nothing of it is left."""
    if cluster.name not in Cluster.list():
        return
    state = cluster.state
    cluster.down()
    left = remains.listing(state)
    assert not left, f"after down there is still: {left}"


def make_cluster(stack: ExitStack, **options: Any) -> Cluster:
    """A cluster that is taken down when the stack is closed."""
    ensure()  # apart from the cluster: the first time it takes long
    cluster = Cluster.up(f"test-{secrets.token_hex(4)}", owner_pid=os.getpid(), **options)
    stack.callback(take_down, cluster)
    return cluster


@pytest.fixture
def mesos_cluster() -> Iterator[ClusterFactory]:
    """A factory of clusters for one test."""
    with ExitStack() as stack:
        yield lambda **options: make_cluster(stack, **options)


@pytest.fixture(scope="module")
def module_mesos_cluster() -> Iterator[ClusterFactory]:
    """A factory of clusters that the tests of a module share."""
    with ExitStack() as stack:
        yield lambda **options: make_cluster(stack, **options)
