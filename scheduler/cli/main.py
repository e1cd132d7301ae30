"""The ``podexec`` command: its subcommands and its exit codes."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from scheduler.cli import (
    agent,
    board,
    cluster,
    context,
    deployment,
    doctor,
    events,
    group,
    leader,
    orphan,
    pod,
    policy,
    queue,
    replay,
    scheduler,
    screen,
    store,
    systemd_unit,
    up,
    user,
    version,
)
from scheduler.cli.errors import CommandError, UsageError, unexpected, wrong_usage
from scheduler.cli.options import option


def _with_dashes(name: str) -> str:
    """Accept Marathon's spelling of options, which has underscores."""
    return name.replace("_", "-")


app = typer.Typer(
    name="podexec",
    help="Pods on Apache Mesos: groups of containers that are launched together on one agent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _with_dashes},
)
app.add_typer(pod.app, name="pod")
app.add_typer(group.app, name="group")
app.add_typer(deployment.app, name="deployment")
app.add_typer(queue.app, name="queue")
app.add_typer(agent.app, name="agent")
app.add_typer(leader.app, name="leader")
app.add_typer(orphan.app, name="orphan")
app.add_typer(context.app, name="context")
app.add_typer(user.app, name="user")
app.add_typer(policy.app, name="policy")
app.add_typer(store.app, name="store")
app.command(name="board")(board.board)
app.command(name="doctor")(doctor.doctor)
app.command(name="events")(events.events)
app.command(name="scheduler")(scheduler.run)
app.command(name="systemd-unit")(systemd_unit.systemd_unit)
app.command(name="replay")(replay.replay)
app.command(name="up")(up.up)
app.command(name="down")(up.down)
app.add_typer(cluster.app, name="cluster")
app.command(name="version")(version.version)


def _show_version(wanted: bool) -> None:
    if wanted:
        version.version()
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print versions and exit.", is_eager=True, callback=_show_version)
    ] = False,
    context: Annotated[
        str | None,
        option("--context", "Name of the scheduler to use: see podexec context.", metavar="NAME"),
    ] = None,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    screen.prepare()
    try:
        code = app(None if arguments is None else list(arguments), prog_name="podexec", standalone_mode=False)
    except CommandError as error:
        screen.tell_lines(error.lines())
        sys.exit(error.code)
    except typer.Abort:
        screen.tell("podexec: not confirmed; nothing was done")
        sys.exit(1)
    except UsageError as error:
        screen.tell_lines(wrong_usage(error))
        sys.exit(2)
    except Exception as error:  # its text may be that of any server
        screen.tell_lines(unexpected(error))
        sys.exit(1)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
