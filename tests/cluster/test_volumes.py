"""Persistent volumes on a real Mesos: their content survives everything except an explicit removal."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from localmesos import Cluster
from tests.cluster.support import Json, Scheduler, both_executors, container
from tests.cluster.volumes import is_at, kill, lines, only, pod, put, relaunched, remove, task_of, volume_of, volumes


@both_executors
def test_data_outlives_kills_updates_and_being_scaled_down(own_scheduler: Scheduler, executor_kind: str) -> None:
    """Always the same instance, on the same agent, with the same volume."""
    scheduler, group = own_scheduler, f"life-{executor_kind}"
    first = only(scheduler.run(pod(group)))
    volume = volume_of(scheduler, first)
    written = [task_of(first)]
    assert lines(scheduler, volume, 1) == written

    def again(after: str) -> None:
        instance = relaunched(scheduler, f"/{group}/db", written[-1], after)
        assert (instance["id"], instance["agentId"]) == (first["id"], first["agentId"])
        assert instance["localVolumes"] == first["localVolumes"]
        written.append(task_of(instance))
        assert lines(scheduler, volume, len(written)) == written

    kill(scheduler, first)
    again("a kill")
    put(scheduler, pod(group, environment={"CHANGED": "yes"}))
    again("an update")
    put(scheduler, pod(group, instances=0, environment={"CHANGED": "yes"}))
    scheduler.wait(
        "the instance is stopped", lambda: only(scheduler.client.status(f"/{group}/db"))["status"] == "TERMINAL"
    )
    assert lines(scheduler, volume, len(written)) == written
    put(scheduler, pod(group, instances=1, environment={"CHANGED": "yes"}))
    again("being stopped and started again")
    remove(scheduler, group)


def test_data_outlives_the_scheduler_and_the_agent(own_scheduler: Scheduler) -> None:
    """The scheduler is killed while it makes the volume, while the pod ends, and without the agent."""
    scheduler, cluster = own_scheduler, own_scheduler.cluster
    scheduler.client.add(pod("outage"))
    scheduler.end()
    scheduler.start()
    first = only(scheduler.stable("/outage/db"))
    volume = volume_of(scheduler, first)
    assert lines(scheduler, volume, 1) == [task_of(first)]

    kill(scheduler, first)
    scheduler.end()
    scheduler.start()
    second = relaunched(scheduler, "/outage/db", task_of(first), "a kill, the scheduler being away")
    agent = next(each for each in cluster.agents if each.host == second["agentHostname"])
    cluster.kill_agent(agent.id)
    cluster.restart_agent(agent.id)
    cluster.wait_registered(agent.id)
    kill(scheduler, second)
    third = relaunched(scheduler, "/outage/db", task_of(second), "a kill after a restart of the agent")

    assert {each["id"] for each in (first, second, third)} == {first["id"]}
    assert lines(scheduler, volume, 3) == [task_of(each) for each in (first, second, third)]
    assert volumes(scheduler, "outage") == [volume]
    remove(scheduler, "outage")


def test_several_instances_have_their_own_and_go_back_to_them(own_scheduler: Scheduler) -> None:
    """All instances are killed at once."""
    status = own_scheduler.run(pod("several", instances=3))
    own_scheduler.wait("three instances", lambda: len(own_scheduler.client.status("/several/db")["instances"]) == 3)
    before = {each["id"]: each for each in own_scheduler.stable("/several/db")["instances"]}
    homes = {key: volume_of(own_scheduler, each) for key, each in before.items()}
    assert len(set(homes.values())) == 3, status
    for key, home in homes.items():  # it has to have begun before it is killed
        assert lines(own_scheduler, home, 1) == [task_of(before[key])]
    for each in before.values():
        kill(own_scheduler, each)

    def all_again() -> dict[str, Json] | None:
        after = {each["id"]: each for each in own_scheduler.client.status("/several/db")["instances"]}
        return after if all(each["status"] == "STABLE" and is_at(each, 2) for each in after.values()) else None

    after = own_scheduler.wait("all are launched again", all_again)
    assert after.keys() == before.keys()
    for key, home in homes.items():
        assert lines(own_scheduler, home, 2) == [task_of(before[key]), task_of(after[key])]
    remove(own_scheduler, "several")


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Two folders that serve as disks, and a whole disk."""
    found = {name: tmp_path / name for name in ("slow", "fast", "whole")}
    for each in found.values():
        each.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "podexec", str(found["whole"])], check=True)
    try:
        yield found
    finally:
        subprocess.run(["umount", str(found["whole"])], check=True)


