"""The benchmark `scale` works: small numbers, counted exactly."""

import json
from pathlib import Path
from typing import Any

from bench.__main__ import main
from bench.bare import launch_group
from bench.measurements import fill, updates
from bench.process import Bare, Scheduler
from bench.simulator import Simulator
from bench.workload import agent_size, operation, pod

_PATIENCE = 30.0


def test_the_bare_loop_launches_the_same_groups_as_podexec() -> None:
    offer = {
        "agent_id": {"value": "agent"},
        "framework_id": {"value": "framework"},
        "hostname": "agent.example",
        "allocation_info": {"role": "*"},
    }
    bare = launch_group(offer, "00000000-0000-0000-0000-000000000000")
    ours = operation()
    assert _comparable(bare).replace("2026-01-01T", "1970-01-01T") == _comparable(ours)


def _comparable(operation: dict[str, Any]) -> str:
    """A canonical text of a launch: the order of members and of variables does not matter."""
    for task in operation["launch_group"]["task_group"]["tasks"]:
        task["command"]["environment"]["variables"].sort(key=lambda variable: variable["name"])
    return json.dumps(operation, sort_keys=True)


def test_what_is_launched_is_counted_and_measured(tmp_path: Path) -> None:
    with Simulator(5, **agent_size(20, 5)) as simulator, Scheduler(simulator, tmp_path) as scheduler:
        scheduler.wait_until_subscribed()
        filled = fill(simulator, scheduler, 20, 20, _PATIENCE, lambda: scheduler.post(pod("/some", 20)))
        assert filled.launched == 20
        assert filled.rate is not None
        assert filled.accept.count >= 5
        stats = simulator.stats()
        assert (stats.launch_groups, stats.running, stats.updates["acknowledged"]) == (20, 40, 80)
        changed = updates(simulator, scheduler, 1000, 100, _PATIENCE)  # CPU time is told in hundredths of a second
        assert changed.acknowledged == 1000
        assert changed.cpu > 0
        stats = simulator.stats()
        assert stats.updates["acknowledged"] == 80 + 3 * 1000  # three rounds, of which the cheapest counts
        assert stats.is_settled
        assert scheduler.peak_memory() >= scheduler.memory() > 10_000_000


def test_the_bare_loop_does_its_work(tmp_path: Path) -> None:
    with Simulator(5, **agent_size(20, 5)) as simulator, Bare(simulator, 20, tmp_path) as bare:
        filled = fill(simulator, bare, 20, 20, _PATIENCE)
        stats = simulator.stats()
    assert filled.rate is not None
    assert (stats.launch_groups, stats.running, stats.updates["acknowledged"]) == (20, 40, 80)


def test_a_run_prints_a_table_of_every_result(monkeypatch, capsys, tmp_path: Path) -> None:
    options = ["--quick", "--only", "capacity", "--only", "fills", "--only", "latency", "--fill", "3x6", "--paced", "3"]
    options += ["--runs", "2"]
    monkeypatch.setattr("sys.argv", ["bench", "scale", *options, "--folder", str(tmp_path)])
    main()
    printed = capsys.readouterr().out
    assert "the simulated master with 3 agents, 6 pods of 2 containers: " in printed
    assert "of 1 goals reached" in printed
    for row in ("rate, 6 instances on 3 agents", "CPU of a pod, 6 instances on 3 agents"):
        (line,) = (line for line in printed.partition("goals reached")[2].splitlines() if row in line)
        assert "bare pymesos: " in line


def test_a_scheduler_is_measured_again_after_each_restart(monkeypatch, capsys, tmp_path: Path) -> None:
    options = ["--quick", "--only", "growth", "--sizes", "2,4", "--agents", "3", "--updates", "20", "--window", "2"]
    monkeypatch.setattr("sys.argv", ["bench", "scale", *options, "--runs", "2", "--folder", str(tmp_path)])
    main()
    table = capsys.readouterr().out.partition("goals reached")[2]
    (restarted,) = (line for line in table.splitlines() if "restart with 4 instances: subscribed" in line)
    assert " to " in restarted  # the spread of both runs
