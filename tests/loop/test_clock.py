"""The scheduler's clock, for every way in which the system's clock may jump."""

import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scheduler.loop.clock import Clock, steady

JUMPS = st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e9, 1e9)), max_size=20)


class Machine:
    """Two clocks: one that runs, one that is set."""

    def __init__(self) -> None:
        self.ran = 500.0
        self.ahead = 1_700_000_000.0

    def steady(self) -> float:
        return self.ran

    def wall(self) -> float:
        return self.ran + self.ahead


@given(JUMPS)
def test_it_advances_as_time_does_however_the_wall_clock_jumps(jumps: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = Clock(steady=machine.steady, wall=machine.wall)
    start = clock.now()
    assert start == machine.wall()
    for passed, by in jumps:
        before = clock.now()
        machine.ran += passed
        machine.ahead += by
        assert abs(clock.now() - before - passed) < 1e-3
    skew = clock.was_set()
    if skew is not None:
        assert abs(clock.now() + skew - machine.wall()) < 1e-3
    assert clock.was_set() is None, "told once"


def test_a_small_difference_is_not_worth_a_word() -> None:
    machine = Machine()
    clock = Clock(steady=machine.steady, wall=machine.wall)
    machine.ahead += 0.9
    assert clock.was_set() is None
    machine.ahead += 0.2
    assert clock.was_set() is not None


def test_what_was_known_before_a_restart_is_no_news() -> None:
    machine = Machine()
    assert Clock(machine.wall() + 3600, -3600.0, steady=machine.steady, wall=machine.wall).was_set() is None


def test_the_steady_clock_runs() -> None:
    before = steady()
    time.sleep(0.01)
    assert 0.005 < steady() - before < 60


def test_the_steady_clock_is_one_that_nobody_sets() -> None:
    """The time since the machine started, which is the same clock."""
    before = steady()
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert before - 0.02 <= uptime <= steady() + 0.02
