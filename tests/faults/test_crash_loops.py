"""A thousand pods that crash at once whenever they are launched, beside healthy ones."""

from collections import Counter, defaultdict

from scheduler.core.effects import Revive, Suppress
from scheduler.core.events import OffersReceived, StatusesUpdated, StatusUpdated, Ticked
from scheduler.core.facts.conditions import condition
from scheduler.core.ids import instance_of
from scheduler.model.records import Condition
from tests.core.support import Story, definition, groups, offer

CRASHING, HEALTHY, AGENTS = 1000, 20, 10
MAX_DELAY = 60.0
BACKOFF = {"backoff": {"backoff": 1, "backoffFactor": 2, "maxLaunchDelay": MAX_DELAY}}
C = Condition


class Site(Story):
    """Agents that offer all they have, every second, while that is asked for.

    Pods below ``/bad`` run for a moment, all others run on.
    """

    def __init__(self) -> None:
        super().__init__(hold_offer_duration=1, max_running_deployments=10_000)
        self.launches: dict[str, list[float]] = defaultdict(list)  # by pod id
        self._count = 0
        self._wanted = False
        self.subscribe()

    def second(self) -> None:
        """A second passes."""
        self.now += 1
        first = len(self.frames)
        while (deadline := self.world.next_deadline()) is not None and deadline <= self.now:
            self.tell(Ticked())
        if self._wanted:
            self._count += 1
            named = (offer(f"O{self._count}-{each}", f"A{each}", cpus=10_000, mem=1e7) for each in range(AGENTS))
            self.tell(OffersReceived(tuple(named)))
        self._run(first)
        for effect in (effect for frame in self.frames for effect in frame.effects):
            if isinstance(effect, Revive | Suppress):
                self._wanted = isinstance(effect, Revive)
        self.frames.clear()

    def _run(self, first: int) -> None:
        statuses = []
        for group in groups(self._together(first)):
            for info in group["task_group"]["tasks"]:
                task_id, agent_id = info["task_id"]["value"], info["agent_id"]["value"]
                pod_id = self.world.instances[instance_of(task_id)].pod_id
                self.launches[pod_id].append(self.now)
                for number, each in enumerate((C.RUNNING, C.FAILED) if pod_id.startswith("/bad") else (C.RUNNING,)):
                    statuses.append(StatusUpdated(task_id, each, agent_id, f"{task_id}-{number}", self.now))
        if statuses:
            self.tell(StatusesUpdated(tuple(statuses)))

    def running(self, prefix: str) -> int:
        """How many instances of pods run whose ids start so."""
        return sum(
            condition(each) is C.RUNNING for each in self.world.instances.values() if each.pod_id.startswith(prefix)
        )


def test_a_thousand_crashing_pods_neither_hold_others_up_nor_fill_the_memory() -> None:
    site = Site()
    for number in range(HEALTHY):
        site.post(definition(id=f"/good{number}", instances=2))
    for number in range(CRASHING):
        site.post(definition(id=f"/bad/{number}", scheduling=BACKOFF))
    for _ in range(150):
        site.second()
    kept = Counter(kind for kind, _ in site.stored)
    deadlines, delays = len(site.world.deadlines), len(site.world.queues.delays)
    assert site.running("/good") == 2 * HEALTHY

    site.post(definition(id="/good/late", instances=3))
    site.put(definition(id="/good0", instances=5))
    for _ in range(5):
        site.second()
    assert site.running("/good") == 2 * HEALTHY + 3 + 3, "healthy pods wait behind crashing ones"

    began = site.now
    for _ in range(150):
        site.second()
    for number in range(CRASHING):
        late = [at for at in site.launches[f"/bad/{number}"] if at >= began]
        assert 2 <= len(late) <= 150 / MAX_DELAY + 1, f"/bad/{number} was launched {late} after {began}"
    for number in range(HEALTHY):
        assert len(site.launches[f"/good{number}"]) == (5 if number == 0 else 2), "a healthy instance was relaunched"

    added = Counter(kind for kind, _ in site.stored) - kept
    assert sum(added.values()) <= 3 + 3 + 3, f"records were added: {added}"
    assert len(site.world.queues.delays) == delays == CRASHING
    assert len(site.world.deadlines) <= 1.5 * deadlines
    assert all(len(pod.terminations) <= site.settings.terminations_kept for pod in site.world.pods.values())
