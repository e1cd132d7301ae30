"""What the commands that talk to the API have in common: the client, JSON, and asking whether one is sure."""

import json
import sys
from typing import TYPE_CHECKING, Any

import typer

from scheduler.cli.errors import CommandError

if TYPE_CHECKING:
    from scheduler.cli.client import Client


def client_of(url: str) -> "Client":
    """The client, which is loaded only by the commands that need it."""
    from scheduler.cli.client import Client

    return Client(url)


def print_json(value: Any) -> None:
    """As the API gave it, for people's eyes too."""
    typer.echo(json.dumps(value, indent=2))


def make_sure(yes: bool, deed: str, question: str) -> None:
    """Ask, or where nobody can be asked, refuse. Raises CommandError."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"will not {deed} without being sure", advice="Give --yes.", code=2)
    typer.confirm(question, abort=True, err=True)