@pytest.fixture
def with_disks(executor: Path, tmp_path: Path, disks: dict[str, Path]) -> Iterator[Scheduler]:
    """A scheduler on an agent with these disks; the whole one has a profile."""
    scalars = [("cpus", 2, None), ("mem", 1024, None), ("disk", 1024, None)]
    sources: list[tuple[str, int, Json]] = [
        ("disk", 400, {"type": "PATH", "path": {"root": str(disks["slow"])}}),
        ("disk", 200, {"type": "PATH", "path": {"root": str(disks["fast"])}}),
        ("disk", 16, {"type": "MOUNT", "mount": {"root": str(disks["whole"])}, "profile": "whole"}),
    ]
    resources: list[Json] = [
        {"name": name, "type": "SCALAR", "scalar": {"value": value}} | ({"disk": {"source": source}} if source else {})
        for name, value, source in (*scalars, *sources)
    ]
    resources.append({"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31009}]}})
    cluster = Cluster.up(f"disks-{os.getpid()}", agents=1, agent_resources=json.dumps(resources), owner_pid=os.getpid())
    scheduler = Scheduler(cluster, tmp_path / "scheduler", executor, "disks")
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


def test_each_volume_lies_on_the_kind_of_disk_it_asks_for(with_disks: Scheduler, disks: dict[str, Path]) -> None:
    """On the largest disk, on the one that a constraint leaves, on a whole disk; the ports stay the same."""
    asked: dict[str, Json] = {
        "main": {"size": 16},
        "large": {"type": "path", "size": 100},
        "fast": {"type": "path", "size": 100, "constraints": [["path", "LIKE", ".*/fast"]]},
        "whole": {"size": 8, "maxSize": 20, "profileName": "whole"},
    }
    shell = "for each in main large fast whole; do echo here >> $each/log; done; exec sleep 1000"
    definition = {
        "id": "/disks/db",
        "role": "disks",
        "networks": [{"mode": "host"}],
        "containers": [
            container(
                "only",
                shell,
                volumeMounts=[{"name": name, "mountPath": name} for name in asked],
                endpoints=[{"name": "db", "hostPort": 0}],
            )
        ],
        "volumes": [{"name": name, "persistent": members} for name, members in asked.items()],
    }
    first = only(with_disks.run(definition))
    ids = {each["containerPath"]: each["persistenceId"] for each in first["localVolumes"]}
    folders = {
        "main": with_disks.cluster.agents[0].work_dir / "volumes/roles/disks" / ids["main"],
        "large": disks["slow"] / "volumes/roles/disks" / ids["large"],
        "fast": disks["fast"] / "volumes/roles/disks" / ids["fast"],
        "whole": disks["whole"],
    }
    for folder in folders.values():
        assert lines(with_disks, folder, 1) == ["here"]
    kill(with_disks, first)
    second = relaunched(with_disks, "/disks/db", task_of(first), "a kill")
    assert second["containers"][0]["endpoints"] == first["containers"][0]["endpoints"]
    for folder in folders.values():
        assert lines(with_disks, folder, 2) == ["here", "here"]
    remove(with_disks, "disks")
    assert list(disks["whole"].iterdir()) == [], "Mesos empties a whole disk, but does not take it away"

    with_disks.client.add(
        {
            "id": "/disks/plain",
            "role": "disks",
            "containers": [container("only", "exec sleep 1000", volumeMounts=[{"name": "any", "mountPath": "any"}])],
            "volumes": [{"name": "any", "persistent": {"type": "mount", "size": 8}}],
        }
    )

    def refused() -> list[Json] | None:
        found: list[Json] = with_disks.client.queue()[0].get("podexec", {}).get("nearest")
        return found

    (nearest,) = with_disks.wait("the disk with a profile is refused to who asks for none", refused)
    assert (nearest["asked"], nearest["offered"]) == ("volume any: mount of 8", "16 with profile whole")


@pytest.fixture
def clusters() -> Iterator[Callable[..., Cluster]]:
    """Starts clusters for this test."""
    made: list[Cluster] = []

    def make(**options: Any) -> Cluster:
        made.append(Cluster.up(f"volumes-{os.getpid()}-{len(made)}", owner_pid=os.getpid(), **options))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.down()


def test_an_agent_marked_gone_takes_the_volumes_with_it(
    clusters: Callable[..., Cluster], executor: Path, tmp_path: Path
) -> None:
    """The instance is launched on another agent with a new volume."""
    cluster = clusters(agents=2)
    scheduler = Scheduler(cluster, tmp_path, executor, "gone")
    try:
        scheduler.start()
        first = only(scheduler.run(pod("gone")))
        lost = next(each for each in cluster.agents if each.host == first["agentHostname"])
        cluster.kill_agent(lost.id)
        call = {"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": first["agentId"]}}}
        httpx2.post(f"http://{cluster.master}/api/v1", json=call, timeout=10).raise_for_status()
        second = relaunched(scheduler, "/gone/db", task_of(first), "the loss of its agent")
        assert second["id"] == first["id"]
        assert second["agentId"] != first["agentId"]
        assert second["localVolumes"] != first["localVolumes"]
        assert lines(scheduler, volume_of(scheduler, second), 1) == [task_of(second)]
    finally:
        scheduler.close()


def test_what_mesos_does_not_allow_leaves_nothing_behind(
    clusters: Callable[..., Cluster], executor: Path, tmp_path: Path
) -> None:
    """Resources may be reserved, but no volumes created."""
    acls = {"create_volumes": [{"principals": {"type": "ANY"}, "roles": {"type": "NONE"}}]}
    scheduler = Scheduler(clusters(agents=1, master_flags={"acls": json.dumps(acls)}), tmp_path, executor, "refused")
    try:
        scheduler.start()
        scheduler.client.add(pod("refused"))
        scheduler.wait("a launch is refused", lambda: scheduler.client.status("/refused/db").get("terminationHistory"))
        assert "may the principal reserve resources" in scheduler.log.read_text()
        (told,) = (each for each in scheduler.client.doctor() if each["check"] == "acl")
        assert "create_volumes" in told["advice"], told
        remove(scheduler, "refused")
    finally:
        scheduler.close()
