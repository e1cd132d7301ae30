"""One simulated cluster: rough times with users and faults, then calm until everything is as asked, again and again."""

from random import Random

from scheduler.core.events import Event
from scheduler.core.frame import Frame
from scheduler.core.lifecycle.arrival import is_over
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.loop.batch import Batch
from scheduler.model.records import Goal
from tests.core import support
from tests.faults.simulator.agents import SimAgent
from tests.faults.simulator.checkers import Deployments, Runs, ViolationError, check_world, unfinished
from tests.faults.simulator.conduct import Conduct
from tests.faults.simulator.durable import Backup, DurableStore
from tests.faults.simulator.executors import Life
from tests.faults.simulator.masters import Master, Registry
from tests.faults.simulator.nemesis import Nemesis
from tests.faults.simulator.network import CALM, ROUGH, Network
from tests.faults.simulator.process import Point, Process
from tests.faults.simulator.timeline import Timeline
from tests.faults.simulator.users import Users

SETTINGS = support.settings(
    principal="ops",
    hold_offer_duration=1,
    task_launch_confirm_timeout=60.0,
    task_launch_timeout=60.0,
    reconciliation_interval=120.0,
    decline_offer_duration=30.0,
    min_revive_offers_interval=5.0,
)
CONVERGES_WITHIN = 1500.0  # seconds without faults until everything is as asked
_AGENTS = 5
_CHECKPOINT = 500  # events
_REPLAYED = 2000  # steps of a run, at most
_BACKED_UP = 0.03  # how likely a backup is made when users act; the last one is restored


