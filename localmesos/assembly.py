"""Assembles a cluster: plans it, makes a place for each member, and starts the members.

Writes the state after every step, so that everything that was made is known whatever happens in between.
"""

from __future__ import annotations

import dataclasses
import os
import pwd
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localmesos import commands, level, network, package, processes, state, system, vanishing, watching
from localmesos.commands import DEFAULT_RESOURCES, Flags
from localmesos.errors import ClusterError
from localmesos.images import pulling
from localmesos.images.names import PUBLIC_REGISTRY
from localmesos.state import ClusterState, Member

MOST_MASTERS, MOST_AGENTS = 7, 200
FIRST_MASTER, ZOOKEEPER, FIRST_AGENT = 2, 10, 11  # last parts of the addresses
LAUNCHER_FOLDER, DEFAULT_EXECUTOR = "launcher", "mesos-default-executor"
LOOPBACK_PORTS_END, LOOPBACK_PORTS_EACH, LOOPBACK_SLOTS = 32000, 500, 40


@dataclass(frozen=True, slots=True)
class Options:
    """A user's options for a cluster."""

    agents: int = 1
    masters: int = 1
    zookeeper: bool = False
    level: str | None = None
    agent_resources: str = DEFAULT_RESOURCES
    agent_attributes: Sequence[str] = ()  # agent N gets the Nth; repeated from the first
    agent_flags: Flags = dataclasses.field(default_factory=dict)
    master_flags: Flags = dataclasses.field(default_factory=dict)
    images_dir: Path | None = None
    registry: str | None = None  # None: the public one
    default_executor: Path | None = None  # program of executors of type DEFAULT; None: they fail
    allowed_users: Sequence[str] = ()  # names of users who may connect to what is protected, in addition to root
    own_ports: Sequence[int] = ()  # TCP ports of this machine that are protected as masters and agents are

    def __post_init__(self) -> None:
        """Reject impossible options before anything is done."""
        if not 1 <= self.masters <= MOST_MASTERS or not 0 <= self.agents <= MOST_AGENTS:
            raise ClusterError(f"a cluster must have 1 to {MOST_MASTERS} masters and 0 to {MOST_AGENTS} agents")
        if self.default_executor is not None and not self.default_executor.is_file():
            raise ClusterError(f"the default executor {self.default_executor} is not a file")
        _ = self.allowed_ids
        pulling.check_registry(self.registry or PUBLIC_REGISTRY)
        if self.wants_zookeeper:
            commands.require_zookeeper()

    @property
    def registry_url(self) -> str:
        """The registry that agents pull images from."""
        return pulling.check_registry(self.registry or PUBLIC_REGISTRY)

    @property
    def allowed_ids(self) -> list[int]:
        """Ids of the `allowed_users`. Raises ClusterError if one does not exist."""
        try:
            return [pwd.getpwnam(name).pw_uid for name in self.allowed_users]
        except KeyError as error:
            raise ClusterError(f"there is no user whom the cluster could allow: {error.args[0]}") from None

    @property
    def wants_zookeeper(self) -> bool:
        """Whether ZooKeeper is needed: several masters need an election."""
        return self.zookeeper or self.masters > 1


def plan(name: str, prefix: Path, choice: level.Choice, options: Options) -> ClusterState:
    """The state of a cluster before anything is made. It belongs to this process until it is complete."""
    folder = state.folder_of(name)
    launcher = {} if options.default_executor is None else {"launcher_dir": str(folder / LAUNCHER_FOLDER)}
    return ClusterState(
        name=name,
        key=secrets.token_hex(3),
        folder=folder,
        boot_id=state.boot_id(),
        prefix=prefix,
        owner=processes.identify(os.getpid()),
        level=choice.level,
        left_out=choice.left_out,
        isolation=choice.isolation,
        hierarchy=choice.hierarchy,
        cni_folder=choice.cni_folder,
        network=None,
        images_dir=(options.images_dir or folder / "images").absolute(),
        registry=options.registry_url,
        zookeeper=options.wants_zookeeper,
        agent_resources=options.agent_resources,
        agent_flags={**launcher, **options.agent_flags},
        master_flags=dict(options.master_flags),
    )


