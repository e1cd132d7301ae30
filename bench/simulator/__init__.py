"""A simulated Mesos master with any number of agents: a C++ program, compiled when it is first needed.

It simulates the master's v1 scheduler API as far as a scheduler can tell; its agents run nothing. It accounts for every
resource, offer, refusal, task and acknowledgement, reports a scheduler's mistakes, and measures latencies.
"""

from bench.simulator.build import binary
from bench.simulator.process import Latencies, Simulator, Stats

__all__ = ["Latencies", "Simulator", "Stats", "binary"]
