"""A ZooKeeper server and a simulated Mesos cluster for all tests of a file."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from bench.simulator import Simulator
from tests.ha.stage import Node, leader_of, schedulers, wait_for
from tests.zookeeper import Ensemble


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """A single server."""
    with Ensemble(tmp_path_factory.mktemp("zookeeper"), 1) as ensemble:
        yield ensemble


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A master with ten agents, which run whatever is launched."""
    with Simulator(10, cpus=1000, mem=1_000_000, allocation_interval=0.1) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def running(zookeeper: Ensemble, simulator: Simulator) -> Iterator[list[Node]]:
    """Two schedulers of one store and one master."""
    with schedulers(zookeeper.url(f"/tests/{uuid4().hex}", "me:hu,sh"), simulator.address) as nodes:
        yield nodes


@pytest.fixture
def nodes(running: list[Node], simulator: Simulator) -> Iterator[list[Node]]:
    """The two schedulers, one of which leads; what a test leaves is removed, and what it ended is started again."""
    for each in running:
        if not each.is_running:
            each.start()
    yield running
    leader = leader_of(running)
    for pod in leader.get("/v2/pods").json():
        assert leader.http.delete(f"/v2/pods{pod['id']}?force=true").status_code == 202
    wait_for("nothing is left", lambda: leader.get("/v2/pods/::status").json() == [] and simulator.stats().is_settled)