def make(planned: ClusterState, choice: level.Choice, options: Options, progress: package.Progress) -> None:
    """Make the planned cluster, and wait until its members have found each other."""
    current = state.write(planned)
    if os.geteuid() != 0:
        current.folder.chmod(0o700)  # root's is open, as tasks of other users must reach their sandboxes
    system.make_folder(current.images_dir)
    if options.default_executor is not None:
        make_launcher_folder(current, options.default_executor)
    if choice.mount_freezer:
        mount_freezer(current.tag)
    if choice.namespaces:
        ports = (commands.MASTER_PORT, commands.AGENT_PORT, commands.ZOOKEEPER_PORT)
        made = network.create(current.tag, system.tools(), ports, options.own_ports, options.allowed_ids)
        current = state.write(dataclasses.replace(current, network=made.index))
        mount_network(current.machine_network)
    if current.zookeeper:
        progress("starting ZooKeeper")
        current = start_zookeeper(current)
    masters, agents, attributes = options.masters, options.agents, options.agent_attributes
    progress(f"starting {masters} master{'s' * (masters > 1)} and {agents} agent{'s' * (agents != 1)}")
    for number in range(1, masters + 1):
        current = start_master(current, number, masters)
    for number in range(1, agents + 1):
        given = {"attributes": attributes[(number - 1) % len(attributes)]} if attributes else {}
        current = start_agent(current, number, current.agent_resources, given)
    watching.wait_leader(current)
    if masters > 1:
        watching.wait_joined(current.of_kind("master"))
    watching.wait_registered(current, [agent.id for agent in current.of_kind("agent")])


def make_launcher_folder(current: ClusterState, default_executor: Path) -> None:
    """Make a --launcher_dir for this cluster's agents: the installation's programs and the default executor."""
    folder = current.folder / LAUNCHER_FOLDER
    system.make_folder(folder)
    for program in (current.prefix / "libexec").iterdir():
        (folder / program.name).symlink_to(program)
    # A copy, in a folder that every user can reach: the agent starts it as the user of its framework.
    shutil.copyfile(default_executor, folder / DEFAULT_EXECUTOR)
    (folder / DEFAULT_EXECUTOR).chmod(0o755)


def mount_freezer(tag: str) -> None:
    """Mount the v1 freezer for the Linux launcher, on a machine that has only cgroup v2.

    All clusters share it. A group in it says from now on that this cluster uses it, so that the end of another does not
    unmount it before the first container is started.
    """
    freezer = level.OWN_HIERARCHY / "freezer"
    with system.one_at_a_time(level.FREEZER_LOCK):
        freezer.mkdir(parents=True, exist_ok=True)
        if not freezer.is_mount():
            system.run("mount", "-t", "cgroup", "-o", "freezer", "podexec", str(freezer))
        (freezer / f"{tag}-claim").mkdir()


def mount_network(target: Path) -> None:
    """Keep a name for this process's network namespace, for agents to pull images in (images/pulling.py).

    It is in the cluster's folder, so it is unmounted with everything else there.
    """
    target.touch()
    system.run("mount", "--bind", "/proc/self/ns/net", str(target))


def start_zookeeper(current: ClusterState) -> ClusterState:
    """Start the cluster's ZooKeeper, and wait until it answers: masters that start earlier exit."""
    folder = current.folder / "zookeeper"
    with placed(current, "zookeeper", ZOOKEEPER, commands.ZOOKEEPER_PORT) as address:
        command = commands.zookeeper(folder, address)
        current = run_member(current, Member("zookeeper", "zookeeper", 1, address, folder, command))
    started, problem = current.of_kind("zookeeper"), "ZooKeeper does not answer"
    watching.wait(lambda: watching.accepts(address), problem, started, watching.START_SECONDS)
    return current


def start_master(current: ClusterState, number: int, masters: int) -> ClusterState:
    """Start one of the masters."""
    member_id = f"master-{number}"
    folder = current.folder / member_id
    with placed(current, member_id, FIRST_MASTER + number - 1, commands.MASTER_PORT) as address:
        command = commands.master(current, folder, address, masters)
        return run_member(current, Member(member_id, "master", number, address, folder, command))


