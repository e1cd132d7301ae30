"""The baseline: a plain pymesos scheduler that only launches.

It launches the same groups as podexec, as many on each offer as fit, lets pymesos acknowledge statuses, and stores
nothing. Run by ``python -m bench.bare MASTER PODS``; runs until it is killed.
"""

import sys
import uuid
from collections.abc import Iterator
from typing import Any

from bench.workload import COMMAND, CONTAINER_CPUS, CONTAINER_MEM, CONTAINERS, POD_CPUS, POD_DISK, POD_MEM
from podexec._vendor.pymesos import MesosSchedulerDriver, Scheduler
from scheduler.model.json import Json

_REFUSE_SECONDS = 120.0
_CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "RESERVATION_REFINEMENT")
_VERSION = "2026-01-01T00:00:00.000Z"


class BareScheduler(Scheduler):  # type: ignore[misc] # pymesos has no types
    """Launches this many pods."""

    def __init__(self, pods: int) -> None:
        self._left = pods

    def resourceOffers(self, driver: Any, offers: list[Json]) -> None:
        """Fill every offer; decline offers that are not needed."""
        unused = []
        for offer in offers:
            count = min(self._left, room(offer))
            if count == 0:
                unused.append(offer["id"])
                continue
            self._left -= count
            operations = [launch_group(offer, str(uuid.uuid4())) for _ in range(count)]
            driver.acceptOffers(offer["id"], operations, {"refuse_seconds": _REFUSE_SECONDS})
        if unused:
            driver.declineOffer(unused, {"refuse_seconds": _REFUSE_SECONDS})


def room(offer: Json) -> int:
    """Number of pods that fit into an offer."""
    has = {each["name"]: each["scalar"]["value"] for each in offer["resources"] if each["type"] == "SCALAR"}
    wants = {"cpus": POD_CPUS, "mem": POD_MEM, "disk": POD_DISK}
    return min(int(has.get(name, 0.0) / wanted + 1e-6) for name, wanted in wants.items())


def launch_group(offer: Json, instance: str) -> Json:
    """The operation that launches one pod, the same as podexec's."""
    executor_id = f"instance-bench_fill.{instance}"
    role = offer["allocation_info"]["role"]
    executor = {
        "type": "DEFAULT",
        "executor_id": {"value": executor_id},
        "framework_id": offer["framework_id"],
        "resources": list(_resources(role, cpus=0.1, mem=32.0, disk=10.0)),
        "container": {"type": "MESOS", "linux_info": {"share_cgroups": False}},
        "labels": {"labels": []},
        "shutdown_grace_period": {"nanoseconds": 8_000_000_000},
    }
    tasks = [_task(offer, instance, executor_id, name, role) for name in CONTAINERS]
    return {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}


def _task(offer: Json, instance: str, executor_id: str, name: str, role: str) -> Json:
    task_id = f"bench_fill.instance-{instance}.{name}.1"
    variables = {
        "HOST": offer["hostname"],
        "MESOS_TASK_ID": task_id,
        "MESOS_EXECUTOR_ID": executor_id,
        "MARATHON_APP_ID": "/bench/fill",
        "MARATHON_APP_VERSION": _VERSION,
        "MARATHON_CONTAINER_ID": name,
        "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE",
        "MARATHON_CONTAINER_RESOURCE_CPUS": "0.1",
        "MARATHON_CONTAINER_RESOURCE_MEM": "32.0",
        "MARATHON_CONTAINER_RESOURCE_DISK": "0.0",
        "MARATHON_CONTAINER_RESOURCE_GPUS": "0",
        "MARATHON_APP_LABELS": "",
    }
    return {
        "name": name,
        "task_id": {"value": task_id},
        "agent_id": offer["agent_id"],
        "resources": list(_resources(role, cpus=CONTAINER_CPUS, mem=CONTAINER_MEM)),
        "command": {
            "shell": True,
            "value": COMMAND,
            "environment": {"variables": [{"name": key, "value": value} for key, value in variables.items()]},
        },
        "container": {"type": "MESOS", "linux_info": {"share_cgroups": False}},
        "labels": {"labels": []},
        "discovery": {"visibility": "FRAMEWORK", "name": "fill.bench", "ports": {"ports": []}},
    }


def _resources(role: str, **quantities: float) -> Iterator[Json]:
    for name, quantity in quantities.items():
        yield {
            "name": name,
            "type": "SCALAR",
            "allocation_info": {"role": role},
            "scalar": {"value": quantity},
        }


def main() -> None:
    """Run until killed."""
    master, pods = sys.argv[1:]
    framework = {
        "name": "bare",
        "user": "root",
        "roles": ["*"],
        "checkpoint": True,
        "failover_timeout": 604800.0,
        "capabilities": [{"type": capability} for capability in _CAPABILITIES],
    }
    driver = MesosSchedulerDriver(BareScheduler(int(pods)), framework, master, use_addict=False)
    driver.run()


if __name__ == "__main__":
    main()
