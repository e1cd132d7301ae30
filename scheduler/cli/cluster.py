"""``podexec cluster``: a real Mesos on this machine: start, stop, inspect and break it."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import image, screen
from scheduler.cli.errors import CommandError
from scheduler.cli.local_options import DEFAULT_NAME, Agents, AllowedUsers, Level, Name, Registry, local_cluster
from scheduler.cli.look import TABLE, Output, View, Watch, look_of, show_local
from scheduler.cli.options import Json, option

if TYPE_CHECKING:
    from localmesos import Status

app = typer.Typer(name="cluster", help="A local cluster of real Mesos masters and agents.", no_args_is_help=True)
app.add_typer(image.app, name="image")

AgentId = Annotated[str, typer.Argument(metavar="ID", help="The agent, e.g. agent-1.")]
MasterId = Annotated[str, typer.Argument(metavar="ID", help="The master, e.g. master-1.")]


@app.command()
def up(
    agents: Agents = 1,
    masters: Annotated[int, option("--masters", "Number of masters; more than one requires ZooKeeper.", min=1)] = 1,
    zookeeper: Annotated[bool, option("--zookeeper", "Elect the leading master through ZooKeeper.")] = False,
    level: Level = None,
    registry: Registry = None,
    executor: Annotated[
        Path | None,
        option(
            "--default-executor",
            "Program that agents start for executors of type DEFAULT.",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default="podexec's executor",
        ),
    ] = None,
    allowed_users: AllowedUsers = None,
    name: Name = DEFAULT_NAME,
) -> None:
    """Start a cluster and leave it running; prints the value for --master."""
    from scheduler.cli.local import default_executor

    with local_cluster(name) as cluster, default_executor(executor) as program:
        cluster.up(
            name,
            agents=agents,
            masters=masters,
            zookeeper=zookeeper,
            level=level,
            registry=registry,
            default_executor=program,
            allowed_users=allowed_users or (),
            progress=screen.tell,
        )
        screen.say(cluster.master)


@app.command()
def status(name: Name = DEFAULT_NAME, form: Output = TABLE, watch: Watch = False, as_json: Json = False) -> None:
    """Show the cluster's members, and the features of Mesos that are off on this machine."""
    with local_cluster(name) as cluster:

        def read() -> View:
            found = cluster.status()
            return View(_as_json(found), [each.id for each in found.members], lambda _look: _lines(found))

        show_local(look_of(form, as_json), read, watch=watch)


@app.command()
def logs(
    member: Annotated[
        str, typer.Argument(metavar="ID", help="The member, e.g. master-1, agent-2, zookeeper.")
    ] = "master-1",
    lines: Annotated[int, option("--lines", "Number of lines.", "-n", min=1)] = 100,
    name: Name = DEFAULT_NAME,
) -> None:
    """Show the last log lines of a member."""
    with local_cluster(name) as cluster:
        shown = screen.LogLines()
        for line in cluster.logs(member, lines).split("\n"):
            shown.print(line)


@app.command("add-agent")
def add_agent(
    resources: Annotated[
        str | None, option("--resources", "Resources of the agent, e.g. cpus:2;mem:1024;disk:4096")
    ] = None,
    attributes: Annotated[str | None, option("--attributes", "Attributes of the agent, e.g. rack:a;disk:ssd")] = None,
    name: Name = DEFAULT_NAME,
) -> None:
    """Add an agent."""
    with local_cluster(name) as cluster:
        screen.say(cluster.add_agent(resources=resources, attributes=attributes).id)


@app.command("kill-agent")
def kill_agent(member: AgentId, name: Name = DEFAULT_NAME) -> None:
    """Kill an agent with SIGKILL; its containers keep running."""
    with local_cluster(name) as cluster:
        cluster.kill_agent(member)


@app.command("restart-agent")
def restart_agent(member: AgentId, name: Name = DEFAULT_NAME) -> None:
    """Restart an agent, keeping its work directory; if it is running, it is killed first."""
    with local_cluster(name) as cluster:
        cluster.restart_agent(member)


@app.command("kill-master")
def kill_master(member: MasterId, name: Name = DEFAULT_NAME) -> None:
    """Kill a master with SIGKILL."""
    with local_cluster(name) as cluster:
        cluster.kill_master(member)


@app.command("restart-master")
def restart_master(member: MasterId, name: Name = DEFAULT_NAME) -> None:
    """Restart a master, keeping its registry."""
    with local_cluster(name) as cluster:
        cluster.restart_master(member)


@app.command()
def install(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to install; new or empty, e.g. /opt/mesos.")],
) -> None:
    """Install the programs of Mesos into a folder, for masters and agents of your own."""
    from localmesos import ClusterError
    from localmesos.installing import install as install_into

    try:
        install_into(folder, screen.tell)
    except ClusterError as error:
        raise CommandError(str(error)) from error


@app.command()
def down(name: Name = DEFAULT_NAME) -> None:
    """Stop the cluster and everything that runs on it, and remove its files."""
    with local_cluster(name) as cluster:
        cluster.down(screen.tell)


def _as_json(found: "Status") -> dict[str, object]:
    members = [
        {"id": each.id, "address": each.address, "pid": each.pid, "alive": each.alive, "log": str(each.log)}
        for each in found.members
    ]
    shown = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return shown | {"members": members, "folder": str(found.folder)}


def _lines(found: "Status") -> list[screen.Part]:
    table = screen.Grid(("ID", "ADDRESS", "PID", "STATE"), ruled=False)
    for member in found.members:
        state = "down"
        if member.alive:
            state = "leading" if member.id == found.leader else "registered" if member.id in found.registered else "up"
        table.add(member.id, member.address, str(member.pid or "-"), state)
    lines = [f"{found.name}: Mesos {found.version or 'not answering'}, --master {found.master}, level {found.level}"]
    if found.left_out:
        lines.append(f"left out: {found.left_out}")
    if found.registry:
        lines.append(f"images: those that were added, and those of {found.registry}")
    return [*lines, table, *(f"log of {member.id}: {member.log}" for member in found.members)]
