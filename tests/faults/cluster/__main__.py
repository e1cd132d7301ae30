"""``make faults``: disturbs a whole cluster under load; the exit code is 1 if it breaks a promise.

Makes a room, and runs itself inside it: what is started there ends with it, however this process ends.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import randrange

from localmesos import package
from tests.faults.cluster.bench import Bench, Options
from tests.faults.cluster.checkers import check
from tests.faults.cluster.history import History, of_kind, read
from tests.faults.cluster.report import report
from tests.faults.cluster.topology import Topology
from tests.vagrant.room import Room

_ROOT = Path(__file__).parents[3]
_RESULTS = _ROOT / "build" / "faults"
HISTORY, REPORT, LOGS = "history.jsonl", "report.txt", "logs"


def main(words: Sequence[str]) -> int:
    """Run, or judge a history again."""
    asked = _parser().parse_args(words)
    try:
        if asked.check is not None:
            return _judge(asked.check)
        options = _options(asked)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"make faults: {error}\n")
        return 2
    if asked.inside is not None:
        return _run(options, asked.inside, Path(asked.folder), asked.results)
    if os.geteuid() != 0:
        sys.stderr.write("make faults: network namespaces need root\n")
        return 2
    try:
        package.ensure(_say)  # a room has no way to a package index
    except package.PackageError as error:
        sys.stderr.write(f"make faults: {error}\n")
        return 2
    _say(f"seed {options.seed}; history, report and logs come into {asked.results}")
    return _in_room([*words, "--seed", str(options.seed)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--duration", type=float, default=300, help="seconds (300)")
    parser.add_argument("--seed", type=int, help="repeats the faults and requests of a run; another one each time")
    parser.add_argument("--round", type=float, default=20, help="seconds in which faults begin and end (20)")
    parser.add_argument("--first", type=int, default=1, help="the round to begin with (1)")
    parser.add_argument("--rounds", type=int, help="at most this many rounds")
    parser.add_argument("--patience", type=float, default=150, help="seconds within which it must converge (150)")
    parser.add_argument("--users", type=int, default=3, help="how many users work at the same time (3)")
    parser.add_argument("--schedulers", type=int, help="how many (3 with zookeeper, 1 with sqlite)")
    parser.add_argument("--store", choices=("zookeeper", "sqlite"), default="zookeeper", help="(zookeeper)")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="folder of history, report and logs")
    parser.add_argument("--check", type=Path, metavar="FILE", help="only judge this history, and print its report")
    parser.add_argument("--inside", metavar="CGROUPS", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser


def _options(asked: argparse.Namespace) -> Options:
    """The run that is asked for; raises ValueError if there is no such."""
    ensemble = asked.store == "zookeeper"
    schedulers = asked.schedulers or (3 if ensemble else 1)
    return Options(
        topology=Topology(schedulers=schedulers, ensemble=ensemble),
        seed=randrange(10**6) if asked.seed is None else asked.seed,
        duration=asked.duration,
        round_seconds=asked.round,
        users=asked.users,
        patience=asked.patience,
        first=asked.first,
        rounds=asked.rounds,
    )


def _in_room(words: list[str]) -> int:
    """Run this program in a room; returns its exit code."""
    folder = Path(tempfile.mkdtemp(prefix="podexec-faults-"))
    folder.chmod(0o755)  # agents' containers must reach their sandboxes
    with Room(folder) as room:
        inside = ("--inside", room.name, "--folder", str(folder))
        run = (sys.executable, "-m", "tests.faults.cluster", *words, *inside)
        program = room.popen(("env", f"--chdir={_ROOT}", *run), "bench", None)
        while True:
            try:
                return program.wait()
            except KeyboardInterrupt:  # it got one too, and writes its report
                continue


def _run(options: Options, cgroups: str, folder: Path, results: Path) -> int:
    """Run inside of a room, and leave what is to be kept in the results' folder."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in what a room starts
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    history = History(results / HISTORY)
    start = time.monotonic()
    try:
        Bench(options, cgroups, folder, history, lambda text: _say(f"{time.monotonic() - start:7.1f}  {text}")).run()
    except KeyboardInterrupt:
        _say("interrupted")
    finally:
        history.close()
        for log in folder.glob("*/log"):
            (results / LOGS).mkdir(exist_ok=True)
            shutil.copyfile(log, results / LOGS / f"{log.parent.name}.log")
    return _judge(results / HISTORY, results / REPORT)


def _judge(history: Path, written: Path | None = None) -> int:
    """Print the report of a history, and write it; returns the exit code. Raises ValueError if it is no history."""
    entries = read(history)
    if not of_kind(entries, "run"):
        raise ValueError(f"{history} is not a history of the fault bench")
    violations = check(entries)
    text = report(entries, violations)
    if written is not None:
        written.write_text(text)
    _say(text)
    return 1 if violations else 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
