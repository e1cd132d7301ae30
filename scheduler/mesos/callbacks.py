"""Turns pymesos' callbacks into the core's events."""

import time
from collections.abc import Callable
from typing import Any

import orjson
import structlog

from scheduler.core.effects import Reconcile
from scheduler.core.events import Disconnected, Event, FrameworkFailed, Subscribed
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.codec import (
    MalformedError,
    acknowledgement_of,
    agent_lost,
    executor_ended,
    fault_domain,
    inverse_offer_ids,
    offer_rescinded,
    offers_received,
    operation_updated,
    status_updated,
)
from scheduler.mesos.library import Scheduler
from scheduler.model.json import Json
from scheduler.model.shapes import identifier

_UNTIL_ASKED_AGAIN = 3600.0  # seconds; the default would be every five
_LONGEST_WINDOW = 200
_SHOWN = 3  # problems of one event
_log = structlog.get_logger("scheduler.mesos")


class Callbacks(Scheduler):  # type: ignore[misc] # pymesos has no types
    """Submits the events. Called on the driver's thread."""

    def __init__(self, submit: Callable[[Event], None], agents: AgentProbe, messages: Callable[[str], None]) -> None:
        self._submit = submit
        self._agents = agents
        self._messages = messages
        self._maintenance: dict[str, Json | None] = {}  # agent id -> the unavailability that was logged

    def registered(self, driver: Any, frameworkId: Json, masterInfo: Json) -> None:  # noqa: N803
        self._subscribed(driver, masterInfo)

    def reregistered(self, driver: Any, masterInfo: Json) -> None:  # noqa: N803
        self._subscribed(driver, masterInfo)

    def disconnected(self, driver: Any) -> None:
        self._submit(Disconnected())

    def resourceOffers(self, driver: Any, offers: list[Json], more: int = 0) -> None:
        received, unknown = offers_received(offers, more)
        if received.offers:
            self._submit(received)
        self._agents.look_at(received.offers)
        if unknown:
            raise MalformedError("; ".join(unknown[:_SHOWN]))

    def offerRescinded(self, driver: Any, offerId: Json) -> None:  # noqa: N803
        self._submit(offer_rescinded(offerId))

    def statusUpdate(self, driver: Any, status: Json) -> None:
        try:
            event = status_updated(status, time.time())
        except MalformedError:
            self._receipt(driver, status)
            raise
        self._submit(event)

    def operationStatusUpdate(self, driver: Any, operationStatus: Json) -> None:  # noqa: N803
        self._submit(operation_updated(operationStatus))

    def inverseOffers(self, driver: Any, offers: list[Json]) -> None:
        """Accept every maintenance: the answer has no consequence, the core uses the ``unavailability`` of offers."""
        ids, unknown = inverse_offer_ids(offers)
        for offer in offers:
            self._note_maintenance(offer)
        if ids:
            driver.acceptInverseOffers(ids, {"refuse_seconds": _UNTIL_ASKED_AGAIN})
        if unknown:
            raise MalformedError("; ".join(unknown[:_SHOWN]))

    def frameworkMessage(self, driver: Any, executorId: Json, slaveId: Json, message: str) -> None:  # noqa: N803
        self._messages(message)

    def slaveLost(self, driver: Any, slaveId: Json) -> None:  # noqa: N803
        lost = agent_lost(slaveId)
        self._agents.forget(lost.agent_id)
        self._maintenance.pop(lost.agent_id, None)
        self._submit(lost)

    def executorLost(self, driver: Any, executorId: Json, slaveId: Json, status: int | None) -> None:  # noqa: N803
        self._submit(executor_ended(executorId, slaveId, status))

    def error(self, driver: Any, message: str) -> None:
        self._submit(FrameworkFailed(message))

    def _receipt(self, driver: Any, status: Json) -> None:
        """Acknowledge a status that cannot be read, because otherwise its agent would repeat it forever and send no
        later one; and ask the master for the task's state, in an answer with fewer members.
        """
        acknowledge = acknowledgement_of(status)
        if acknowledge is not None:
            asked = Reconcile(((acknowledge.task_id, acknowledge.agent_id),))
            driver.perform_all((acknowledge, asked))

    def _note_maintenance(self, offer: Json) -> None:
        if not isinstance(offer, dict) or identifier(offer.get("agent_id")) is not None:
            return
        agent_id, unavailability = offer["agent_id"]["value"], offer.get("unavailability")
        if self._maintenance.get(agent_id) != unavailability:
            self._maintenance[agent_id] = unavailability
            _log.info("agent scheduled for maintenance", agent_id=agent_id, unavailability=_window(unavailability))

    def _subscribed(self, driver: Any, master: Json) -> None:
        region, zone = fault_domain(master)
        self._submit(Subscribed(driver.framework_id, driver.master, master.get("version"), region, zone))


def _window(unavailability: object) -> str:
    """An Unavailability, for people."""
    return str(orjson.dumps(unavailability)[:_LONGEST_WINDOW], "utf-8", "replace")
