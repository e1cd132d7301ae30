"""What the commands that talk to the API have in common: the client, and asking whether one is sure."""

import sys
from typing import TYPE_CHECKING

from scheduler.cli import screen
from scheduler.cli.errors import CommandError

if TYPE_CHECKING:
    from scheduler.cli.client import Client


def client_of(url: str) -> "Client":
    """The client, which is loaded only by the commands that need it."""
    from scheduler.cli.client import Client

    return Client(url)


def make_sure(yes: bool, deed: str, question: str) -> None:
    """Ask, or where nobody can be asked, refuse. Raises CommandError."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"cannot {deed} without confirmation", advice="Pass --yes to confirm.", code=2)
    screen.confirm(question)
