"""The queues of instances that wait for an offer, with their back-off, and the reservations to be released.

A queue holds the waiting instances of one configuration of a pod. Its key is the definition's.
"""

from collections.abc import Iterable

from scheduler.core.facts.conditions import is_to_be_freed
from scheduler.core.frame import definition_key
from scheduler.core.indexes import discard
from scheduler.core.offer.refusals import QueueHistory
from scheduler.model.frozen import Frozen
from scheduler.model.records import Goal, Instance, Pod


class Delay(Frozen):
    """The launch back-off of one configuration of a pod: the delay, the failure that set it, and its end."""

    seconds: float
    since: float
    until: float


class Queues:
    """The instances that wait for an offer, and which of them may be launched now.

    Attributes:
        waiting: by queue, the ids of its instances, oldest first.
        launchable: by role, the queues without a back-off, in the order in which they are served.
        freeing: by instance id, the role of the instances whose reservation is to be released.
        delays: by queue. Not stored.
        histories: by queue, the results of matching it with offers. Not stored.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, None]] = {}
        self.launchable: dict[str, dict[str, None]] = {}
        self.freeing: dict[str, str] = {}
        self.delays: dict[str, Delay] = {}
        self.histories: dict[str, QueueHistory] = {}
        self._blocked: set[str] = set()  # queues whose back-off has not elapsed
        self._roles: dict[str, str] = {}  # by waiting queue; a new role of a pod is a new configuration

    def update(self, old: Instance | None, new: Instance | None) -> None:
        """The state of an instance changed from old to new; None: it did not exist, or no longer does."""
        if old and new and old.tasks and new.tasks and old.goal is new.goal is Goal.RUNNING:
            return  # as in nearly all changes: it neither waits nor waited, and has nothing to be released
        before, after = _queue(old), _queue(new)
        if before != after:
            if old and before:
                self._leave(before, old)
            if new and after:
                self._enter(after, new)
        if new and is_to_be_freed(new):
            self.freeing[new.id] = new.role
        elif old:
            self.freeing.pop(old.id, None)

    def delay(self, queue: str, delay: Delay) -> None:
        """Launch nothing from this queue until ``release``."""
        self.delays[queue] = delay
        if delay.seconds:
            self._blocked.add(queue)
            self._hold_back(queue)

    def release(self, queue: str) -> None:
        """The delay has elapsed. Its length is remembered for the next failure."""
        self._blocked.discard(queue)
        if queue in self.waiting:
            self.launchable.setdefault(self._roles[queue], {})[queue] = None

    def forget_delay(self, queue: str) -> None:
        """Start again as if nothing had failed."""
        self.delays.pop(queue, None)
        self.release(queue)

    def launchable_among(self, queues: Iterable[str] | None) -> dict[str, list[str]]:
        """By role, those of these queues that are launchable, in this order; None: all."""
        if queues is None:
            return {role: list(each) for role, each in self.launchable.items()}
        found: dict[str, list[str]] = {}
        for queue in queues:
            role = self._roles.get(queue, "")
            if queue in self.launchable.get(role, ()):
                found.setdefault(role, []).append(queue)
        return found

    def put_last(self, queue: str) -> None:
        """Serve the other queues of its role first, if it is launchable."""
        queues = self.launchable.get(self._roles.get(queue, ""), {})
        if queue in queues:
            queues[queue] = queues.pop(queue)

    def forget_agent(self, agent_id: str) -> None:
        """Forget the refusals of an agent that is gone."""
        for match_round in {id(each): each for history in self.histories.values() for each in history.rounds}.values():
            match_round.forget(agent_id)

    def _enter(self, queue: str, instance: Instance) -> None:
        self.waiting.setdefault(queue, {})[instance.id] = None
        self._roles[queue] = instance.role
        if queue not in self._blocked:
            self.launchable.setdefault(instance.role, {})[queue] = None

    def _leave(self, queue: str, instance: Instance) -> None:
        discard(self.waiting, queue, instance.id)
        if queue not in self.waiting:
            self._hold_back(queue)
            self.histories.pop(queue, None)
            del self._roles[queue]

    def _hold_back(self, queue: str) -> None:
        role = self._roles.get(queue, "")
        if queue in self.launchable.get(role, ()):
            discard(self.launchable, role, queue)


def pod_of_queue(queue: str) -> str:
    """The id of the pod whose instances wait in a queue."""
    return queue.rpartition("@")[0]


def queue_of(pod: Pod) -> str:
    """The queue of the instances of a pod's current configuration."""
    return definition_key(pod.id, pod.config_version)


def _queue(instance: Instance | None) -> str | None:
    """The queue an instance waits in."""
    if instance is None or instance.tasks or instance.goal is not Goal.RUNNING:
        return None
    return definition_key(instance.pod_id, instance.config_version)
