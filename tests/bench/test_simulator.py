"""The simulated master behaves like Mesos as far as a scheduler can observe, and detects its mistakes."""

from collections.abc import Iterator

import pytest

from bench.bare import launch_group
from bench.simulator import Simulator
from bench.workload import operation_template
from tests.bench.framework import Framework


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(agents=2, cpus=1.0, mem=1000.0, allocation_interval=0.05) as running:
        yield running


@pytest.fixture
def framework(simulator: Simulator) -> Iterator[Framework]:
    made = Framework(simulator.port)
    yield made
    made.close()


def test_a_launch_is_told_status_by_status_and_uses_what_it_asks_for(simulator: Simulator, framework: Framework):
    first, second = framework.offers()
    assert first["agent_id"] != second["agent_id"]
    assert framework.accept(first, launch_group(first, "a"), refuse_seconds=0) == 202
    heard = [framework.hear("UPDATE")["update"]["status"] for _ in range(2)]
    assert {status["state"] for status in heard} == {
        "TASK_STARTING"
    }  # the next of a task waits for its acknowledgement
    assert simulator.stats().updates["outstanding"] == 2
    (rest,) = framework.offers()
    left = {each["name"]: each["scalar"]["value"] for each in rest["resources"] if "scalar" in each}
    assert left == {"cpus": pytest.approx(0.7), "mem": 1000 - 96, "disk": pytest.approx(102400 - 10)}
    for status in heard:
        framework.call("ACKNOWLEDGE", **{name: status[name] for name in ("agent_id", "task_id", "uuid")})
    assert [framework.status()["state"] for _ in range(2)] == ["TASK_RUNNING"] * 2
    stats = simulator.stats()
    assert stats.is_settled
    assert (stats.launch_groups, stats.running, stats.updates["acknowledged"]) == (1, 2, 4)
    assert simulator.latencies()["accept"].count == 1
    assert not stats.problems


def test_a_refusal_lasts_until_the_framework_revives(simulator: Simulator, framework: Framework):
    first, second = framework.offers()
    framework.decline(first)
    framework.decline(second, refuse_seconds=0)
    (again,) = framework.offers()
    assert again["agent_id"] == second["agent_id"]
    framework.decline(again)
    assert framework.call("SUPPRESS") == 202
    assert simulator.stats().roles_asking == 0
    assert framework.call("REVIVE") == 202
    assert len(framework.offers()) == 2
    assert not simulator.stats().problems


def test_a_kill_ends_the_group_and_gives_its_resources_back(simulator: Simulator, framework: Framework):
    first, second = framework.offers()
    framework.decline(second)
    framework.accept(first, launch_group(first, "a"))
    states = [framework.status()["state"] for _ in range(4)]
    assert sorted(states) == ["TASK_RUNNING"] * 2 + ["TASK_STARTING"] * 2
    task_id = {"value": "bench_fill.instance-a.web.1"}
    assert framework.call("KILL", task_id=task_id, agent_id=first["agent_id"]) == 202
    assert {framework.status()["state"] for _ in range(2)} == {"TASK_KILLING"}
    # The refusal was of less than there is now, so that the agent is offered again.
    ended = [framework.status() for _ in range(2)]
    assert {status["state"] for status in ended} == {"TASK_KILLED"}
    assert framework.hear("FAILURE")["failure"]["executor_id"] == ended[0]["executor_id"]
    (whole,) = framework.offers()
    assert {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}, "allocation_info": {"role": "*"}} in whole[
        "resources"
    ]
    assert framework.call("RECONCILE", tasks=[{"task_id": task_id, "agent_id": first["agent_id"]}]) == 202
    assert framework.status()["state"] == "TASK_GONE"
    assert not simulator.stats().problems


def test_reconciliation_repeats_what_is_known(simulator: Simulator, framework: Framework):
    first, _ = framework.offers()
    framework.accept(first, launch_group(first, "a"))
    for _ in range(4):
        framework.status()
    assert framework.call("RECONCILE", tasks=[]) == 202
    told = [framework.status() for _ in range(2)]
    assert {(status["state"], status["reason"]) for status in told} == {("TASK_RUNNING", "REASON_RECONCILIATION")}
    framework.call("RECONCILE", tasks=[{"task_id": {"value": "unheard-of"}}])
    assert framework.status()["state"] == "TASK_UNKNOWN"


