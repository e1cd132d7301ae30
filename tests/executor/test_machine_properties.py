"""Whatever happens in whatever order, the rules of the pod hold: a hypothesis state machine around the pure machine.

The world around it launches, ends, refuses and reports as hypothesis likes; time passes from deadline to deadline.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from podexec import events as ev
from podexec.health import HealthPolicy
from podexec.kills import SIGKILL, SIGTERM
from podexec.letgo import LET_GO_WITHIN
from podexec.machine import next_deadline, step
from podexec.pod import Condition, Pod
from podexec.termination import Termination
from podexec.wire import ALWAYS, ON_FAILURE, READY, STARTED, SUCCEEDED, Dependency, Restart

TERMINAL = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED")
NAMES = "abcd"
TOLERANCE = 1e-6
SHUTDOWN_GRACE, SHUTDOWN_BOUND = 5.0, 4.0


@st.composite
def specs(draw: st.DrawFn) -> list[ev.TaskSpec]:
    """One to four containers of every kind; each depends only on earlier ones; the first is essential."""
    found = []
    for index, name in enumerate(NAMES[: draw(st.integers(1, 4))]):
        earlier = draw(st.lists(st.sampled_from(NAMES[:index]), max_size=2, unique=True)) if index else []
        policy = draw(st.sampled_from([None, ON_FAILURE, ALWAYS]))
        backoff, limit = draw(st.sampled_from([0.0, 1.0])), draw(st.sampled_from([0, 1, None]))
        found.append(
            ev.TaskSpec(
                f"pod.{name}",
                f"{name}-0",
                name,
                kill_grace=draw(st.sampled_from([0.0, 1.0, 3.0])),
                max_completion=draw(st.sampled_from([None, 8.0])),
                health=(HealthPolicy(2.0, 2),) * draw(st.integers(0, 2)),
                readiness=draw(st.sampled_from([None, 2])),
                restart=policy and Restart(policy, limit, backoff, 2.0, 3.0, 6.0),
                essential=index == 0 or draw(st.booleans()),
                depends_on=tuple(
                    Dependency(other, draw(st.sampled_from([STARTED, READY, SUCCEEDED]))) for other in earlier
                ),
                has_hook=draw(st.booleans()),
            )
        )
    return found


@dataclass
class Run:
    """One run of a container, as the model of the agent sees it."""

    name: str
    running: bool = False
    over: bool = False
    begun: float | None = None  # when its command before the end, or the SIGTERM it could hear, was sent
    killed: float | None = None  # when SIGKILL was sent
    hook: bool = False
    signals: list[int] = field(default_factory=list)


class PodLife(RuleBasedStateMachine):
    """The executor and a model of its agent."""

    @initialize(containers=specs(), kill_states=st.booleans())
    def receive(self, containers: list[ev.TaskSpec], kill_states: bool) -> None:
        self.now = 100.0
        self.pod = Pod()
        self.specs = {each.name: each for each in containers}
        self.runs: dict[str, Run] = {}
        self.reports: dict[str, list[ev.Report]] = {each.task_id: [] for each in containers}
        self.launches: Counter[str] = Counter()
        self.words: dict[str, list[tuple[float, float]]] = {each.name: [] for each in containers}  # (when, grace)
        self.left: list[ev.Leave] = []
        self.removed: dict[str, float] = {}  # when the control group of a container's last run was removed
        self.held: list[str] = []  # container ids of which word is awaited that the kernel has let go
        self.stop_by: float | None = None
        self.tell(ev.Subscribed(kill_states, partition_aware=True))
        self.tell(ev.GroupReceived(tuple(containers)))

    # -- what the executor does -----------------------------------------------------------------------------------

    def tell(self, event: ev.Event) -> None:
        self.pod, effects = step(self.pod, event, self.now)
        for effect in effects:
            match effect:
                case ev.Launch(container_id, first_id):
                    self.launched(container_id, first_id.partition("-")[0])
                case ev.Signal(container_id, number):
                    self.signalled(container_id, number)
                case ev.RunHook(container_id):
                    run = self.runs[container_id]
                    assert run.running
                    assert not run.signals
                    run.hook, run.begun = True, self.now
                    self.nobody_needs(run)
                case ev.AwaitLetGo(container_id):
                    assert self.runs[container_id].over
                    self.held.append(container_id)
                case ev.Report():
                    if effect.state in TERMINAL:
                        self.told_in_time(effect)
                    self.reports[effect.task_id].append(effect)
                case ev.Remove(container_id):
                    assert self.runs[container_id].over, "only what has ended is removed"
                case ev.Leave():
                    self.left.append(effect)

    def told_in_time(self, report: ev.Report) -> None:
        """No end is reported while the kernel may still count the container, unless it is the last or time is up."""
        container = self.pod.by_task(report.task_id)
        assert container is not None
        removed = self.removed.get(report.container_id)
        others = [c for c in self.specs.values() if c.task_id != report.task_id and not self.has_ended(c.task_id)]
        assert (
            removed is None or not others or self.stop_by is not None or self.now >= removed + LET_GO_WITHIN - TOLERANCE
        )
        assert abs(report.age - (self.now - container.ended_at)) <= TOLERANCE
        assert report.age <= LET_GO_WITHIN + TOLERANCE

    def has_ended(self, task_id: str) -> bool:
        return any(r.state in TERMINAL for r in self.reports[task_id])

    def launched(self, container_id: str, name: str) -> None:
        assert container_id not in self.runs, "an id is never used twice"
        assert all(run.over for run in self.runs.values() if run.name == name), "one run at a time"
        assert not self.pod.shutdown
        for dependency in self.specs[name].depends_on if not self.launches[name] else ():
            other = self.reports[f"pod.{dependency.container}"]
            assert [r for r in other if r.state in ("TASK_RUNNING", "TASK_FINISHED")], "it starts after the other"
            if dependency.condition == SUCCEEDED:
                ended = self.pod.by_task(f"pod.{dependency.container}")
                assert ended is not None
                assert ended.ending is not None
                assert (ended.alive, ended.ending.state) == (False, "TASK_FINISHED"), "reported or not"
        self.launches[name] += 1
        self.runs[container_id] = Run(name)

    def signalled(self, container_id: str, number: int) -> None:
        run = self.runs[container_id]
        assert not run.over, "what has ended is not signalled"
        run.signals.append(number)
        if number == SIGKILL and run.killed is None:
            run.killed = self.now
            self.not_too_early(run)
        if number == SIGTERM and run.begun is None and run.running:
            run.begun = self.now
            self.nobody_needs(run)

    def not_too_early(self, run: Run) -> None:
        """SIGKILL comes at the end of the grace period, of a later one, or of the agent's; not earlier."""
        if not run.running:
            return
        container = self.pod.containers[self.specs[run.name].container_id]
        overdue = container.complete_by is not None and self.now >= container.complete_by - TOLERANCE
        begun = self.now if run.begun is None else run.begun
        ends = [begun + self.specs[run.name].kill_grace, *(max(w, begun) + g for w, g in self.words[run.name])]
        ends += [w + g for w, g in self.words[run.name] if w >= begun]
        ends += [] if self.stop_by is None else [self.stop_by]
        assert overdue or self.now >= min(ends) - TOLERANCE

    def nobody_needs(self, run: Run) -> None:
        """Containers stop in reverse order, if there is time and they are not killed for a fault of their own."""
        container = self.pod.containers[self.specs[run.name].container_id]
        own_sake = container.streaks and any(s.failures >= 2 for s in container.streaks)
        overdue = container.complete_by is not None and self.now >= container.complete_by - TOLERANCE
        if own_sake or overdue or self.stop_by is not None:
            return
        for other in self.specs.values():
            if any(d.container == run.name for d in other.depends_on):
                assert not self.pod.containers[other.container_id].alive

    # -- what the world does --------------------------------------------------------------------------------------

    def ids(self, *, running: bool) -> list[str]:
        return [key for key, run in self.runs.items() if run.running is running and not run.over]

    @precondition(lambda self: self.ids(running=False))
    @rule(data=st.data(), succeeds=st.sampled_from([True, True, True, False]))
    def answer_a_launch(self, data: st.DataObject, succeeds: bool) -> None:
        container_id = data.draw(st.sampled_from(self.ids(running=False)))
        run = self.runs[container_id]
        run.running, run.over = succeeds, not succeeds
        self.removed |= {} if succeeds else {container_id: self.now}
        self.tell(ev.ContainerLaunched(container_id) if succeeds else ev.LaunchFailed(container_id, "no"))

    @precondition(lambda self: self.ids(running=True))
    @rule(data=st.data(), status=st.sampled_from([0, 0, 3 << 8, SIGTERM, None]))
    def end(self, data: st.DataObject, status: int | None) -> None:
        container_id = data.draw(st.sampled_from(self.ids(running=True)))
        self.runs[container_id].over = True
        self.removed[container_id] = self.now
        self.tell(ev.ContainerExited(container_id, Termination(status)))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        container_id = data.draw(st.sampled_from(self.held))
        self.held.remove(container_id)
        self.removed.pop(container_id, None)
        self.tell(ev.LetGo(container_id))

    @precondition(lambda self: any(run.signals for run in self.runs.values()))
    @rule(data=st.data(), accepted=st.booleans())
    def answer_a_signal(self, data: st.DataObject, accepted: bool) -> None:
        """Answers may also be late, after the container's end."""
        container_id = data.draw(st.sampled_from([key for key, run in self.runs.items() if run.signals]))
        number = data.draw(st.sampled_from(self.runs[container_id].signals))
        self.tell(ev.SignalAnswered(container_id, number, accepted))

    @precondition(lambda self: any(run.hook for run in self.runs.values()))
    @rule(data=st.data())
    def end_a_hook(self, data: st.DataObject) -> None:
        container_id = data.draw(st.sampled_from([key for key, run in self.runs.items() if run.hook]))
        self.runs[container_id].hook = False
        self.tell(ev.HookEnded(container_id))

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), passed=st.booleans())
    def check(self, data: st.DataObject, passed: bool) -> None:
        """Results of any run and any check."""
        container_id = data.draw(st.sampled_from(sorted(self.runs)))
        asked = self.specs[self.runs[container_id].name]
        if asked.health:
            self.tell(ev.HealthObserved(container_id, passed, "", data.draw(st.sampled_from(range(len(asked.health))))))
        if asked.readiness is not None:
            self.tell(ev.ReadinessObserved(container_id, passed))

    @precondition(lambda self: self.has_lived())
    @rule(data=st.data(), grace=st.sampled_from([None, 0.0, 1.0, 10.0]))
    def kill(self, data: st.DataObject, grace: float | None) -> None:
        self.ask_for_kill(data.draw(st.sampled_from(sorted(self.specs))), grace)

    def ask_for_kill(self, name: str, grace: float | None) -> None:
        if grace is not None:
            self.words[name].append((self.now, grace))
        self.tell(ev.KillRequested(f"pod.{name}", grace))

    def has_lived(self) -> bool:
        """Events that end everything come later: short lives test little."""
        return self.now > 103.0

    @precondition(lambda self: self.stop_by is None and self.has_lived() and self.now % 1.0 < 0.5)
    @rule()
    def shut_down(self) -> None:
        self.stop_by = self.now + SHUTDOWN_BOUND
        self.tell(ev.ShutdownRequested("agent", grace=SHUTDOWN_GRACE))

    @rule(seconds=st.sampled_from([0.3, 1.0, 4.0, 10.0]))
    def pass_time(self, seconds: float) -> None:
        """The executor wakes at each deadline it asked for, and not earlier."""
        until = self.now + seconds
        while (deadline := next_deadline(self.pod)) is not None and deadline <= until:
            assert deadline >= self.now - TOLERANCE, "a deadline that has passed was forgotten"
            self.now = max(deadline, self.now)
            self.tell(ev.Ticked())
        self.now = until

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def one_last_word(self) -> None:
        for task_id, reports in getattr(self, "reports", {}).items():
            last = [r.state for r in reports if r.state in TERMINAL]
            container = self.pod.by_task(task_id)
            assert container is not None
            assert len(last) == (container.condition is Condition.ENDED and container.last_report is None)
            assert not last or reports[-1].state == last[0], "and nothing after it"

    @invariant()
    def signals_only_get_harder(self) -> None:
        for run in getattr(self, "runs", {}).values():
            assert run.signals == sorted(run.signals, reverse=True)

    @invariant()
    def no_grace_lasts_too_long(self) -> None:
        for run in getattr(self, "runs", {}).values():
            if run.over or run.begun is None or run.killed is not None:
                continue
            ends = [run.begun + self.specs[run.name].kill_grace]
            ends += [max(when, run.begun) + grace for when, grace in self.words[run.name]]
            assert self.now <= max(ends) + 1.0

    @invariant()
    def they_end_together(self) -> None:
        if not hasattr(self, "pod"):
            return
        alive = self.pod.alive()
        for c in self.pod.containers.values():
            failed = c.condition is Condition.ENDED and c.ending is not None and c.ending.state != "TASK_FINISHED"
            if failed and c.spec.essential:
                assert all(other.kill is not None and not other.kill.restart for other in alive)

    @invariant()
    def it_leaves_when_all_is_over_and_every_container_is_reaped(self) -> None:
        if not hasattr(self, "pod"):
            return
        assert len(self.left) == (not (self.pod.alive() or self.pod.unreported()) or self.pod.leaving)
        assert not (self.pod.leaving and self.pod.unreported())
        assert len(self.left) <= 1
        if self.left and self.stop_by is None:
            assert all(run.over for run in self.runs.values())

    def teardown(self) -> None:
        """From any state, a kill ends the pod."""
        if not hasattr(self, "pod"):
            return
        for name in self.specs:
            self.ask_for_kill(name, 0.0)
        for _ in range(20):
            for container_id in self.ids(running=False):
                self.runs[container_id].over = True
                self.tell(ev.LaunchFailed(container_id, "destroyed"))
            for container_id in [key for key in self.ids(running=True) if self.runs[key].killed is not None]:
                self.runs[container_id].over = True
                self.tell(ev.ContainerExited(container_id, Termination(SIGKILL)))
            self.pass_time(1.0)
        assert not self.pod.alive()
        assert len(self.left) == 1


PodLife.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestPodLife = PodLife.TestCase