def start_agent(current: ClusterState, number: int, resources: str, flags: Flags) -> ClusterState:
    """Start one of the agents."""
    if number > MOST_AGENTS:
        raise ClusterError(f"a local cluster has at most {MOST_AGENTS} agents")
    member_id = f"agent-{number}"
    folder = current.folder / member_id
    with placed(current, member_id, FIRST_AGENT + number - 1, commands.AGENT_PORT) as address:
        with task_ports(current) as ports:
            command = commands.agent(current, number, folder, address, commands.with_ports(resources, ports), flags)
            member = Member(member_id, "agent", number, address, folder, command)
            current = state.write(current.with_member(member))  # from now on others see that the ports are taken
        return run_member(current, member)


def run_member(current: ClusterState, member: Member) -> ClusterState:
    """Start the process of a member, in its namespace if it has one, and record it.

    On the loopback address it has taken its port when this returns.
    """
    system.make_folder(member.work_dir)
    command = member.command
    if os.geteuid() == 0:  # set the umask: tasks of other users use agents' folders too
        command = ("sh", "-c", 'umask 022; exec "$@"', "sh", *command)
    if (net := network_of(current)) is not None:
        # Not `ip netns exec`: it mounts another /sys, which hides the control groups.
        command = ("nsenter", f"--net={net.namespace(member.id)}", *command)
    process = processes.start(command, commands.environment(current, member.kind), member.log)
    current = state.write(current.with_member(dataclasses.replace(member, process=process)))
    if net is None:
        started, problem = current.member(member.id), f"{member.id} does not listen at {member.address}"
        watching.wait(lambda: watching.accepts(member.address), problem, [started], watching.START_SECONDS)
    return current


def network_of(current: ClusterState) -> network.Network | None:
    """The cluster's network; None if its members use the loopback address."""
    return None if current.network is None else network.Network(current.tag, current.network)


def host_address(current: ClusterState) -> str:
    """The address of this machine in the cluster's network."""
    net = network_of(current)
    return "127.0.0.1" if net is None else net.address(1)


@contextmanager
def placed(current: ClusterState, member_id: str, number: int, port: int) -> Iterator[str]:
    """Yield the address of a member, in a network namespace made for it if the cluster has them.

    An address on loopback is kept for the member during the context, in which it must be started.
    """
    net = network_of(current)
    if net is None:
        with reserved_port() as reserved:
            yield f"127.0.0.1:{reserved}"
    else:
        net.attach(member_id, number)
        yield f"{net.address(number)}:{port}"


@contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port of the loopback address from being given to others, while a program is started that listens there.

    A socket that is bound and does not listen keeps it, and does not hinder a program that sets SO_REUSEADDR, as Mesos,
    ZooKeeper and Python's servers do (ip(7), socket(7)).
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@contextmanager
def task_ports(current: ClusterState) -> Iterator[str]:
    """Yield the range of task ports for a new agent. Its member must be recorded before the end of the context.

    On loopback it is one that no other agent of this user has; others wait meanwhile.
    """
    if current.network is not None:
        yield commands.TASK_PORTS
        return
    with system.one_at_a_time(state.clusters_folder() / ".task-ports"):
        yield free_task_ports()


def free_task_ports() -> str:
    """A range of task ports that no agent on the loopback address has, of all of this user's clusters."""
    # Not decoded: another version of podexec may have written them.
    taken = [vanishing.read(state.clusters_folder() / name / state.FILE) or "" for name in state.names()]
    for slot in range(LOOPBACK_SLOTS):
        last = LOOPBACK_PORTS_END - slot * LOOPBACK_PORTS_EACH
        ports = f"[{last - LOOPBACK_PORTS_EACH + 1}-{last}]"
        if not any(ports in text for text in taken):
            return ports
    raise ClusterError(f"all {LOOPBACK_SLOTS} port ranges of the loopback address are taken; take a cluster down first")
