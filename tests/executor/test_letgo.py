"""The end of a container is reported after the kernel has released its group, so that its siblings survive."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from podexec import cgroups
from podexec import events as ev
from podexec.health import HealthPolicy
from podexec.letgo import LET_GO_WITHIN
from podexec.machine import next_deadline
from podexec.pod import Condition
from podexec.termination import Termination
from podexec.wire import ON_FAILURE, SUCCEEDED, Restart
from tests.executor.story import BY_SIGKILL, BY_SIGTERM, EXIT_0, EXIT_3, A, B, Story, after, spec

LAST = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED")
OOM = Termination(9, "TASK_FAILED", "REASON_CONTAINER_LIMITATION_MEMORY", "Memory limit exceeded")


def watched(story: Story) -> list[str]:
    return [e.container_id for e in story.effects if isinstance(e, ev.AwaitLetGo)]


def endings(story: Story) -> list[tuple[str, str]]:
    return [(e.container_id, e.state) for e in story.effects if isinstance(e, ev.Report) and e.state in LAST]


def two(**fields: object) -> Story:
    """Two containers; the second keeps running whatever happens to the first."""
    return Story(spec(A, **fields), spec(B, kill_grace=1000.0), lets_go=False)


def finishes(story: Story) -> None:
    story.tell(ev.ContainerExited(A, EXIT_0))


def crashes(story: Story) -> None:
    story.tell(ev.ContainerExited(A, EXIT_3))


def runs_out_of_memory(story: Story) -> None:
    story.tell(ev.ContainerExited(A, OOM))


def is_killed(story: Story) -> None:
    story.tell(ev.KillRequested("pod.a"))
    story.tell(ev.ContainerExited(A, BY_SIGTERM))


def is_unhealthy(story: Story) -> None:
    story.tell(ev.HealthObserved(A, passed=True))
    story.tell(ev.HealthObserved(A, passed=False))
    story.tell(ev.ContainerExited(A, BY_SIGTERM))


def runs_too_long(story: Story) -> None:
    story.tell(ev.Ticked(), after=30.0)
    story.tell(ev.ContainerExited(A, BY_SIGKILL))


def is_shut_down(story: Story) -> None:
    story.tell(ev.ShutdownRequested("agent", grace=60.0))
    story.tell(ev.ContainerExited(A, BY_SIGTERM))


@pytest.mark.parametrize(
    "ends", [finishes, crashes, runs_out_of_memory, is_killed, is_unhealthy, runs_too_long, is_shut_down]
)
@pytest.mark.parametrize("essential", [True, False])
def test_however_it_ends_that_is_reported_once_the_kernel_has_let_go(ends: object, essential: bool) -> None:
    story = two(essential=essential, health=(HealthPolicy(0.0, 1),), max_completion=30.0)
    assert callable(ends)
    ends(story)
    ended = story.now
    assert (endings(story), watched(story), story.condition(A)) == ([], [A], Condition.ENDED)
    story.tell(ev.LetGo(A), after=0.04)
    ((container_id, _),) = endings(story)
    assert (container_id, story.report().age) == (A, pytest.approx(story.now - ended))
    story.tell(ev.Ticked(), after=LET_GO_WITHIN)
    assert len(endings(story)) == 1, "once"


def test_a_launch_that_failed_may_have_had_a_control_group() -> None:
    story = Story(spec(A, essential=False), spec(B), launched=False, lets_go=False)
    story.tell(ev.ContainerLaunched(B))
    story.tell(ev.LaunchFailed(A, "no such file to fetch"))
    assert endings(story) == []
    story.tell(ev.LetGo(A))
    assert endings(story) == [(A, "TASK_FAILED")]


def test_where_it_cannot_be_seen_the_clock_decides() -> None:
    story = two()
    finishes(story)
    assert next_deadline(story.pod) == story.now + LET_GO_WITHIN
    story.tell(ev.Ticked(), after=LET_GO_WITHIN - 0.01)
    assert endings(story) == []
    story.tell(ev.Ticked(), after=0.01)
    assert endings(story) == [(A, "TASK_FINISHED")]
    assert next_deadline(story.pod) is None


def test_the_last_end_of_a_pod_is_reported_at_once() -> None:
    story = Story(spec(A), lets_go=False)
    finishes(story)
    assert (endings(story), watched(story), len(story.leave())) == ([(A, "TASK_FINISHED")], [], 1)


def test_of_two_that_end_together_each_waits_for_its_own_group() -> None:
    """The first report would lower the quota below that of the second container, which counts until it is reported."""
    story = Story(lets_go=False)
    finishes(story)
    story.tell(ev.ContainerExited(B, EXIT_0), after=0.01)
    assert (endings(story), watched(story), story.leave()) == ([], [A, B], [])
    story.tell(ev.LetGo(B), after=0.03)
    assert endings(story) == [(B, "TASK_FINISHED"), (A, "TASK_FINISHED")], "then nothing is left to be destroyed"
    assert len(story.leave()) == 1


def test_nothing_else_waits() -> None:
    """In the same step, dependent containers start, and containers that must end with it are killed."""
    waits = spec("c-3", depends_on=(after("a", condition=SUCCEEDED)[0],))
    story = Story(spec(A), spec(B), waits, lets_go=False)
    finishes(story)
    assert story.launches() == ["c-3"]
    story.tell(ev.ContainerExited(B, EXIT_3))
    assert [e.container_id for e in story.effects if isinstance(e, ev.Signal)] == ["c-3"]


def test_killing_is_reported_before_the_end() -> None:
    story = two()
    is_killed(story)
    story.tell(ev.LetGo(A))
    assert story.reports("pod.a") == ["TASK_KILLING", "TASK_KILLED"]


def test_one_that_is_started_again_is_reported_at_once() -> None:
    """Its resources stay with the pod. If it ends while it waits for a restart, its last group counts."""
    story = two(restart=Restart(ON_FAILURE, 1, 5.0, 1.0, 5.0, 600.0))
    crashes(story)
    assert (story.reports(), watched(story)) == (["TASK_RUNNING"], [])
    story.tell(ev.KillRequested("pod.a"), after=0.02)
    assert (endings(story), watched(story)) == ([], [A])
    story.tell(ev.Ticked(), after=LET_GO_WITHIN - 0.02)
    assert endings(story) == [(A, "TASK_KILLED")]


def test_one_that_never_ran_is_reported_at_once() -> None:
    story = Story(spec(A), spec(B, depends_on=after("a", condition=SUCCEEDED)), lets_go=False)
    story.tell(ev.KillRequested("pod.b"))
    assert endings(story) == [(B, "TASK_KILLED")]


def test_a_shutdown_does_not_wait_longer_than_the_agent() -> None:
    story = two()
    is_killed(story)
    story.tell(ev.ShutdownRequested("agent", grace=0.8))
    assert endings(story) == []
    story.tell(ev.Ticked(), after=0.7)
    assert endings(story) == [(A, "TASK_KILLED")], "in time to be acknowledged"


def test_an_executor_that_leaves_keeps_nothing_to_itself() -> None:
    story = two()
    finishes(story)
    story.tell(ev.ShutdownRequested("gone", grace=5.0, subscribed=False))
    assert endings(story) == [(A, "TASK_FINISHED")]


def test_a_sibling_of_another_group_counts() -> None:
    story = Story(spec(A), lets_go=False)
    story.tell(ev.GroupReceived((spec("c-3"),)))
    finishes(story)
    assert (endings(story), watched(story)) == ([], [A])


def test_an_end_that_is_not_reported_yet_is_not_forgotten_for_the_next_group() -> None:
    story = Story(lets_go=False)
    finishes(story)
    story.tell(ev.ContainerExited(B, EXIT_0))
    story.tell(ev.GroupReceived((spec("c-3"), spec(A))))
    assert story.launches() == ["c-3"], "a task that is not reported as over is there already"
    story.tell(ev.Ticked(), after=LET_GO_WITHIN)
    assert endings(story) == [(A, "TASK_FINISHED"), (B, "TASK_FINISHED")]


# -- whether the kernel has let go ----------------------------------------------------------------------------------


class Kernel:
    """Fake files in which the kernel shows its control groups."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "cpu"
        (self.root / "mesos" / "pod").mkdir(parents=True)
        self.own, self.mounts, self.counts = folder / "own", folder / "mounts", folder / "counts"
        self.own.write_text("4:memory:/\n1:cpu,cpuacct:/mesos/pod\n0::/\n")
        self.mounts.write_text(
            "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
            f"32 31 0:29 / {self.root} rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
        )
        self.count(3)
        for name, file in (("_OWN", self.own), ("_MOUNTS", self.mounts), ("_COUNTS", self.counts)):
            monkeypatch.setattr(cgroups, name, file)

    def count(self, groups: int) -> None:
        self.counts.write_text(
            f"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t99\t1\ncpu\t1\t{groups}\t1\n"
        )

    def has_let_go(self, within: float = 0.1) -> bool:
        return cgroups.all_removed_let_go(within, threading.Event())


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(tmp_path, monkeypatch)


