"""Runs the simulator and prints a report: ``python -m tests.faults.simulator --seed 1 --events 1000000``."""

import argparse
import sys
import time
import traceback

from tests.faults.simulator.simulation import Simulation


def main() -> int:
    """Run; 1 if a promise was broken."""
    options = argparse.ArgumentParser(prog="python -m tests.faults.simulator", description=__doc__)
    options.add_argument("--seed", type=int, default=1, help="the history to play")
    options.add_argument("--events", type=int, default=1_000_000, help="how many events to let happen, at least")
    options.add_argument("--restores", action="store_true", help="restore an old backup after each rough time")
    asked = options.parse_args()
    simulation = Simulation(asked.seed, restores=asked.restores)
    began = time.perf_counter()
    try:
        simulation.run(asked.events)
    except Exception as error:
        print("\n".join(simulation.network.last()))
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        print(f"\nFAILED at event {simulation.timeline.events} of seed {asked.seed}, {simulation.timeline.now:.3f} s:")
        print(f"{type(error).__name__}: {error}\n")
        print(simulation.report())
        return 1
    seconds = time.perf_counter() - began
    print(simulation.report())
    print(f"\nno promise broken; {simulation.timeline.events / seconds:,.0f} events/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
