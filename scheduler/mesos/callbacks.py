"""pymesos' callbacks as the core's events."""

import time
from collections.abc import Callable
from typing import Any

import structlog

from scheduler.core.events import Disconnected, Event, FrameworkFailed, Subscribed
from scheduler.mesos.address import Address
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.codec import offer_rescinded, offers_received, status_updated
from scheduler.mesos.library import Scheduler
from scheduler.model.json import Json

_log = structlog.get_logger("scheduler.mesos")


class Callbacks(Scheduler):  # type: ignore[misc] # pymesos has no types
    """Called on the driver's thread; does nothing but hand over."""

    def __init__(self, submit: Callable[[Event], None], agents: AgentProbe) -> None:
        self._submit = submit
        self._agents = agents

    def registered(self, driver: Any, frameworkId: Json, masterInfo: Json) -> None:  # noqa: N803
        self._subscribed(driver, masterInfo)

    def reregistered(self, driver: Any, masterInfo: Json) -> None:  # noqa: N803
        self._subscribed(driver, masterInfo)

    def disconnected(self, driver: Any) -> None:
        self._submit(Disconnected())

    def resourceOffers(self, driver: Any, offers: list[Json]) -> None:
        self._submit(offers_received(offers))
        self._agents.look_at(offers)

    def offerRescinded(self, driver: Any, offerId: Json) -> None:  # noqa: N803
        self._submit(offer_rescinded(offerId))

    def statusUpdate(self, driver: Any, status: Json) -> None:
        self._submit(status_updated(status, time.time()))

    def slaveLost(self, driver: Any, slaveId: Json) -> None:  # noqa: N803
        _log.info("agent lost", agent_id=slaveId.get("value"))

    def executorLost(self, driver: Any, executorId: Json, slaveId: Json, status: int | None) -> None:  # noqa: N803
        _log.info("executor ended", executor_id=executorId.get("value"), agent_id=slaveId.get("value"), status=status)

    def error(self, driver: Any, message: str) -> None:
        self._submit(FrameworkFailed(message))

    def _subscribed(self, driver: Any, master: Json) -> None:
        self._agents.look_around(Address(master["hostname"], master["port"]))
        self._submit(Subscribed(driver.framework_id, driver.master, master.get("version")))
