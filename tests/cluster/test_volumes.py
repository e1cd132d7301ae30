"""Persistent volumes on a real Mesos: what is written on them outlives everything but the wish to be rid of it."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from localmesos import Cluster
from tests.cluster.support import DEADLINE_SECONDS, Json, Scheduler, agent_state, both_executors, container

# Each launch writes a line with its task id on the volume.
WRITE = 'echo "$MESOS_TASK_ID" >> data/log; exec sleep 1000'


def pod(group: str, instances: int = 1, shell: str = WRITE, **fields: Json) -> Json:
    """A pod with one persistent volume, in the role of its group, so that tests do not see each other's."""
    return {
        "id": f"/{group}/db",
        "role": group,
        "containers": [container("only", shell, volumeMounts=[{"name": "data", "mountPath": "data"}])],
        "volumes": [{"name": "data", "persistent": {"size": 16}}],
        "scaling": {"kind": "fixed", "instances": instances},
    } | fields


@both_executors
def test_data_outlives_kills_updates_and_being_scaled_down(own_scheduler: Scheduler, executor_kind: str) -> None:
    """Always the same instance, on the same agent, on the same volume."""
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
    """Killed while it makes the volume, killed while its pod ends, and with the agent away: nothing is made twice."""
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


def test_a_wiped_instance_leaves_nothing_and_another_starts_empty(own_scheduler: Scheduler) -> None:
    """A new instance, a new volume; the old one is destroyed."""
    first = only(own_scheduler.run(pod("wiped")))
    volume = volume_of(own_scheduler, first)
    assert lines(own_scheduler, volume, 1) == [task_of(first)]
    kill(own_scheduler, first, wipe=True)

    def replaced() -> Json | None:
        status = own_scheduler.client.status("/wiped/db")
        instances = status.get("instances", ())
        return (
            instances[0]
            if status["status"] == "STABLE" and [each["id"] for each in instances] != [first["id"]]
            else None
        )

    second = own_scheduler.wait("another instance", replaced)
    other = volume_of(own_scheduler, second)
    assert lines(own_scheduler, other, 1) == [task_of(second)]
    own_scheduler.wait("the old volume is gone", lambda: not volume.exists())
    remove(own_scheduler, "wiped")


def test_several_instances_have_their_own_and_go_back_to_them(own_scheduler: Scheduler) -> None:
    """All are killed at once."""
    status = own_scheduler.run(pod("several", instances=3))
    own_scheduler.wait("three instances", lambda: len(own_scheduler.client.status("/several/db")["instances"]) == 3)
    before = {each["id"]: each for each in own_scheduler.stable("/several/db")["instances"]}
    homes = {key: volume_of(own_scheduler, each) for key, each in before.items()}
    assert len(set(homes.values())) == 3, status
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
    """Two folders that stand for disks, and a whole one."""
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
    """A scheduler on an agent that has them, the whole one with a profile."""
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
    """On the largest part, on the one that a constraint leaves, on a whole disk; and the ports stay the same."""
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


# ---------------------------------------------------------------------------- what tests do


def kill(scheduler: Scheduler, instance: Json, *, wipe: bool = False) -> None:
    """Ask for an instance to be killed."""
    pod_id = instance["specReference"].removeprefix("/v2/pods").partition("::")[0]
    url = f"{scheduler.client.url}/v2/pods{pod_id}::instances/{instance['id']}"
    httpx2.delete(url, params={"wipe": str(wipe).lower()}, timeout=10).raise_for_status()


def put(scheduler: Scheduler, definition: Json) -> None:
    """Change a pod, whatever deployment is on its way."""
    url = f"{scheduler.client.url}/v2/pods{definition['id']}"
    httpx2.put(url, json=definition, params={"force": "true"}, timeout=10).raise_for_status()


def remove(scheduler: Scheduler, group: str) -> None:
    """Remove the pod, and wait until agents keep nothing for its role any more."""
    scheduler.remove(f"/{group}/db")
    scheduler.wait(
        f"nothing is reserved for {group}",
        lambda: (
            not [each for each in scheduler.cluster.agents if group in agent_state(each.address)["reserved_resources"]]
        ),
    )
    assert volumes(scheduler, group) == []


# ------------------------------------------------------------------------- what tests look at


def only(status: Json) -> Json:
    """The one instance of a pod."""
    (instance,) = status["instances"]
    found: Json = instance
    return found


def task_of(instance: Json) -> str:
    """The id of its one task."""
    (found,) = instance["containers"]
    task_id: str = found["containerId"]
    return task_id


def is_at(instance: Json, incarnation: int) -> bool:
    """Whether that is its present launch."""
    return instance["containers"][0].get("containerId", "").endswith(f".{incarnation}")


def relaunched(scheduler: Scheduler, pod_id: str, last: str, after: str) -> Json:
    """The one instance, once it runs under another task id than its last."""

    def probe() -> Json | None:
        status = scheduler.client.status(pod_id)
        instance = next(iter(status.get("instances", ())), None)
        if status["status"] != "STABLE" or instance is None or instance["status"] != "STABLE":
            return None
        return instance if task_of(instance) != last else None

    return scheduler.wait(f"{pod_id} runs again after {after}", probe)


def volume_of(scheduler: Scheduler, instance: Json) -> Path:
    """The folder on the agent's main disk that is the instance's one volume."""
    (volume,) = instance["localVolumes"]
    agent = next(each for each in scheduler.cluster.agents if each.host == instance["agentHostname"])
    return agent.work_dir / "volumes/roles" / instance["role"] / volume["persistenceId"]


def volumes(scheduler: Scheduler, role: str) -> list[Path]:
    """The volumes of a role on the main disks of all agents."""
    return [path for agent in scheduler.cluster.agents for path in agent.work_dir.glob(f"volumes/roles/{role}/*")]


def lines(scheduler: Scheduler, volume: Path, count: int) -> list[str]:
    """What is written on a volume, once it is so much."""
    file = volume / "log"

    def probe() -> list[str] | None:
        found = file.read_text().splitlines() if file.exists() else []
        return found if len(found) >= count else None

    return scheduler.wait(f"{count} lines in {file}", probe, DEADLINE_SECONDS)
