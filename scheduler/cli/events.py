"""``podexec events``: what happens, as it happens."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.options import DEFAULT_URL, Json, Url
from scheduler.cli.output import client_of

if TYPE_CHECKING:
    from scheduler.cli.client import Client
    from scheduler.cli.stream import Event

_RETRY = 1.0
_TOLD_APART = ("eventType", "timestamp")


def events(
    kinds: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type; may be repeated.", metavar="TYPE")
    ] = None,
    since: Annotated[
        int | None, typer.Option("--since", help="Begin after this event; 0: with the oldest that is kept.", min=0)
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Follow what happens, until Ctrl-C; go on where it was after a restart of the scheduler."""
    try:
        with client_of(url) as client:
            for event in _follow(client, kinds or (), since):
                if as_json:
                    screen.data(_json(event))
                else:
                    screen.say(_line(event))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _follow(client: "Client", kinds: Sequence[str], since: int | None) -> "Iterator[Event]":
    """The events, over interruptions. Raises ClientError if there is no scheduler to begin with."""
    from scheduler.cli.client import ChangeRefusedError, ClientError

    connected = lost = False
    while True:
        try:
            for event in client.events(kinds, since):
                connected, lost = True, False
                since = event.number
                yield event
            connected = True
        except ChangeRefusedError:
            raise
        except ClientError:
            if not connected:
                raise
        if not lost:
            screen.tell("the stream ended; trying again")
            lost = True
        time.sleep(_RETRY)


def _json(event: "Event") -> str:
    return json.dumps({"id": event.number, **event.data})


def _line(event: "Event") -> str:
    """Time, number, type, and what else there is to say, without plans, which are for programs."""
    rest = (
        f"{name}={value}"
        for name, value in event.data.items()
        if name not in _TOLD_APART and isinstance(value, str | bool | int | float)
    )
    return " ".join((str(event.data.get("timestamp", "")), f"{event.number:>6}", event.kind, *rest)).rstrip()
