"""`make bench`: run every benchmark, or one (ARGS="scale --quick"), and print the results."""

import argparse
import sys
from types import ModuleType

from bench import (
    access,
    executor_idle,
    executor_memory,
    handover,
    launch_latency,
    mesos_edge,
    offers,
    posts,
    scale,
    status,
    ui,
)
from bench.ending import signals_as_interrupts

_MODULES = (
    access,
    executor_idle,
    executor_memory,
    handover,
    launch_latency,
    mesos_edge,
    offers,
    posts,
    scale,
    status,
    ui,
)
_MEASUREMENTS: dict[str, ModuleType] = {module.NAME: module for module in _MODULES}


def main() -> None:
    """Run the named benchmark with its options, or all of them with their defaults."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run every benchmark, or the named one.")
    names = parser.add_subparsers(dest="name", metavar="NAME")
    parsers = {}
    for name, module in _MEASUREMENTS.items():
        parsers[name] = names.add_parser(name, help=module.HELP, description=module.__doc__)
        module.add_options(parsers[name])
    options = parser.parse_args()
    try:
        with signals_as_interrupts():
            for name in (options.name,) if options.name else tuple(_MEASUREMENTS):
                _say(f"==== {name}")
                _MEASUREMENTS[name].run(options if options.name else parsers[name].parse_args([]), _say)
    except KeyboardInterrupt:
        sys.exit(130)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