def test_a_group_ends_when_it_is_told_to(simulator: Simulator, framework: Framework):
    first, _ = framework.offers()
    framework.accept(first, launch_group(first, "a"))
    for _ in range(4):
        framework.status()
    simulator.end(1, "TASK_FAILED")
    states = [framework.status()["state"] for _ in range(3)]
    assert sorted(states) == ["TASK_FAILED", "TASK_KILLED", "TASK_KILLING"]
    assert framework.hear("FAILURE")
    assert simulator.stats().tasks == {}


def test_a_status_comes_late_and_again_until_it_is_acknowledged():
    with Simulator(1, start_delay=0.05, repeat_after=0.1) as simulator:
        framework = Framework(simulator.port)
        (offer,) = framework.offers()
        framework.accept(offer, launch_group(offer, "a"))
        assert simulator.stats().tasks == {"TASK_STAGING": 2}
        once = [framework.status(acknowledged=False) for _ in range(2)]
        again = [framework.status() for _ in range(2)]
        assert [status["uuid"] for status in again] == [status["uuid"] for status in once]
        assert {framework.status()["state"] for _ in range(2)} == {"TASK_RUNNING"}
        stats = simulator.stats()
        framework.close()
    assert stats.updates["repeated"] == 2
    assert stats.is_settled


@pytest.mark.parametrize(
    ("mistake", "problem"),
    [
        ("too large", "a group that uses more than was offered"),
        ("twice", "a task with a duplicate id"),
        ("elsewhere", "a task for another agent than the offer's"),
    ],
)
def test_a_launch_that_cannot_be_is_an_error(
    simulator: Simulator, framework: Framework, mistake: str, problem: str
) -> None:
    first, second = framework.offers()
    groups = [launch_group(first, "a")]
    tasks = groups[0]["launch_group"]["task_group"]["tasks"]
    if mistake == "too large":
        tasks[0]["resources"][0]["scalar"]["value"] = 5.0
    elif mistake == "twice":
        groups.insert(0, launch_group(first, "a"))
    else:
        tasks[1]["agent_id"] = second["agent_id"]
    framework.accept(first, *groups)
    states = [framework.status()["state"] for _ in range(2 if len(groups) == 1 else 6)]
    assert states.count("TASK_ERROR") == 2
    assert simulator.stats().problems == {f"launches of {problem}": 1}


def test_an_offer_is_good_for_one_use_on_one_stream(simulator: Simulator, framework: Framework):
    first, _ = framework.offers()
    framework.accept(first, launch_group(first, "a"))
    framework.accept(first, launch_group(first, "b"))
    states = [framework.status()["state"] for _ in range(6)]
    assert states.count("TASK_DROPPED") == 2
    assert framework.call("REVIVE", stream_id="another") == 400
    assert simulator.stats().problems == {
        "acceptances of other than one valid offer": 1,
        "calls with another stream's id": 1,
    }


def test_a_second_subscription_takes_the_framework_over(simulator: Simulator, framework: Framework):
    assert len(framework.offers()) == 2
    successor = Framework(simulator.port, framework_id=framework.id)
    assert framework.hear("ERROR")["error"]["message"] == "Framework failed over"
    assert len(successor.offers()) == 2
    assert framework.call("REVIVE") == 400
    successor.close()


def test_the_load_generator_launches_exactly_what_it_is_asked_for():
    with Simulator(agents=20, cpus=4.0) as simulator:
        assert simulator.drive(operation_template(), 200, 10) > 0
        stats = simulator.stats()
    assert (stats.launch_groups, stats.running, stats.updates["acknowledged"]) == (200, 400, 800)
    assert stats.calls == {"SUBSCRIBE": 1, "ACCEPT": 20, "ACKNOWLEDGE": 800}
    assert not stats.problems
