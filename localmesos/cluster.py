"""A local cluster of real Mesos masters and agents, from `up` to `down`.

Owns the operations on a cluster. level.py decides what this machine can run, assembly.py assembles a cluster, and
remains.py removes it. Everything known of a cluster is in its state (state.py), so any process can continue where
another stopped.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from localmesos import assembly, commands, package, processes, remains, system, watching
from localmesos import level as levels
from localmesos import state as states
from localmesos.assembly import Options
from localmesos.commands import DEFAULT_RESOURCES, Flags
from localmesos.errors import ClusterError
from localmesos.images import adding, names
from localmesos.images.reaching import Reaching
from localmesos.images.store import Image, ImageStore
from localmesos.package import Progress, silent
from localmesos.state import ClusterState, Member

DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True)
class Status:
    """Status of a cluster at one moment."""

    name: str
    level: str
    left_out: str
    master: str
    leader: str | None  # id of the leading master
    version: str | None  # Mesos' version, according to the leading master
    members: tuple[Member, ...]
    registered: tuple[str, ...]  # ids of the agents that the leading master counts as active
    registry: str | None  # URL of the registry that agents pull images from; None if they have no images
    folder: Path


class Cluster:
    """One local cluster. `Cluster.up` starts one, `Cluster.load` finds an existing one.

    A context manager, whose end takes the cluster down: `with Cluster.up("demo") as cluster: ...`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    @classmethod
    def up(
        cls,
        name: str = DEFAULT_NAME,
        *,
        agents: int = 1,
        masters: int = 1,
        zookeeper: bool = False,
        level: str | None = None,
        agent_resources: str = DEFAULT_RESOURCES,
        agent_attributes: Sequence[str] = (),
        agent_flags: Flags | None = None,
        master_flags: Flags | None = None,
        images_dir: Path | None = None,
        registry: str | None = None,
        default_executor: Path | None = None,
        allowed_users: Sequence[str] = (),
        own_ports: Sequence[int] = (),
        owner_pid: int | None = None,
        progress: Progress = silent,
    ) -> Cluster:
        """Start a cluster and wait until all agents are registered.

        `default_executor`: an executable file that agents start for executors of type DEFAULT, of any framework. It is
        copied. Mesos' own is not in the package, so without this such executors fail.
        `registry`: URL of the registry with the images whose names have no host; None: the public one. An image that
        was added (`add_image`) takes precedence over the registry's.
        `allowed_users`: names of users of this machine who may connect to masters and agents, in addition to root; they
        can act as root through them. If members are on the loopback address, every user of the machine may connect.
        `own_ports`: TCP ports on which a scheduler of this cluster serves this machine, protected in the same way.
        `owner_pid`: the cluster belongs to that process. Once the process has ended, the next `up` or `down` of any
        cluster removes what is left of this one. Without an owner it stays until its own `down`.
        """
        options = Options(
            agents=agents,
            masters=masters,
            zookeeper=zookeeper,
            level=level,
            agent_resources=agent_resources,
            agent_attributes=agent_attributes,
            agent_flags=agent_flags or {},
            master_flags=master_flags or {},
            images_dir=images_dir,
            registry=registry,
            default_executor=default_executor,
            allowed_users=allowed_users,
            own_ports=own_ports,
        )
        states.folder_of(name)  # rejects a bad name before anything is done
        prefix = package.ensure(progress)
        remains.sweep(progress)
        with states.exclusive(name):
            remains.make_room(name, progress)
            choice = levels.choose(levels.probe(), options.level)
            progress(f"level {choice.level}" + (f"; left out: {choice.left_out}" if choice.left_out else ""))
            reaching = Reaching(options.registry_url) if choice.images and progress is not silent else None
            planned = states.write(assembly.plan(name, prefix, choice, options))
            try:
                assembly.make(planned, choice, options, progress)
                owner = processes.identify(owner_pid) if owner_pid is not None else None
                made = states.write(dataclasses.replace(must_read(name), owner=owner))
            except BaseException:  # also Ctrl-C: half a cluster is useless
                remains.remove(must_read(name))
                raise
        if os.geteuid() == 0 and (shut := system.shut_out_at(made.folder)) is not None:
            progress(f"only root may enter {shut}: pods of other users cannot run; change PODEXEC_STATE_DIR")
        if made.network is not None:
            users = " and ".join(("root", *allowed_users))
            progress(f"only {users} may connect to the cluster {name} from this machine; --allow-user allows others")
        if reaching is not None and (problem := reaching.problem()):
            progress(problem)
        progress(f"Mesos {package.VERSION} is up: {commands.master_value(made)}")
        return cls(name)

    @classmethod
    def load(cls, name: str = DEFAULT_NAME) -> Cluster:
        """The cluster with this name, started earlier by this process or another."""
        must_read(name)
        return cls(name)

    @staticmethod
    def list() -> tuple[str, ...]:
        """Names of this user's clusters, including those of which only remains are left."""
        return tuple(states.names())

    def companion(self) -> dict[str, str]:
        """Environment variables for a program that should end with the cluster, such as a scheduler."""
        return {processes.COMPANION: str(self.state.folder)}

    def release(self) -> None:
        """Detach the cluster from its owner, so that it outlives it."""
        with states.exclusive(self.name):
            states.write(dataclasses.replace(self.state, owner=None))

    def down(self, progress: Progress = silent) -> None:
        """Stop all processes and remove the cluster, in whatever state it is."""
        with states.exclusive(self.name):
            found = states.read(self.name)
            if found is not None:
                progress(f"taking down the cluster {self.name}")
                remains.remove(found)
        remains.sweep(progress)

    @property
    def state(self) -> ClusterState:
        """Current state of the cluster; other processes may change it."""
        return must_read(self.name)

    @property
    def master(self) -> str:
        """Value for --master: HOST:PORT, or zk://... if the cluster has a ZooKeeper."""
        return commands.master_value(self.state)

    @property
    def masters(self) -> tuple[Member, ...]:
        """The masters."""
        return self.state.of_kind("master")

    @property
    def agents(self) -> tuple[Member, ...]:
        """The agents."""
        return self.state.of_kind("agent")

    @property
    def level(self) -> str:
        """Level of the cluster: linux, linux-v2 or posix."""
        return self.state.level

    @property
    def left_out(self) -> str:
        """What the level leaves out, in one line; empty if nothing."""
        return self.state.left_out

    @property
    def images_dir(self) -> Path:
        """The folder of the images that were added, an OCI image layout."""
        return self.state.images_dir

    @property
    def images(self) -> tuple[Image, ...]:
        """The images that were added, by name."""
        return tuple(ImageStore(self.images_dir).images())

    def add_image(self, source: Path, name: str | None = None, progress: Progress = silent) -> tuple[str, ...]:
        """Add the images of an archive (docker save, OCI, compressed or not) or of an OCI layout's folder.

        `name`: the name that the only image, or the one with that name or tag, gets. Returns the names. Running
        containers keep their image; later ones get this one. Raises ClusterError, and adds nothing, if an image is
        damaged or for another platform.
        """
        current = self.state
        require_images(current)
        added = adding.add(ImageStore(current.images_dir), source, name)
        forget_images(current, progress)
        return tuple(added)

    def remove_image(self, name: str, progress: Progress = silent) -> str:
        """Remove an image that was added, and return its whole name. Later containers get the registry's, if any."""
        current = self.state
        removed = names.short(name)
        ImageStore(current.images_dir).remove(removed)
        forget_images(current, progress)
        return removed

    @property
    def default_executor(self) -> Path:
        """The file that agents start for executors of type DEFAULT."""
        program = self.state.folder / assembly.LAUNCHER_FOLDER / assembly.DEFAULT_EXECUTOR
        if not program.is_file():
            raise ClusterError(f"the cluster {self.name} was started without a default executor")
        return program

    @property
    def networks(self) -> tuple[str, ...]:
        """The agents' container networks, the default one first; empty without CNI."""
        return (commands.CONTAINER_NETWORK, commands.BRIDGE_NETWORK) if self.state.cni_folder else ()

    @property
    def host_address(self) -> str:
        """The address at which agents and containers reach this machine."""
        return assembly.host_address(self.state)

    def leader(self) -> Member | None:
        """The leading master; None while there is none."""
        return watching.leader(self.state)

    def status(self) -> Status:
        """Status of the cluster and its members."""
        current = self.state
        leader = watching.leader(current)
        version = watching.get_json(leader.address, "/version") if leader else None
        return Status(
            name=current.name,
            level=current.level,
            left_out=current.left_out,
            master=commands.master_value(current),
            leader=leader.id if leader else None,
            version=version["version"] if version else None,
            members=current.members,
            registered=tuple(sorted(watching.registered_agents(current))),
            registry=current.registry if current.has_images else None,
            folder=current.folder,
        )

    def logs(self, member_id: str, lines: int = 100) -> str:
        """The last lines of a member's log."""
        return watching.tail(self.state.member(member_id), lines)

    def add_agent(
        self, *, resources: str | None = None, attributes: str | None = None, flags: Flags | None = None
    ) -> Member:
        """Start another agent, and wait until it is registered."""
        given = {**({"attributes": attributes} if attributes else {}), **(flags or {})}
        with states.exclusive(self.name):
            current = self.state
            number = 1 + max((agent.number for agent in current.of_kind("agent")), default=0)
            current = assembly.start_agent(current, number, resources or current.agent_resources, given)
        added = current.member(f"agent-{number}")
        watching.wait_registered(current, [added.id])
        return added

    def kill_agent(self, member_id: str) -> Member:
        """Send SIGKILL to an agent's own process; its executors and containers keep running."""
        return self._kill(member_id, "agent")

    def restart_agent(self, member_id: str) -> Member:
        """Restart an agent with the same work_dir, so that it recovers its containers. A running one is killed first.

        Returns when the agent answers. It registers after its recovery (`wait_registered`), which takes up to
        --executor_reregistration_timeout with live executors.
        """
        return self._restart(member_id, "agent")

    def kill_master(self, member_id: str) -> Member:
        """Send SIGKILL to a master."""
        return self._kill(member_id, "master")

    def restart_master(self, member_id: str) -> Member:
        """Restart a master with its registry. A running one is killed first.

        Returns when it has caught up with the others, so that one of those can be killed next.
        """
        restarted = self._restart(member_id, "master")
        watching.wait_joined([restarted])
        return restarted

    def wait_registered(self, *member_ids: str, timeout: float = watching.REGISTER_SECONDS) -> None:
        """Wait until the leading master lists these agents as active; by default all that run."""
        current = self.state
        wanted = member_ids or tuple(agent.id for agent in current.of_kind("agent") if agent.alive)
        watching.wait_registered(current, wanted, timeout)

    def wait_leader(self, timeout: float = watching.START_SECONDS) -> Member:
        """Wait until a master leads, and return it."""
        return watching.wait_leader(self.state, timeout)

    def _kill(self, member_id: str, kind: str) -> Member:
        with states.exclusive(self.name):
            member = member_of_kind(self.state, member_id, kind)
            if member.process is not None:
                member.process.kill()
        return member

    def _restart(self, member_id: str, kind: str) -> Member:
        with states.exclusive(self.name):
            current = self.state
            member = member_of_kind(current, member_id, kind)
            if member.process is not None:
                member.process.kill()
            watching.wait_unused(member)
            restarted = assembly.run_member(current, member).member(member_id)
        problem = f"{member_id} does not answer"
        watching.wait(lambda: watching.answers(restarted), problem, [restarted], watching.START_SECONDS)
        return restarted


def must_read(name: str) -> ClusterState:
    """State of a cluster. Raises ClusterError if there is none of this name."""
    found = states.read(name)
    if found is None:
        known = ", ".join(states.names()) or "none"
        raise ClusterError(f"there is no cluster {name!r}; existing clusters: {known}")
    return found


def require_images(current: ClusterState) -> None:
    """Raise ClusterError if the containers of the cluster cannot have images."""
    if not current.has_images:
        raise ClusterError(
            f"the cluster {current.name} runs no images: its level, {current.level}, leaves them out. They need root."
        )


def forget_images(current: ClusterState, progress: Progress) -> None:
    """Let agents ask for images again, and say which may not."""
    for agent_id in watching.forget_images(current.of_kind("agent")):
        progress(f"{agent_id} keeps the images that it has pulled: it is pulling one, or does not run")


def member_of_kind(current: ClusterState, member_id: str, kind: str) -> Member:
    """The member with this id. Raises ClusterError if it is of another kind."""
    member = current.member(member_id)
    if member.kind != kind:
        raise ClusterError(f"{member_id} is not {'an' if kind == 'agent' else 'a'} {kind}")
    return member
