"""`make bench`: run the measurements, or those named (ARGS="executor-memory"), and print what they show."""

import argparse
import os
import socket
import tempfile
from pathlib import Path

from bench import executor_memory, mesos_edge
from localmesos import Cluster
from scheduler.cli.local import LocalScheduler, build_executor

WITHOUT_MESOS = {"mesos-edge": mesos_edge.measure}
ON_MESOS = {"executor-memory": executor_memory.measure}


def main() -> None:
    """Those that need one run on a local Mesos of their own, which is gone afterwards."""
    known = [*WITHOUT_MESOS, *ON_MESOS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all by default")
    names = parser.parse_args().names or known
    if unknown := set(names) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    for name in WITHOUT_MESOS.keys() & set(names):
        print(f"== {name}")
        WITHOUT_MESOS[name](print)
    if on_mesos := [name for name in names if name in ON_MESOS]:
        _on_mesos(on_mesos)


def _on_mesos(names: list[str]) -> None:
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
                    ON_MESOS[name](scheduler, print)
            finally:
                scheduler.close()
    finally:
        cluster.down()


if __name__ == "__main__":
    main()
