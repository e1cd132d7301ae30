"""Whoever follows the event stream is told of in it."""

from scheduler.core.events import StreamAttached, StreamDetached
from scheduler.core.turn import Turn


def on_stream_attached(turn: Turn, event: StreamAttached) -> None:
    """One reader more."""
    turn.publish("event_stream_attached", remoteAddress=event.remote_address)


def on_stream_detached(turn: Turn, event: StreamDetached) -> None:
    """One reader less."""
    turn.publish("event_stream_detached", remoteAddress=event.remote_address)
