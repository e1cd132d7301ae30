"""The driver of one of several schedulers: without its lease it neither subscribes nor sends, and keeps no offers."""

import time

from structlog.testing import capture_logs

from scheduler.core.effects import Kill, Revive
from scheduler.core.events import Disconnected, FrameworkFailed, Subscribed
from tests.fakes.master import Answer, FakeMaster
from tests.mesos.running import ACCEPT, connected, connecting

FAILED_OVER = {"type": "ERROR", "error": {"message": "Framework failed over"}}


class Lease:
    """A lease that the test ends; or the clock, after so many looks."""

    def __init__(self) -> None:
        self.is_held = True
        self.looks_left: int | None = None

    def holds(self) -> bool:
        """Whether it holds."""
        if self.looks_left is not None:
            self.looks_left -= 1
            self.is_held = self.looks_left >= 0
        return self.is_held


def test_with_its_lease_it_works_as_ever(master: FakeMaster) -> None:
    with connected(master, lease=Lease()) as framework:
        framework.driver.perform(Revive(("web",)))
        [call] = master.calls.wait_for_count(1, "the call")
        assert call.type == "REVIVE"


def test_without_its_lease_it_does_not_subscribe(master: FakeMaster) -> None:
    lease = Lease()
    lease.is_held = False
    with capture_logs() as logs, connecting(master, lease=lease) as framework:
        deadline = time.monotonic() + 10
        while not [line for line in logs if line.get("reason") == "another scheduler may lead now"]:
            assert time.monotonic() < deadline, logs
            time.sleep(0.01)
        assert master.subscribes.all() == []
        lease.is_held = True
        framework.wait_for(Subscribed)


def test_calls_without_the_lease_are_dropped_and_the_subscription_ends(master: FakeMaster) -> None:
    """Otherwise the offers of the subscription would never be answered."""
    lease = Lease()
    with connected(master, lease=lease) as framework:
        lease.is_held = False
        framework.driver.perform_all((ACCEPT, Kill("task", None)))
        framework.wait_for(Disconnected)
        assert master.calls.all() == []
        assert len(master.subscribes.all()) == 1


def test_calls_that_are_queued_when_the_lease_ends_are_not_sent(master: FakeMaster) -> None:
    """As in a process that was paused after it had decided."""
    lease = Lease()
    with connected(master, lease=lease) as framework:
        lease.looks_left = 1  # it is looked at when they are queued, and before they are sent
        framework.driver.perform_all((ACCEPT,))
        framework.wait_for(Disconnected)
        assert master.calls.all() == []


def test_calls_behind_a_slow_one_are_not_sent_after_the_lease_has_ended(master: FakeMaster) -> None:
    lease = Lease()
    with connected(master, lease=lease) as framework:
        master.answers.append(Answer(after=0.2))
        framework.driver.perform(Revive(("web",)))
        master.calls.wait_for_count(1, "the slow call")
        lease.looks_left = 1
        framework.driver.perform(Kill("behind", None))
        framework.wait_for(Disconnected)
        assert [call.type for call in master.calls.all()] == ["REVIVE"]


def test_the_leader_takes_its_framework_back_from_one_that_was_paused(master: FakeMaster) -> None:
    with connected(master, lease=Lease()) as framework:
        master.send(FAILED_OVER)
        framework.wait_for(Subscribed, 2)
        assert len(master.subscribes.all()) == 2


def test_who_has_no_lease_any_more_does_not(master: FakeMaster) -> None:
    lease = Lease()
    with connected(master, lease=lease) as framework:
        lease.is_held = False
        master.send(FAILED_OVER)
        [failure] = framework.wait_for(FrameworkFailed)
        assert failure == FrameworkFailed("Framework failed over")
        assert len(master.subscribes.all()) == 1


def test_a_framework_that_the_master_refuses_otherwise_is_given_up_by_the_leader_too(master: FakeMaster) -> None:
    with connected(master, lease=Lease()) as framework:
        master.send({"type": "ERROR", "error": {"message": "Framework has been removed"}})
        framework.wait_for(FrameworkFailed)
        assert len(master.subscribes.all()) == 1
