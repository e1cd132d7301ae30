"""Helpers for tests of persistent volumes."""

from pathlib import Path

import httpx2

from tests.cluster.support import DEADLINE_SECONDS, Json, Scheduler, agent_state, container

# Each launch appends a line with its task id to a file on the volume.
WRITE = 'echo "$MESOS_TASK_ID" >> data/log; exec sleep 1000'


def pod(group: str, instances: int = 1, shell: str = WRITE, **fields: Json) -> Json:
    """A pod with one persistent volume, in the role of its group, so that tests do not share volumes."""
    return {
        "id": f"/{group}/db",
        "role": group,
        "containers": [container("only", shell, volumeMounts=[{"name": "data", "mountPath": "data"}])],
        "volumes": [{"name": "data", "persistent": {"size": 16}}],
        "scaling": {"kind": "fixed", "instances": instances},
    } | fields


def kill(scheduler: Scheduler, instance: Json, *, wipe: bool = False) -> None:
    """Request the kill of an instance."""
    pod_id = instance["specReference"].removeprefix("/v2/pods").partition("::")[0]
    url = f"{scheduler.client.url}/v2/pods{pod_id}::instances/{instance['id']}"
    httpx2.delete(url, params={"wipe": str(wipe).lower()}, timeout=10).raise_for_status()


def put(scheduler: Scheduler, definition: Json) -> None:
    """Update a pod, cancelling its deployments."""
    url = f"{scheduler.client.url}/v2/pods{definition['id']}"
    httpx2.put(url, json=definition, params={"force": "true"}, timeout=10).raise_for_status()


def remove(scheduler: Scheduler, group: str) -> None:
    """Remove the pod, cancelling its deployments, and wait until agents keep nothing for its role."""
    url = f"{scheduler.client.url}/v2/pods/{group}/db"
    httpx2.delete(url, params={"force": "true"}, timeout=10).raise_for_status()
    scheduler.wait(
        f"nothing is reserved for {group}",
        lambda: (
            not [each for each in scheduler.cluster.agents if group in agent_state(each.address)["reserved_resources"]]
        ),
    )
    assert volumes(scheduler, group) == []


def only(status: Json) -> Json:
    """The only instance of a pod."""
    (instance,) = status["instances"]
    found: Json = instance
    return found


def task_of(instance: Json) -> str:
    """Id of its only task."""
    (found,) = instance["containers"]
    task_id: str = found["containerId"]
    return task_id


def is_at(instance: Json, incarnation: int) -> bool:
    """Whether this is its current launch."""
    return instance["containers"][0].get("containerId", "").endswith(f".{incarnation}")


def relaunched(scheduler: Scheduler, pod_id: str, last: str, after: str) -> Json:
    """The only instance, once it runs with another task id than before."""

    def probe() -> Json | None:
        status = scheduler.client.status(pod_id)
        instance = next(iter(status.get("instances", ())), None)
        if status["status"] != "STABLE" or instance is None or instance["status"] != "STABLE":
            return None
        return instance if task_of(instance) != last else None

    return scheduler.wait(f"{pod_id} runs again after {after}", probe)


def volume_of(scheduler: Scheduler, instance: Json) -> Path:
    """Folder of the instance's only volume on the agent's main disk."""
    (volume,) = instance["localVolumes"]
    agent = next(each for each in scheduler.cluster.agents if each.host == instance["agentHostname"])
    return agent.work_dir / "volumes/roles" / instance["role"] / volume["persistenceId"]


def volumes(scheduler: Scheduler, role: str) -> list[Path]:
    """Volumes of a role on the main disks of all agents."""
    return [path for agent in scheduler.cluster.agents for path in agent.work_dir.glob(f"volumes/roles/{role}/*")]


def lines(scheduler: Scheduler, volume: Path, count: int) -> list[str]:
    """Lines on a volume, once there are this many."""
    file = volume / "log"

    def probe() -> list[str] | None:
        found = file.read_text().splitlines() if file.exists() else []
        return found if len(found) >= count else None

    return scheduler.wait(f"{count} lines in {file}", probe, DEADLINE_SECONDS)
