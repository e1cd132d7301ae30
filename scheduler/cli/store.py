"""``podexec store``: backups of the scheduler's state, moves from one kind of store to another, and checks."""

import contextlib
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Output, View, look_of, print_view
from scheduler.cli.options import option

app = typer.Typer(name="store", help="Back up, move, check and compact the scheduler's store.", no_args_is_help=True)

StoreUrl = Annotated[str, option("--store", "The scheduler's store.", metavar="sqlite:///FILE|zk://HOST:PORT/PATH")]
Backup = Annotated[Path, typer.Argument(metavar="FILE", help="The backup's file.")]
_SHOWN = 20  # problems
_MEGABYTE = 1 << 20


@app.command()
def export(
    file: Backup,
    store: StoreUrl,
    readable: Annotated[
        bool,
        typer.Option("--readable", help="Save what can be read of a damaged store; exit code 1 if that is not all."),
    ] = False,
) -> None:
    """Write a backup of a store to a new file.

    A store in ZooKeeper can be in use meanwhile; a scheduler with an SQLite file has to be stopped.
    """
    from scheduler.model.times import timestamp
    from scheduler.store import tools

    with _errors():
        contents = tools.salvage(store) if readable else tools.read(store)
        size = tools.write_backup(file, contents, version("podexec"), timestamp(time.time()))
    screen.say(f"Exported {contents.text()} to {file} ({size:,} bytes).")
    if contents.problems:
        raise CommandError(
            f"the store is damaged; {file} has what can be read. This is missing in it:",
            details=_shown(contents.problems),
        )


@app.command(name="import")
def import_(file: Backup, store: StoreUrl) -> None:
    """Restore a backup into an empty store, or a new one.

    All of the file is checked first. The store gets everything in one commit, or nothing.
    """
    from scheduler.store import tools

    with _errors():
        contents = tools.read_backup(file)
        tools.fill(store, contents)
    screen.say(f"Imported {contents.text()}.")
    if contents.problems:
        screen.tell("podexec: this backup was made of a damaged store with --readable, and is not complete")


@app.command()
def check(
    store: Annotated[
        str | None, option("--store", "The scheduler's store.", metavar="sqlite:///FILE|zk://HOST:PORT/PATH")
    ] = None,
    backup: Annotated[Path | None, typer.Option("--backup", help="Check a backup instead.", metavar="FILE")] = None,
    form: Output = TABLE,
) -> None:
    """Read all of a store, or of a backup, and say what it contains. Nothing is changed."""
    from scheduler.store import tools

    if backup is None and store is None:
        raise typer.BadParameter("pass the store, or --backup FILE", param_hint="--store")
    with _errors():
        contents = tools.read_backup(backup) if backup is not None else tools.read(store or "")
    value = {"complete": not contents.problems, "counts": contents.counts()}
    said = f"It is intact, with {contents.text()}."
    print_view(View(value, list(contents.counts()), lambda _look: [said]), look_of(form, as_json=False))
    if contents.problems:
        screen.tell("podexec: this backup was made of a damaged store with --readable, and is not complete")


@app.command()
def compact(store: StoreUrl) -> None:
    """Rewrite a store without what it no longer needs. The scheduler has to be stopped.

    This is rarely useful: a scheduler uses the space of deleted records again, and compacts one in ZooKeeper itself.
    """
    from scheduler.store import tools

    with _errors():
        before, after = tools.compact(store)
    screen.say(f"Compacted from {before / _MEGABYTE:,.1f} to {after / _MEGABYTE:,.1f} MB.")


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turn the errors of stores into the command's, and let them write no log."""
    from scheduler.observe import log
    from scheduler.store import StoreError
    from scheduler.store.tools import BackupError

    log.configure("critical")
    try:
        yield
    except (StoreError, BackupError) as error:
        raise CommandError(str(error)) from error


def _shown(problems: tuple[str, ...]) -> tuple[str, ...]:
    """The first of the problems, and how many more there are."""
    more = len(problems) - _SHOWN
    return problems if more <= 0 else (*problems[:_SHOWN], f"and {more:,} more")