def test_as_many_groups_as_directories_are_none_removed(kernel: Kernel) -> None:
    assert kernel.has_let_go()


def test_a_removed_group_that_is_still_counted_is_waited_for(kernel: Kernel) -> None:
    kernel.count(4)
    began = time.monotonic()
    assert not kernel.has_let_go()
    assert time.monotonic() - began >= 0.1
    threading.Timer(0.1, lambda: kernel.count(3)).start()
    assert kernel.has_let_go(10.0)


def test_a_kernel_without_that_hierarchy_holds_nothing(kernel: Kernel) -> None:
    kernel.count(4)
    kernel.own.write_text("0::/system.slice\n")
    assert kernel.has_let_go()


@pytest.mark.parametrize("hides", ["mounts", "counts", "own", "root"])
def test_what_cannot_be_seen_is_not_said(kernel: Kernel, hides: str) -> None:
    if hides == "root":
        kernel.mounts.write_text(kernel.mounts.read_text().replace(" 0:29 / ", " 0:29 /part "))
    elif hides == "own":
        kernel.own.unlink()
    else:
        getattr(kernel, hides).write_bytes(b"\xff" if hides == "mounts" else b"")
    assert not kernel.has_let_go()


def test_a_machine_of_very_many_groups_is_not_walked_through(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_MOST_GROUPS", 2)
    assert not kernel.has_let_go()


def test_the_wait_ends_with_the_executor(kernel: Kernel) -> None:
    kernel.count(4)
    stop = threading.Event()
    stop.set()
    assert not cgroups.all_removed_let_go(60.0, stop)
