"""Judges the master's answer to a call: its meaning for the call and for the subscription. Pure."""

from enum import Enum, auto
from http import HTTPStatus

ONCE_ONLY = frozenset({"ACCEPT"})  # a second one would report the tasks of the first as dropped
# One of these may be lost: the core repeats it, or Mesos repeats what it answers.
REPEATED = frozenset(
    {"KILL", "SHUTDOWN", "RECONCILE", "ACKNOWLEDGE", "ACKNOWLEDGE_OPERATION_STATUS", "ACCEPT_INVERSE_OFFERS"}
)
# The answers to one RECONCILE must come before those to a later one: by that the core knows that it has them all.
_IN_ANY_ORDER = (REPEATED - {"RECONCILE"}) | {"DECLINE"}
_SAID_BY_SUBSCRIBING = frozenset({"UPDATE_FRAMEWORK"})  # if it is refused, a new subscription has the same effect
# The other side, or a proxy in front of it, failed at the call; it may have been accepted or not.
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
    """The outcome of a call."""

    ACCEPTED = auto()
    REFUSED = auto()  # not accepted; other calls are not affected
    DENIED = auto()  # not accepted: the credentials are not valid
    FAILED = auto()  # accepted or not; it may be sent again
    OVER = auto()  # no further calls are possible on this subscription


def verdict(name: str, status: int, text: str) -> Verdict:
    """Judge the answer to a call of this type."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.ACCEPTED
    if status == HTTPStatus.UNAUTHORIZED:
        return Verdict.DENIED
    if status in _FAILED:
        return Verdict.FAILED if name in _IN_ANY_ORDER else Verdict.OVER
    about_the_stream = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN) and any(
        phrase in text.lower() for phrase in _ABOUT_THE_STREAM
    )
    if about_the_stream or name in _SAID_BY_SUBSCRIBING or status in _NOT_THE_LEADER:
        return Verdict.OVER
    return Verdict.REFUSED
