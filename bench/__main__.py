"""`make bench`: run the measurements, or those named (ARGS="executor-memory"), and print what they show."""

import argparse
import os
import socket
import tempfile
from pathlib import Path

from bench import executor_idle, executor_memory, executor_start
from localmesos import Cluster
from scheduler.cli.local import LocalScheduler, build_executor

MEASUREMENTS = {
    "executor-idle": executor_idle.measure,
    "executor-memory": executor_memory.measure,
    "executor-start": executor_start.measure,
}


def main() -> None:
    """Run on a local Mesos of their own, which is gone afterwards."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    names = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := set(names) - MEASUREMENTS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    cluster = Cluster.up(f"bench-{os.getpid()}", agents=1, owner_pid=os.getpid(), progress=print)
    try:
        with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as probe:
            Path(folder).chmod(0o755)
            executor = build_executor(Path(folder, "podexec.pyz"))
            port = probe.getsockname()[1]
            probe.close()
            scheduler = LocalScheduler(cluster, Path(folder), executor, f"127.0.0.1:{port}")
            try:
                scheduler.start()
                for name in names:
                    print(f"== {name}")
                    MEASUREMENTS[name](scheduler, print)
            finally:
                scheduler.close()
    finally:
        cluster.down()


if __name__ == "__main__":
    main()
