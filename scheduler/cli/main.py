"""The ``podexec`` command: its subcommands and its exit codes."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from scheduler.cli import cluster, deployment, events, group, pod, queue, replay, scheduler, screen, up
from scheduler.cli.errors import CommandError, UsageError, wrong_usage


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
app.command(name="events")(events.events)
app.command(name="scheduler")(scheduler.run)
app.command(name="replay")(replay.replay)
app.command(name="up")(up.up)
app.command(name="down")(up.down)
app.add_typer(cluster.app, name="cluster")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        screen.say(f"podexec {version('podexec')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
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
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
