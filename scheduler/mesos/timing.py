"""The timeouts and pauses of the connection to the master."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds, except the number of heartbeats.

    Attributes:
        connect: timeout for making a connection.
        call: timeout for the answer to a call.
        heartbeat: interval of heartbeats until the master has announced its own.
        missed_heartbeats: how many may be missing before the connection counts as dead.
        first_pause: pause before the second attempt; later ones double, each randomly shortened by up to a half.
        longest_pause: longest pause between two attempts.
    """

    connect: float = 5.0
    call: float = 10.0
    heartbeat: float = 15.0
    missed_heartbeats: int = 5
    first_pause: float = 0.5
    longest_pause: float = 15.0


DEFAULT = Timing()
