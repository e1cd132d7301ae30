"""A simulated Mesos master with any number of agents: a C++ program, compiled when it is first needed.

What it simulates is the master's v1 scheduler API as far as a scheduler can tell; what runs on its agents are names. It
accounts for every resource, offer, refusal, task and acknowledgement, tells a scheduler's mistakes, and measures.
"""

from bench.simulator.build import binary
from bench.simulator.process import Latencies, Simulator, Stats

__all__ = ["Latencies", "Simulator", "Stats", "binary"]
