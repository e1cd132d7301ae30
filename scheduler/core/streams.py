"""Clients of the event stream: their coming and going is published on it, as Marathon does."""

from scheduler.core.events import StreamAttached, StreamDetached
from scheduler.core.turn import Turn


def on_stream_attached(turn: Turn, event: StreamAttached) -> None:
    """Publish that a client has connected."""
    turn.publish("event_stream_attached", remoteAddress=event.remote_address)


def on_stream_detached(turn: Turn, event: StreamDetached) -> None:
    """Publish that a client has disconnected."""
    turn.publish("event_stream_detached", remoteAddress=event.remote_address)
