"""Whoever follows the event stream is told of in it."""

from scheduler.core.events import StreamAttached, StreamDetached
from scheduler.core.turn import Turn


def attached(turn: Turn, event: StreamAttached) -> None:
    """One reader more."""
    turn.publish("event_stream_attached", remoteAddress=event.remote_address)


def detached(turn: Turn, event: StreamDetached) -> None:
    """One reader less."""
    turn.publish("event_stream_detached", remoteAddress=event.remote_address)