class Simulation:
    """A cluster, its users, its faults and its checkers. The same seed gives the same history.

    Attributes:
        rounds: how often the cluster became as asked after rough times.
        slowest: the longest that it took, in seconds.
        runs: how many runs of the scheduler there were.
        replays: how many of them were stepped through again, with the same frames.
        restores: how often an old backup was restored.
        orphans: how many executors nobody knew then, which users had killed.
    """

    def __init__(self, seed: int, *, restores: bool = False) -> None:
        """``restores``: whether a backup of rough times is restored after them."""
        self.seed = seed
        self.restores = self.orphans = 0
        self._backup: Backup | None = None
        self._is_restored = False
        self._restoring = restores
        self.rounds = self.runs = self.replays = self.masters = 0
        self.slowest = 0.0
        self.random = Random(seed)
        self.timeline = Timeline()
        self.network = Network(self.timeline, self.random)
        self.life = Life()
        self.store = DurableStore()
        self.agents: dict[str, SimAgent] = {}
        self.running = Runs(self.store, self.agents)
        self.deployments = Deployments()
        self.users = Users(self.random, self.store, self)
        self.nemesis = Nemesis(self.random, self.network, self)
        self.process: Process | None = None
        self._conduct: Conduct | None = None
        self._log: list[tuple[Event, float, Frame]] = []
        self._wall_offset = 0.0
        self._registry = Registry()
        self._master: Master | None = None
        self._calm_since: float | None = None
        self._names = 0
        self._elect(forgets=False, slow=False)
        for _ in range(_AGENTS):
            self._add_agent()
        self._start_process()
        self._connect()
        self._turn_rough()

    def run(self, events: int) -> None:
        """Let this many events happen, and then everything become as asked. Raises ViolationError."""
        while self.timeline.events < events or self._calm_since is not None:
            if self._calm_since is None and self.timeline.events >= events:
                break
            self.timeline.step()
            if self.timeline.events % _CHECKPOINT == 0:
                self._checkpoint()
        if self.rounds == 0 or self._calm_since is None:
            self._turn_calm()
            while self._calm_since is not None:
                self.timeline.step()

    # ------------------------------------------------------------------- rough and calm

    def _turn_rough(self) -> None:
        self._calm_since = None
        self.network.weather = ROUGH
        self.life.fails = True
        self.timeline.after(self.random.uniform(300, 1500), self._turn_calm)
        self._pester()
        self._harm()

    def _pester(self) -> None:
        if self._calm_since is None:
            self.users.act()
            if self._restoring and self.random.random() < _BACKED_UP:
                self._backup = self.store.backup()
            self.timeline.after(self.random.expovariate(1 / 10), self._pester)

    def _harm(self) -> None:
        if self._calm_since is None:
            self.nemesis.act()
            self.timeline.after(self.random.expovariate(1 / 25), self._harm)

    def _turn_calm(self) -> None:
        if self._calm_since is not None:
            return
        self._calm_since = self.timeline.now
        self.network.note("CALM")
        self.network.weather = CALM
        self.life.fails = False
        for agent in self.agents_there():
            agent.heal()
        if self.process is not None:
            self.process.dies_at = None
        self._look()

    def _look(self) -> None:
        """Whether everything is as asked."""
        if self._calm_since is None:
            return
        calm = self.timeline.now - self._calm_since
        why = self._why_not_yet()
        if why is None:
            self._checkpoint()
            self.deployments.check_all_ended()
            self.rounds += 1
            self.slowest = max(self.slowest, calm)
            self.store.compact()
            if self._backup is not None:
                self._restore(self._backup)
            else:
                self._turn_rough()
        elif calm > CONVERGES_WITHIN:
            raise ViolationError(f"not as asked {calm:.0f} s after the last fault: {why}")
        else:
            self.timeline.after(5.0, self._look)

    def _restore(self, backup: Backup) -> None:
        """An operator ends the scheduler, restores a backup, and starts it again."""
        self._backup = None
        self._process_died(pause=1.0)
        self.restores += 1
        self.network.note("an old backup is restored")
        self.store.restore(backup)
        self.running.restored()
        self.deployments.restored(self.store)
        self.users.restored()
        self._is_restored = True
        self._calm_since = self.timeline.now
        self.timeline.after(5.0, self._look)

    def _end_orphans(self, world: World) -> str | None:
        """Have what nobody knows killed, one after the other, once all of it is listed; what is left to do."""
        left = self.running.left_orphaned()
        if self._is_restored:
            unlisted = left - world.volatile.orphans.keys()
            if not is_over(world) or unlisted:
                return f"not listed as orphans: {sorted(unlisted)}"
            self._is_restored = False
            self.orphans += len(left)
        if left:
            waiting = left - self.running.condemned
            if waiting:
                self.users.end_orphan(min(waiting))
                self.running.condemned.add(min(waiting))
            return f"orphans run: {sorted(left)}"
        return None

    def _wipe_homeless(self, world: World) -> str | None:
        """Have what waits for volumes that are no longer there replaced; what is left to do."""
        for instance_id in sorted(self.running.homeless):
            instance = world.instances.get(instance_id)
            if instance is not None and instance.goal is Goal.RUNNING and not instance.tasks:
                self.users.wipe(instance)
                return f"{instance_id} waits for volumes that are gone"
        return None

    def _why_not_yet(self) -> str | None:
        if self.process is None or not self.process.connected:
            return "the scheduler is not connected"
        if self.users.is_busy():
            return "users are still asking"
        left = self._end_orphans(self.process.world) or self._wipe_homeless(self.process.world)
        if left is not None:
            return left
        if not self.users.settle_down():
            return "users are still asking"
        if not self.process.is_quiet:
            return "commits are under way"
        return unfinished(self.process.world, self.running, self.agents)

    def _checkpoint(self) -> None:
        lost = self.users.check()
        if lost is not None:
            raise ViolationError(f"an acknowledged write is lost: {lost}")
        if not self._is_restored:  # until the scheduler knows what runs
            self.running.check_known()
        self.running.check_foreign()
        if self.process is not None:
            check_world(self.process.world, self.store, quiet=self.process.is_quiet)

    # ----------------------------------------------------------------- the scheduler's runs

    def stepped(self, process: Process, event: Event, frame: Frame) -> None:
        """The core made a step."""
        if process is self.process and self._conduct is not None:
            self._conduct.stepped(event, frame)
            if len(self._log) < _REPLAYED:
                self._log.append((event, process.now, frame))

    def committed(self, process: Process, batch: Batch) -> None:
        """A batch is durable."""
        if process is not self.process:
            raise ViolationError("a scheduler that no longer leads has committed")
        self.deployments.committed(batch)

    def _start_process(self) -> None:
        if self.process is not None:
            return
        self.runs += 1
        self.network.note("a scheduler starts", self.runs)
        made = Process(SETTINGS, self.seed * 100_000 + self.runs, self._wall, self.store, self.network, self)
        made.died = self._process_died
        self.process, self._conduct, self._log = made, Conduct(made.world), []

    def _process_died(self, pause: float | None = None) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.die()
            self._replay(process)
        self.timeline.after(self.random.choice((0.1, 5.0, 60.0)) if pause is None else pause, self._start_process)

    def _replay(self, process: Process) -> None:
        """Sometimes: the same records, events and times give the same frames."""
        if self.random.random() > 0.3:
            return
        self.replays += 1
        world = World(SETTINGS, process.seed, process.loaded)
        for number, (event, now, frame) in enumerate(self._log):
            if step(world, event, now) != frame:
                raise ViolationError(f"step {number} of a run gave another frame when it was replayed: {event}")

    def _connect(self) -> None:
        """The driver: subscribes whenever it is not."""
        self.timeline.after(self.random.uniform(0.5, 3), self._connect)
        if self.process is not None and not self.process.connected and self._master is not None:
            self.process.subscribe(self._master)

    def _wall(self) -> float:
        return support.NOON + self.timeline.now + self._wall_offset

    # -------------------------------------------------------------------------- masters

    def _elect(self, *, forgets: bool, slow: bool) -> None:
        if self._master is not None:
            return
        self.masters += 1
        master = Master(self.masters, self.network, self._registry, forgets=forgets, waits=100.0)
        self._master = master
        self.network.note("leads", f"M{master.number}, forgets: {forgets}")
        for agent in self.agents_there():
            agent.find(master, self.random.uniform(0, 60.0 if slow else 3.0))

    def _add_agent(self) -> None:
        self._names += 1
        agent = SimAgent(f"A{self._names}", self.random.uniform(1.5, 6), self.network, self.life, self.running.started)
        self.agents[agent.id] = agent
        if self._master is not None:
            agent.find(self._master, 1.0)

    # ---------------------------------------------------------------- what the nemesis does

    def agents_there(self) -> list[SimAgent]:
        """The agents whose machines exist."""
        return [agent for agent in self.agents.values() if not agent.machine_is_gone]

    def break_stream(self) -> None:
        """The stream between scheduler and master breaks."""
        if self.process is not None:
            self.process.disconnect()

    def fail_over(self, *, forgets: bool, slow: bool) -> None:
        """The master dies and another is elected."""
        if self._master is None:
            return
        self._master.step_down()
        self._master = None
        self.timeline.after(self.random.uniform(0, 2), self.break_stream)
        self.timeline.after(self.random.uniform(2, 20), lambda: self._elect(forgets=forgets, slow=slow))

    def replace_agent(self, agent: SimAgent) -> None:
        """A machine dies; an operator gives it up and adds another."""
        agent.die()
        self._give_up(agent, self.random.uniform(1, 200))
        self._add_agent()

    def _give_up(self, agent: SimAgent, seconds: float) -> None:
        def act() -> None:
            if self._master is None:
                self._give_up(agent, 10.0)
            else:
                self._master.mark_gone(agent.id)

        self.timeline.after(seconds, act)

    def end_process(self, point: Point | None) -> None:
        """The scheduler dies, at a point of its next batch or at once."""
        if self.process is not None and point is not None:
            self.process.dies_at = point
        elif self.process is not None:
            self._process_died()

    def replace_leader(self) -> None:
        """Another scheduler leads from now on: the older one can neither commit nor call."""
        if self.process is not None:
            self._process_died(pause=0.0)

    def set_clock(self, seconds: float) -> None:
        """The wall clock is set."""
        self._wall_offset += seconds
        if self.process is not None:
            self.process.set_clock()

    def run_foreign(self, agent: SimAgent, task_id: str) -> None:
        """A task that podexec did not launch runs under its framework's id."""
        if task_id not in self.running.foreign:
            self.running.foreign.add(task_id)
            agent.run(f"foreign {task_id}", [task_id]).start()

    def foreign_tasks(self) -> int:
        """How many such tasks have run."""
        return len(self.running.foreign)

    # --------------------------------------------------------------------------- report

    def report(self) -> str:
        """What happened, in lines."""
        kept = ", ".join(f"{name} {times}" for name, times in sorted(self.nemesis.done.items()))
        rows = {
            "seed": self.seed,
            "events": f"{self.timeline.events:,}",
            "simulated": f"{self.timeline.now / 3600:.1f} h",
            "runs of the scheduler": f"{self.runs:,}, {self.replays:,} of them replayed",
            "masters": f"{self.masters:,}",
            "launches": f"{self.running.launches:,}",
            "messages lost, duplicated, late": (
                f"{self.network.lost:,}, {self.network.duplicated:,}, {self.network.late:,}"
            ),
            "requests": (
                f"{self.users.requests:,}, {self.users.acknowledged:,} accepted, {self.users.unanswered:,} unanswered"
            ),
            "deployments": f"{sum(self.deployments.ended.values()):,} ended, each once",
            "published events": f"{self.store.last_event:,}, without a gap",
            "became as asked": f"{self.rounds:,} times, within {self.slowest:.0f} s",
            "faults": kept,
        }
        if self._restoring:
            rows["backups restored"] = f"{self.restores}, with {self.orphans} orphans, which users had killed"
        width = max(map(len, rows)) + 2
        return "\n".join(f"{name:{width}}{value}" for name, value in rows.items())
