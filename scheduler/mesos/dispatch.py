"""Dispatches events to callbacks, in place of pymesos' dispatch, which ends its thread on an unusual event.

Each callback gets the arguments that pymesos would pass. An event without a member that its callback needs raises
MalformedError. The most frequent events, statuses, seldom come here: see ``typed_status``.
"""

from typing import Any

import structlog

from scheduler.mesos.codec import MalformedError
from scheduler.mesos.library import MesosSchedulerDriver
from scheduler.model.json import Json
from scheduler.model.shapes import shown

_LONGEST_REASON = 2000
_log = structlog.get_logger("scheduler.mesos")


class Dispatch(MesosSchedulerDriver):  # type: ignore[misc] # pymesos has no types
    """A driver as far as it dispatches events.

    Attributes:
        more_offers: how many offers follow those of the event that is being dispatched, in events of their own.
    """

    sched: Any
    more_offers = 0

    def on_event(self, event: Json) -> None:
        """Call the callback for an event. Raises MalformedError."""
        kind = event.get("type")
        if kind == "UPDATE":
            self.on_update(_member(event, "update"))
        elif kind == "HEARTBEAT":
            self.on_heartbeat()
        elif isinstance(kind, str) and kind in _KNOWN:
            getattr(self, f"on_{kind.lower()}")(_member(event, kind.lower()))
        else:
            _log.warning("event of an unknown type ignored", type=shown(kind))

    def on_update(self, event: Json) -> None:
        self.sched.statusUpdate(self, _member(event, "status"))

    def on_offers(self, event: Json) -> None:
        offers = event.get("offers")
        if offers:
            self.sched.resourceOffers(self, offers, self.more_offers)

    def on_rescind(self, event: Json) -> None:
        self.sched.offerRescinded(self, _member(event, "offer_id"))

    def on_inverse_offers(self, event: Json) -> None:
        offers = event.get("inverse_offers")
        if offers:
            self.sched.inverseOffers(self, offers)

    def on_rescind_inverse_offer(self, event: Json) -> None:
        self.sched.inverseOfferRescinded(self, _member(event, "inverse_offer_id"))

    def on_update_operation_status(self, event: Json) -> None:
        self.sched.operationStatusUpdate(self, _member(event, "status"))

    def on_message(self, event: Json) -> None:
        data = event.get("data", "")
        if not isinstance(data, str):
            raise MalformedError(f"data is {shown(data)}, not a string")
        self.sched.frameworkMessage(self, _member(event, "executor_id"), _member(event, "agent_id"), data)

    def on_failure(self, event: Json) -> None:
        """An executor is gone, perhaps without a status, or a whole agent."""
        agent_id = _member(event, "agent_id")
        if "executor_id" in event:
            self.sched.executorLost(self, _member(event, "executor_id"), agent_id, event.get("status"))
        else:
            self.sched.slaveLost(self, agent_id)

    def on_error(self, event: Json) -> None:
        message = event.get("message", "no reason given")
        self.sched.error(self, message[:_LONGEST_REASON] if isinstance(message, str) else shown(message))


_KNOWN = frozenset(
    {
        "SUBSCRIBED",
        "OFFERS",
        "INVERSE_OFFERS",
        "RESCIND",
        "RESCIND_INVERSE_OFFER",
        "UPDATE_OPERATION_STATUS",
        "MESSAGE",
        "FAILURE",
        "ERROR",
    }
)


def _member(message: Json, name: str) -> Json:
    member = message.get(name)
    if not isinstance(member, dict):
        raise MalformedError(f"{name} is {shown(member)}, not an object")
    return member
