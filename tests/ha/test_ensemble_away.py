"""ZooKeeper is away: at the start, and for a while later."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from uuid import uuid4

import httpx2
import pytest

from bench.simulator import Simulator
from tests.ha.stage import DEADLINE, SESSION, Node, leader_of, schedulers, standby_of, wait_for
from tests.zookeeper import Ensemble

LOST = "this scheduler no longer leads: it lost the store, and has done nothing since"


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """A single server that tests may end; it runs at the start and at the end of each."""
    with Ensemble(tmp_path_factory.mktemp("zookeeper"), 1) as ensemble:
        yield ensemble


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A cluster for one store: the simulated master knows one framework."""
    with Simulator(3, cpus=1000, mem=1_000_000, allocation_interval=0.1) as simulator:
        yield simulator


@pytest.fixture
def path() -> str:
    """Of a new store."""
    return f"/tests/{uuid4().hex}"


def start(ensemble: Ensemble) -> None:
    """Have the ensemble back, with its data."""
    [server] = ensemble.servers
    server.start()
    server.wait()


def kill(ensemble: Ensemble) -> None:
    """End the ensemble."""
    [server] = ensemble.servers
    server.kill()


def test_a_start_without_the_ensemble_waits_and_says_so(ensemble: Ensemble, path: str, simulator: Simulator) -> None:
    kill(ensemble)
    with schedulers(ensemble.url(path), simulator.address, 1) as [node]:
        node.event("waiting for ZooKeeper")
        assert node.get("/ping").text == "pong"
        assert node.get("/v2/leader").json() == {"message": "There is no leader"}
        answer = node.get("/v2/pods")
        assert (answer.status_code, "No scheduler leads" in answer.json()["message"]) == (503, True)
        assert node.end(signal.SIGTERM) == 0, node.tail()
        node.start()
        node.event("waiting for ZooKeeper", 2)
        start(ensemble)
        assert leader_of([node]) is node
        assert node.post_pod("/shop/web").status_code == 201
    strange = [line for line in node.lines if not line.startswith("{")]
    assert strange == []


def test_a_leader_that_loses_the_ensemble_acts_no_more_until_it_is_back(
    ensemble: Ensemble, path: str, simulator: Simulator
) -> None:
    with schedulers(ensemble.url(path), simulator.address, 2) as nodes:
        standby = standby_of(nodes)
        [leader] = [each for each in nodes if each is not standby]
        assert leader.post_pod("/shop/web", instances=3).status_code == 201
        wait_for("they run", lambda: simulator.stats().running == 3 and simulator.stats().is_settled)
        before = simulator.stats()
        answers: list[int] = []

        def write() -> None:
            for number in range(3):
                with contextlib.suppress(OSError):
                    answers.append(leader.post_pod(f"/shop/lost-{number}", instances=1).status_code)

        kill(ensemble)
        writing = threading.Thread(target=write)
        writing.start()
        leader.event(LOST)
        wait_for("nobody leads", lambda: leader.get("/v2/leader").status_code == 404)
        writing.join(DEADLINE)
        assert set(answers) <= {502, 503}, answers
        assert simulator.stats().launch_groups == before.launch_groups
        # The standby lost it too, and says how old its answers are.
        assert standby.get("/v2/pods/shop/web").json()["id"] == "/shop/web"
        start(ensemble)
        again = leader_of(nodes)
        assert again.post_pod("/shop/new", instances=2).status_code == 201
        known = {each["id"] for each in again.get("/v2/pods").json()}
        assert known >= {"/shop/web", "/shop/new"}
        running = 3 + 2 + len(known - {"/shop/web", "/shop/new"})
        wait_for("all run", lambda: simulator.stats().running == running)
        assert simulator.stats().problems == {}
        assert all(each.is_running for each in nodes)
        follows = standby_of(nodes)
        wait_for("the standby follows again", lambda: follows.get("/v2/pods/shop/new").status_code == 200)


def test_a_leader_whose_candidate_somebody_deletes_leaves_the_lead(
    ensemble: Ensemble, path: str, simulator: Simulator
) -> None:
    """Otherwise the elected one would wait for it for ever, and all requests for the elected one."""
    with schedulers(ensemble.url(path), simulator.address, 2) as nodes:
        standby = standby_of(nodes)
        client = ensemble.client()
        try:
            first = min(client.get_children(f"{path}/election"), key=lambda each: each[-10:])
            client.delete(f"{path}/election/{first}")
        finally:
            client.stop()
            client.close()
        wait_for("the other one leads", lambda: standby.info()["elected"])
        for each in nodes:
            assert each.post_pod(f"/shop/{each.url[-5:]}").status_code == 201


def test_a_leader_without_its_ensemble_ends_when_it_is_told_to(
    ensemble: Ensemble, path: str, simulator: Simulator
) -> None:
    """Also while requests wait for the store: they are answered, and nothing is printed that is not the log."""
    with schedulers(ensemble.url(path), simulator.address, 1, session=10 * SESSION) as [node]:
        leader_of([node])
        kill(ensemble)
        answers: list[tuple[int, str]] = []

        def write(number: int) -> None:
            answer = node.post_pod(f"/shop/web-{number}")
            answers.append((answer.status_code, answer.text))

        writing = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for each in writing:
            each.start()
        wait_for("they wait", lambda: _is_waiting(node))
        assert node.end(signal.SIGTERM) == 0, node.tail()
        for each in writing:
            each.join(DEADLINE)
        assert [status for status, _ in answers] == [503] * 3, answers
        assert all("may have been carried out" in text for _, text in answers)
        assert [line for line in node.lines if not line.startswith("{") or "Traceback" in line] == []
    start(ensemble)


def _is_waiting(node: Node) -> bool:
    """Whether a request was taken that waits for the store: answers wait until all that came before is stored."""
    try:
        node.http.get("/ping", timeout=0.3)
    except httpx2.ReadTimeout:
        return True
    return False
