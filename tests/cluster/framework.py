"""A framework that is not ours: pymesos as it is, and task groups on executors of type DEFAULT.

It knows nothing of podexec. What it launches is what any framework would send to a Mesos cluster.
"""

import getpass
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any

# pymesos' own classes; that module only repairs what importing pymesos does to the process.
from scheduler.mesos.library import MesosSchedulerDriver
from scheduler.mesos.library import Scheduler as Callbacks
from tests.cluster.support import DEADLINE_SECONDS

Json = dict[str, Any]
CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "RESERVATION_REFINEMENT")


class Framework(Callbacks):  # pymesos has no types
    """A framework, registered from `start` to `stop`, that keeps every offer until it is used or rescinded."""

    def __init__(self, master: str, role: str = "*") -> None:
        """Make a framework that is not started yet."""
        info = {
            "user": getpass.getuser(),
            "name": "not-podexec",
            "roles": [role],
            "checkpoint": True,
            "capabilities": [{"type": capability} for capability in CAPABILITIES],
        }
        self._changed = threading.Condition()
        self._offers: dict[str, Json] = {}
        self._updates: dict[str, Json] = {}  # by uuid: Mesos may deliver one twice
        self.driver = MesosSchedulerDriver(self, info, master)

    def start(self) -> None:
        """Register, and return when the master has answered."""
        self.driver.start()
        self.wait("the registration", lambda: self.driver.framework_id is not None)

    def stop(self) -> None:
        """Tear the framework down, with all its tasks."""
        self.driver.stop()
        self.driver.join()

    # ------------------------------------------------- what pymesos tells, on its thread

    def registered(self, driver: Any, framework_id: Json, master_info: Json) -> None:
        with self._changed:
            self._changed.notify_all()

    def resourceOffers(self, driver: Any, offers: list[Json]) -> None:
        with self._changed:
            self._offers |= {offer["id"]["value"]: offer for offer in offers}
            self._changed.notify_all()

    def offerRescinded(self, driver: Any, offer_id: Json) -> None:
        with self._changed:
            self._offers.pop(offer_id["value"], None)

    def statusUpdate(self, driver: Any, status: Json) -> None:
        with self._changed:
            self._updates.setdefault(status.get("uuid", uuid.uuid4().hex), status)
            self._changed.notify_all()

    # ------------------------------------------------------------------- what tests ask

    def wait(self, what: str, condition: Callable[[], Any]) -> None:
        """Wait until the condition holds; it is checked after each callback of pymesos."""
        with self._changed:
            if not self._changed.wait_for(condition, DEADLINE_SECONDS):
                seen = [(s["task_id"]["value"], s["state"], s.get("message")) for s in self._updates.values()]
                raise AssertionError(f"{what}: not within {DEADLINE_SECONDS:g} s; updates: {seen}")

    def offers(self, agent: str = "", suits: Callable[[list[Json]], bool] = lambda found: True) -> list[Json]:
        """All offers of the agent, or of any agent, once they have a CPU and suit the condition."""
        taken: list[Json] = []

        def look() -> bool:
            for agent_id in [agent] if agent else {each["agent_id"]["value"] for each in self._offers.values()}:
                mine = [each for each in self._offers.values() if each["agent_id"]["value"] == agent_id]
                found = [resource for each in mine for resource in each["resources"]]
                if sum(each["scalar"]["value"] for each in found if each["name"] == "cpus") >= 1 and suits(found):
                    taken.extend(self._offers.pop(each["id"]["value"]) for each in mine)
                    return True
            return False

        self.wait("offers", look)
        return taken

    def accept(self, offers: list[Json], *operations: Json) -> None:
        """Accept offers of an agent; the rest of them is offered again at once."""
        self.driver.acceptOffers([each["id"] for each in offers], list(operations), filters={"refuse_seconds": 0})

    def launch(self, executor: str, *tasks: Json, agent: str = "", first: Iterable[Json] = ()) -> str:
        """Launch a group on the agent, or on any, after other operations on the same offers; returns the agent's id."""
        ready_made = [] if first else [each for task in tasks for each in task["resources"] if "disk" in each]
        offers = self.offers(agent, lambda found: has_volumes(found, ready_made))
        info = {
            "type": "DEFAULT",
            "executor_id": {"value": executor},
            "framework_id": {"value": self.driver.framework_id},
            "resources": resources(cpus=0.1, mem=32, disk=10),
            "data": "bm90IGZvciBwb2RleGVj",
        }
        group = {"tasks": [{**task, "agent_id": offers[0]["agent_id"]} for task in tasks]}
        self.accept(offers, *first, {"type": "LAUNCH_GROUP", "launch_group": {"executor": info, "task_group": group}})
        agent_id: str = offers[0]["agent_id"]["value"]
        return agent_id

    def kill(self, task: str) -> None:
        """Kill a task without a kill policy, which pymesos does not support."""
        self.driver.killTask({"value": task})

    def statuses(self, task: str) -> list[Json]:
        """All statuses of a task."""
        with self._changed:
            return [status for status in self._updates.values() if status["task_id"]["value"] == task]

    def wait_status(self, task: str, what: str, suits: Callable[[Json], Any]) -> None:
        """Wait until the task's last status meets the condition."""
        self.wait(f"{task}: {what}", lambda: any(map(suits, self.statuses(task)[-1:])))

    def states(self, task: str) -> list[str]:
        """Statuses of a task, without those that only report a check."""
        return [
            status["state"] for status in self.statuses(task) if "CHECK_STATUS_UPDATED" not in status.get("reason", "")
        ]

    def wait_states(self, task: str, *states: str) -> Json:
        """Wait until the task has had exactly these states; returns its last status."""
        self.wait(f"{task} to go {' '.join(states)}", lambda: self.states(task) == list(states))
        return self.statuses(task)[-1]


def has_volumes(offered: list[Json], wanted: list[Json]) -> bool:
    """Whether all persistent volumes are offered."""
    ids = {each["disk"]["persistence"]["id"] for each in offered if "persistence" in each.get("disk", {})}
    return ids >= {each["disk"]["persistence"]["id"] for each in wanted}


def resources(**amounts: float) -> list[Json]:
    """Resources of any names."""
    return [{"name": name, "type": "SCALAR", "scalar": {"value": amount}} for name, amount in amounts.items()]


def task(name: str, shell: str, **more: Any) -> Json:
    """A small task whose id is its name."""
    return {
        "name": name,
        "task_id": {"value": name},
        "resources": resources(cpus=0.1, mem=32),
        "command": {"shell": True, "value": shell},
        **more,
    }
