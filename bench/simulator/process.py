"""Runs the simulator, and reads its statistics."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

from bench.ending import ENDING_WITH_US
from bench.loopback import Loopback
from bench.simulator.build import binary
from scheduler.model.json import Json

_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from an offer or a status to the call that answered it. All are 0 if there was none."""

    count: int
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Stats:
    """Statistics of the simulated master. Times are those of ``time.monotonic()``, or 0 if it has not happened.

    Attributes:
        cpu_seconds: CPU time of the simulator itself.
        roles_asking: number of roles that the framework wants offers for.
        launch_bytes: length of all calls that launched something.
        first_offer_at: this and the other times are since the last ``reset``.
        tasks: number of tasks by state.
        calls: number of calls by type.
        problems: number of the scheduler's mistakes by kind.
        flaps_begun: this and the other flaps are about the last ``flap``.
    """

    cpu_seconds: float
    subscriptions: int
    subscribed_at: float
    roles_asking: int
    launch_groups: int
    launch_bytes: int
    first_offer_at: float
    first_accept_at: float
    last_accept_at: float
    last_acknowledged_at: float
    tasks: Mapping[str, int]
    offers: Mapping[str, int]
    updates: Mapping[str, int]
    calls: Mapping[str, int]
    problems: Mapping[str, int]
    flaps_begun: int
    flaps_acknowledged: int
    flaps_started_at: float
    flaps_ended_at: float

    @property
    def running(self) -> int:
        """Number of running tasks."""
        return self.tasks.get("TASK_RUNNING", 0)

    @property
    def is_settled(self) -> bool:
        """Whether every status has been acknowledged."""
        return self.updates["outstanding"] == 0


class Simulator:
    """A simulated master with its agents. A context manager that runs the program.

    ``start_delay`` is the time in seconds from a launch to the first status, ``repeat_after`` the time until an
    unacknowledged status is repeated.
    """

    def __init__(
        self,
        agents: int,
        cpus: float = 4.0,
        mem: float = 16384.0,
        *,
        start_delay: float = 0.0,
        repeat_after: float = 10.0,
        allocation_interval: float = 1.0,
    ) -> None:
        flags = {
            "--agents": agents,
            "--cpus": cpus,
            "--mem": mem,
            "--start-delay": start_delay,
            "--repeat-after": repeat_after,
            "--allocation-interval": allocation_interval,
        }
        self._command = (
            *ENDING_WITH_US,
            str(binary()),
            "serve",
            *(str(each) for pair in flags.items() for each in pair),
        )
        self._process: subprocess.Popen[str] | None = None
        self._http: Loopback | None = None
        self.port = 0

    def __enter__(self) -> "Simulator":
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self._http = Loopback(self.port)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process is not None
        if self._http is not None:
            self._http.close()
        self._process.terminate()
        self._process.communicate(timeout=_END_SECONDS)

    @property
    def address(self) -> str:
        """The master's ``host:port``."""
        return f"127.0.0.1:{self.port}"

    def stats(self) -> Stats:
        """Current statistics."""
        found = self._ask("GET", "/stats")
        flap = found["flap"]
        flaps = {f"flaps_{name}": flap[name] for name in ("begun", "acknowledged", "started_at", "ended_at")}
        names = Stats.__dataclass_fields__.keys() - flaps.keys()
        return Stats(**{name: found[name] for name in names}, **flaps)

    def latencies(self) -> dict[str, Latencies]:
        """Latencies by kind of answer (``accept``, ``decline``, ``acknowledge``) since the last ``reset``."""
        return {name: Latencies(**found) for name, found in self._ask("GET", "/latencies").items()}

    def reset(self) -> None:
        """Reset the times; counts stay."""
        self._ask("POST", "/control", {"reset": True})

    def flap(self, count: int, window: int) -> None:
        """Change the health of running tasks ``count`` times, with ``window`` changes unacknowledged at a time."""
        self._ask("POST", "/control", {"flap": count, "window": window})

    def end(self, groups: int, state: str = "TASK_FINISHED") -> None:
        """End the tasks of this many groups, chosen at random, in the given state."""
        self._ask("POST", "/control", {"end": groups, "state": state})

    def drive(self, operation: str, pods: int, pods_per_offer: int) -> float:
        """Load the master as fast as possible, with the same program. Returns pods per second."""
        options = {"--port": self.port, "--operation": operation, "--pods": pods, "--pods-per-offer": pods_per_offer}
        arguments = (str(each) for pair in options.items() for each in pair)
        done = subprocess.run([binary(), "drive", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the load generator failed: {done.stderr.strip()}")
        return float(json.loads(done.stdout)["pods_per_second"])

    def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        assert self._http is not None
        found: Json = json.loads(self._http.ask(method, path, body))
        return found
