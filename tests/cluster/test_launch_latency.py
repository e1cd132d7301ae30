"""The time from a request until all containers run is measured phase by phase."""

import time
from dataclasses import astuple

from bench.launch_latency import measure
from tests.cluster.support import Scheduler


def test_the_phases_of_a_launch_are_those_of_its_time(scheduler: Scheduler) -> None:
    began = time.monotonic()
    (launch,) = measure(scheduler, 1)
    assert min(astuple(launch)) > 0
    assert 0.1 < launch.total < time.monotonic() - began
