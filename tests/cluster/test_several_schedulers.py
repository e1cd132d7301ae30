"""Three schedulers on real Mesos and real ZooKeeper: another one leads, and none of a hundred pods is touched."""

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from localmesos import Cluster
from scheduler.cli.inside.client import InsideClient
from scheduler.model.json import Json
from tests.cluster.support import HTTP, Scheduler, container
from tests.ha.expiry import leaders_expiry
from tests.zookeeper import Ensemble

PATH = "/several"
SIZES = (1, 2, 3, 4, 10, 15, 25, 40)  # instances of the definitions
NAP = "86399.5"  # seconds; by these the containers' processes are found
SOON, AT_ONCE = 5.0, 2.0  # seconds until a write is answered; at once: one second unless the machine is busy


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """Three servers."""
    with Ensemble(tmp_path_factory.mktemp("zookeeper"), 3) as ensemble:
        yield ensemble


@pytest.fixture
def schedulers(cluster: Cluster, ensemble: Ensemble, tmp_path: Path) -> Iterator[list[Scheduler]]:
    """Three of one store. The pods of a test are removed by whichever leads."""
    with ExitStack() as stack:
        made = []
        for number in range(3):
            each = Scheduler(cluster, tmp_path / str(number), cluster.default_executor, f"several-{tmp_path.name}")
            each.add_options("--ha", "--store", ensemble.url(PATH), "--zk-session-timeout", "2000")
            stack.callback(each.close)
            each.start()
            made.append(each)
        yield made
        next(each for each in made if each.is_alive).remove_all()


def leader_among(schedulers: list[Scheduler]) -> Scheduler:
    """The one that leads, once it has subscribed and knows what runs."""

    def probe() -> Scheduler | None:
        for each in schedulers:
            info = each.client.info()
            if info["elected"] and info["podexec"]["mesos"]["connected"] and "onHold" not in info["podexec"]:
                return each
        return None

    return schedulers[0].wait("one leads", probe)


def pod(number: int, instances: int) -> Json:
    """The definition with this number."""
    one = container("one", f"echo up; exec sleep {NAP}", resources={"cpus": 0.01, "mem": 4 + number})
    return {"id": f"/several/pod-{number}", "containers": [one], "scaling": {"kind": "fixed", "instances": instances}}


@dataclass(frozen=True)
class Running:
    """What runs, as scheduler, master and kernel see it.

    Attributes:
        containers: ids, by instance.
        tasks: the master's list, with states.
        calls: how often the framework has launched or killed anything, of the master's metrics.
        processes: of the containers, with the times when they were started.
    """

    containers: Mapping[str, tuple[str, ...]]
    tasks: Mapping[str, str]
    calls: Mapping[str, float]
    processes: Mapping[int, float]


def processes() -> dict[int, float]:
    """The processes of containers that have said that they are up, with the times when they were started."""
    found = psutil.process_iter(["cmdline", "create_time"])
    return {each.pid: each.info["create_time"] for each in found if each.info["cmdline"] == ["sleep", NAP]}


def running(scheduler: Scheduler) -> Running:
    """What runs now."""
    statuses = HTTP.get(f"{scheduler.client.url}/v2/pods/::status").json()
    framework = scheduler.client.info()["frameworkId"]
    master = f"http://{scheduler.cluster.masters[0].address}"
    [known] = [each for each in HTTP.get(f"{master}/state").json()["frameworks"] if each["id"] == framework]
    assert not known["completed_tasks"]
    metrics = HTTP.get(f"{master}/metrics/snapshot").json()
    wanted = ("calls/accept", "calls/kill", "calls/shutdown", "operations/launch_group")
    return Running(
        {
            instance["id"]: tuple(each["containerId"] for each in instance["containers"])
            for status in statuses
            for instance in status.get("instances", ())
        },
        {each["id"]: each["state"] for each in known["tasks"]},
        {name: value for name, value in metrics.items() if framework in name and name.endswith(wanted)},
        processes(),
    )


def first_write(scheduler: Scheduler, before: Scheduler) -> float:
    """When the first write was answered that another leader than ``before`` accepted."""
    numbers = itertools.count()

    def is_written() -> bool:
        body = pod(1000 + next(numbers), 0)
        answer = HTTP.post(f"{scheduler.client.url}/v2/pods", json=body)
        return answer.status_code == 201 and answer.headers["X-Marathon-Leader"] != before.client.url

    scheduler.wait("a write", is_written)
    return time.monotonic()


def test_a_hundred_pods_run_on_while_the_leader_changes(schedulers: list[Scheduler], ensemble: Ensemble) -> None:
    leader = leader_among(schedulers)
    first, second = (each for each in schedulers if each is not leader)
    for number, size in enumerate(SIZES):
        first.client.add(pod(number, size))
    for number, size in enumerate(SIZES):
        assert len(first.stable(f"/several/pod-{number}")["instances"]) == size
    leader.wait("all are up", lambda: len(processes()) == sum(SIZES))
    before = running(leader)
    assert (len(before.containers), len(before.tasks)) == (sum(SIZES), sum(SIZES))
    assert set(before.tasks.values()) == {"TASK_RUNNING"}
    assert before.calls, "the master has no such metrics"
    with InsideClient(first.client.url) as inside:
        lines = (entry["line"] for entry in inside.logs("/several/pod-3", {}) if "line" in entry)
        assert any("up" in line for line in lines)  # Mesos may have written before

    with leaders_expiry(ensemble, PATH) as expired:
        killed = time.monotonic()
        leader.end()
        written = first_write(first, leader)
        seconds = written - expired()
    print(f"a write {seconds:.2f} s after the session expired, {written - killed:.2f} s after SIGKILL")
    assert seconds < SOON, f"a write was answered {seconds:.2f} s after the session had expired"
    new = leader_among([first, second])
    assert running(new) == before

    # The one that was killed is a standby when it is back, and an abdication needs no session to end.
    [standby] = [each for each in (first, second) if each is not new]
    leader.start()
    asked = time.monotonic()
    new.client.abdicate()
    seconds = first_write(leader, new) - asked
    print(f"a write {seconds:.2f} s after abdication")
    assert seconds < AT_ONCE, f"a write was answered {seconds:.2f} s after abdication"
    assert leader_among([standby, leader, new]) is standby
    assert running(standby) == before
    assert HTTP.get(f"{leader.client.url}/v2/leader").json() == {"leader": urlsplit(standby.client.url).netloc}

    # And it is a leader: a scale keeps what runs.
    leader.client.update(pod(1, 3))
    leader.wait("three run", lambda: len(leader.stable("/several/pod-1")["instances"]) == 3)
    after = running(standby)
    assert before.containers.items() < after.containers.items()
    assert before.processes.items() <= after.processes.items()
