"""The workload of the benchmarks: a pod of two containers, and the operation that launches one instance of it."""

import json
import subprocess
import sys

from scheduler.model.json import Json

COMMAND = "exec sleep 1000000"
CONTAINERS = ("web", "side")
CONTAINER_CPUS, CONTAINER_MEM = 0.1, 32.0
# Of one instance, including its executor's defaults.
POD_CPUS, POD_MEM, POD_DISK = 0.3, 96.0, 10.0
_SPARE = 1.3  # the capacity of agents, relative to what is to run on them


def pod(pod_id: str, instances: int) -> Json:
    """A pod definition as a user posts it."""
    resources = {"cpus": CONTAINER_CPUS, "mem": CONTAINER_MEM}
    return {
        "id": pod_id,
        "containers": [
            {"name": name, "resources": resources, "exec": {"command": {"shell": COMMAND}}} for name in CONTAINERS
        ],
        "scaling": {"kind": "fixed", "instances": instances},
    }


def pods_an_agent(instances: int, agents: int) -> int:
    """Number of instances that an agent can hold, so that all fit with some spare room."""
    return max(2, round(_SPARE * instances / agents))


def agent_size(instances: int, agents: int) -> dict[str, float]:
    """The cpus and mem of each agent."""
    each = pods_an_agent(instances, agents)
    return {"cpus": round(each * POD_CPUS, 3), "mem": each * POD_MEM}


def operation() -> Json:
    """The LAUNCH_GROUP that podexec sends for an instance, with placeholder ids, from ``podexec pod render``."""
    command = [sys.executable, "-P", "-m", "scheduler.cli.main", "pod", "render", "-"]
    definition = json.dumps(pod("/bench/fill", 1))
    rendered = subprocess.run(command, input=definition, capture_output=True, text=True, check=True)
    found: Json = json.loads(rendered.stdout)
    return found


def operation_template() -> str:
    """The operation as text, with the placeholders that the simulator's load generator fills."""
    text = json.dumps(operation(), separators=(",", ":"))
    for made_up, hole in (
        ('"value":"agent"', '"value":"@AGENT@"'),
        ('"value":"framework"', '"value":"@FRAMEWORK@"'),
        ("-000000000000", "-@NUMBER@"),
    ):
        if made_up not in text:
            raise RuntimeError(f"the rendered operation does not contain {made_up}: {text}")
        text = text.replace(made_up, hole)
    return text
