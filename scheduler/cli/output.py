"""Shared by the commands that use the API: the client, and asking for confirmation."""

import sys
from typing import TYPE_CHECKING

from scheduler.cli import screen
from scheduler.cli.errors import CommandError

if TYPE_CHECKING:
    from scheduler.cli.client import Client


def client_of(url: str) -> "Client":
    """The client; its module is imported only by commands that need it."""
    from scheduler.cli.client import Client

    return Client(url)


def require_confirmation(yes: bool, deed: str, question: str) -> None:
    """Ask for confirmation. Raises CommandError if there is no terminal to ask on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"refusing to {deed} without confirmation", advice="Pass --yes to confirm.", code=2)
    screen.confirm(question)
