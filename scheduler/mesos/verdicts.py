"""What the master's answer to a call means for the call and for its subscription. Pure."""

from enum import Enum, auto
from http import HTTPStatus

ONCE_ONLY = frozenset({"ACCEPT"})  # a second one would report the tasks of the first as dropped
# Not missed when one is given up: the core repeats them, or Mesos what they answer.
REPEATED = frozenset(
    {"KILL", "SHUTDOWN", "RECONCILE", "ACKNOWLEDGE", "ACKNOWLEDGE_OPERATION_STATUS", "ACCEPT_INVERSE_OFFERS"}
)
_IN_ANY_ORDER = REPEATED | {"DECLINE"}
_SAID_BY_SUBSCRIBING = frozenset({"UPDATE_FRAMEWORK"})  # where it is refused, a new subscription says the same
# The other side, or a proxy before it, failed at the call; it may have been taken or not.
_FAILED = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# A master that does not lead, is not ready, or has no scheduler API yet.
_NOT_THE_LEADER = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE})
_ABOUT_THE_STREAM = ("stream", "subscribed", "framework cannot be found")


class Verdict(Enum):
    """What became of a call."""

    TAKEN = auto()
    REFUSED = auto()  # for itself; it was not taken, and others may go on
    DENIED = auto()  # it was not taken: the credentials are not good
    FAILED = auto()  # it may have been taken or not, and may be sent again
    OVER = auto()  # nothing more can be done on this subscription


def verdict(name: str, status: int, text: str) -> Verdict:
    """Judge the answer to a call of that type."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.TAKEN
    if status == HTTPStatus.UNAUTHORIZED:
        return Verdict.DENIED
    if status in _FAILED:
        return Verdict.FAILED if name in _IN_ANY_ORDER else Verdict.OVER
    about_the_stream = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN) and any(
        words in text.lower() for words in _ABOUT_THE_STREAM
    )
    if about_the_stream or name in _SAID_BY_SUBSCRIBING or status in _NOT_THE_LEADER:
        return Verdict.OVER
    return Verdict.REFUSED
