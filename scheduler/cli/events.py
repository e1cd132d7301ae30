"""``podexec events``: the event stream, one line for each event."""

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
        list[str] | None, typer.Option("--type", help="Show only events of this type; can be repeated.", metavar="TYPE")
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            "--since", help="Start after the event with this id; 0 starts with the oldest stored event.", min=0
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Print events as they happen, until Ctrl-C; continues after a restart of the scheduler."""
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
    """The events; reconnects when the stream ends. Raises ClientError if the first connection fails."""
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
            screen.tell("the stream ended; reconnecting")
            lost = True
        time.sleep(_RETRY)


def _json(event: "Event") -> str:
    return json.dumps({"id": event.number, **event.data})


def _line(event: "Event") -> str:
    """Time, id, type and the other simple values; plans are left out, as they are for programs."""
    rest = (
        f"{name}={value}"
        for name, value in event.data.items()
        if name not in _TOLD_APART and isinstance(value, str | bool | int | float)
    )
    return " ".join((str(event.data.get("timestamp", "")), f"{event.number:>6}", event.kind, *rest)).rstrip()
