"""The simulator: short runs of it, and that it notices when a protection is missing.

Longer runs: ``python -m tests.faults.simulator --seed 1 --events 1000000``.
"""

import itertools
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from scheduler.core.effects import Kill
from scheduler.core.events import StatusUpdated
from scheduler.core.frame import Change
from scheduler.core.lifecycle import abandoned, arrival, kept_volumes, kills, reconcile, statuses
from scheduler.core.offer.reservations import giving_back
from scheduler.core.placement.residents import Residents
from scheduler.core.rollout import deployments
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.loop.bus import StreamEvent
from scheduler.store.memory import MemoryStore
from tests.faults.simulator.checkers import ViolationError
from tests.faults.simulator.durable import DurableStore
from tests.faults.simulator.process import Process
from tests.faults.simulator.simulation import Simulation

Patch = Callable[[pytest.MonkeyPatch], None]


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def test_no_promise_is_broken() -> None:
    simulations = [Simulation(seed) for seed in range(1, 5)]
    for each in simulations:
        each.run(12_000)

    assert all(each.rounds for each in simulations)
    assert any(each.replays for each in simulations)


def test_a_seed_always_gives_the_same_history() -> None:
    first, second = Simulation(5), Simulation(5)
    for each in (first, second):
        each.run(2000)

    assert first.network.last() == second.network.last()
    assert first.report() == second.report()
    assert first.report() != Simulation(6).report()


def test_an_old_backup_ends_nothing_and_no_id_is_used_again() -> None:
    """After rough times a backup of them is restored; what it does not know runs on until users have it killed."""
    simulations = [Simulation(seed, restores=True) for seed in range(1, 5)]
    for each in simulations:
        each.run(12_000)

    assert sum(each.restores for each in simulations) > len(simulations)
    assert sum(each.orphans for each in simulations) > len(simulations)


# ------------------------------------------------------------------- without a protection


def no_order_of_statuses(patch: pytest.MonkeyPatch) -> None:
    """Statuses are believed in the order in which they arrive."""
    patch.setattr(statuses, "_is_outdated", lambda *_: False)


def no_repeated_kills(patch: pytest.MonkeyPatch) -> None:
    """A KILL is sent once."""
    patch.setattr(kills, "is_due", lambda *_: False)


def no_reconciliation(patch: pytest.MonkeyPatch) -> None:
    """Nobody asks what happened while there was no connection."""
    patch.setattr(reconcile, "begin", nothing)


def no_record_of_abandoned_launches(patch: pytest.MonkeyPatch) -> None:
    """What the master does not know has ended."""
    patch.setattr(Turn, "_leave", nothing)


def no_kills_of_abandoned_launches(patch: pytest.MonkeyPatch) -> None:
    """An abandoned launch that turns up runs on."""
    patch.setattr(abandoned, "_kill", nothing)


def no_look_for_gone_agents(patch: pytest.MonkeyPatch) -> None:
    """Waiting instances with volumes do not learn that their agent is gone."""
    patch.setattr(kept_volumes, "on_agent_gone", nothing)


def killing_what_is_unknown(patch: pytest.MonkeyPatch) -> None:
    """Running tasks that the store does not know are killed on sight."""
    expected = statuses._unexpected

    def kill(turn: Turn, event: StatusUpdated) -> None:
        expected(turn, event)
        turn.emit(Kill(event.task_id, event.agent_id))

    patch.setattr(statuses, "_unexpected", kill)


def destroying_what_is_unknown(patch: pytest.MonkeyPatch) -> None:
    """Volumes of instances that the store does not know are destroyed."""

    def destroy(self: Residents) -> None:
        for owner, found in self._kept.items():
            if owner not in self._turn.world.instances:
                for on, resources in found:
                    on.operations.extend(giving_back(resources))

    patch.setattr(Residents, "_log_strangers", destroy)


def deployments_that_end_twice(patch: pytest.MonkeyPatch) -> None:
    """Success is published twice."""
    succeed = deployments._succeed

    def twice(*arguments: Any) -> None:
        succeed(*arguments)
        succeed(*arguments)

    patch.setattr(deployments, "_succeed", twice)


def a_store_that_loses_commits(patch: pytest.MonkeyPatch) -> None:
    """The last commit before a restart is gone."""
    commit = DurableStore.commit
    late: dict[DurableStore, tuple[Any, ...]] = {}

    def postpone(self: DurableStore, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        if self in late:
            commit(self, *late[self])
        late[self] = (changes, events)

    def load(self: DurableStore) -> list[Any]:
        late.pop(self, None)
        return MemoryStore.load(self)

    patch.setattr(DurableStore, "commit", postpone)
    patch.setattr(DurableStore, "load", load)


def effects_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """What the core asks for is done before it is durable."""
    commit = Process._commit
    perform = Process._perform

    def early(self: Process, batch: Any) -> None:
        perform(self, batch)
        commit(self, batch)

    patch.setattr(Process, "_commit", early)
    patch.setattr(Process, "_perform", nothing)


def numbers_of_events_that_start_again(patch: pytest.MonkeyPatch) -> None:
    """A restarted scheduler counts from one."""
    patch.setattr(DurableStore, "tail", lambda _: [])


def ids_out_of_the_air(patch: pytest.MonkeyPatch) -> None:
    """The core is not a function of its arguments."""
    numbers = itertools.count()
    patch.setattr(World, "new_uuid", lambda _: str(uuid.UUID(int=next(numbers))))


def no_leaps(patch: pytest.MonkeyPatch) -> None:
    """The incarnations that an old backup does not know are used again."""
    patch.setattr(arrival, "leap", lambda _, incarnation: incarnation)


@pytest.mark.parametrize(
    "removed",
    [
        pytest.param(no_leaps, id="leaps"),
        pytest.param(killing_what_is_unknown, id="unknown tasks are left alone"),
        pytest.param(destroying_what_is_unknown, id="unknown volumes are left alone"),
    ],
)
def test_a_missing_protection_from_old_backups_is_noticed(removed: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    removed(monkeypatch)
    with pytest.raises(ViolationError):
        run_some(restores=True)


def run_some(*, restores: bool = False) -> None:
    """Run some histories."""
    for seed in range(1, 31 if restores else 16):
        Simulation(seed, restores=restores).run(12_000)


@pytest.mark.parametrize(
    "removed",
    [
        pytest.param(no_order_of_statuses, id="order of statuses"),
        pytest.param(no_repeated_kills, id="repeated kills"),
        pytest.param(no_reconciliation, id="reconciliation"),
        pytest.param(no_record_of_abandoned_launches, id="records of abandoned launches"),
        pytest.param(no_kills_of_abandoned_launches, id="kills of abandoned launches"),
        pytest.param(no_look_for_gone_agents, id="gone agents"),
        pytest.param(killing_what_is_unknown, id="unknown tasks are left alone"),
        pytest.param(deployments_that_end_twice, id="one end of a deployment"),
        pytest.param(a_store_that_loses_commits, id="durable commits"),
        pytest.param(effects_before_the_commit, id="effects after the commit"),
        pytest.param(numbers_of_events_that_start_again, id="numbers of events"),
        pytest.param(ids_out_of_the_air, id="a pure core"),
    ],
)
def test_a_missing_protection_is_noticed(removed: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one of some histories: which of them needs the protection changes with the core."""
    removed(monkeypatch)
    with pytest.raises(ViolationError):
        run_some()
