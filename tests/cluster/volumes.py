"""What tests of persistent volumes do, and where they look."""

from pathlib import Path

import httpx2

from tests.cluster.support import DEADLINE_SECONDS, Json, Scheduler, agent_state, container

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
    """Remove the pod, whatever deployment is on its way, and wait until agents keep nothing for its role any more."""
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
