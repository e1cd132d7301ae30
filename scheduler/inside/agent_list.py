"""Asks the leading master for its agents: once for all who want to know within a few seconds, and not for long."""

import asyncio
import time

from scheduler.inside.listed_agents import UnreadableError, agent_list
from scheduler.inside.master import Master
from scheduler.loop.agents import AgentList
from scheduler.loop.inside import InsideError, Why

_HOLDS, _HOLDS_AT_MOST = 5.0, 60.0  # seconds for which an answer, or that there is none, is used
_SHARE = 10  # of the time, at most one part of so many is spent on asking
_PATIENCE = 15.0  # seconds; a list of 10,000 agents has tens of megabytes
_PATIENCE_FOR_SCHEDULE = 5.0


class AgentLister:
    """Belongs to one asyncio loop."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._asking: asyncio.Task[AgentList | InsideError] | None = None
        self._asked: str | None = None  # the master
        self._holds_until = float("-inf")

    async def current(self) -> AgentList:
        """The agents, as they were a few seconds ago; a minute, if the list is very long. Raises InsideError."""
        if self._asking is None or (self._asking.done() and self._is_old()):
            self._asked = self._master.address
            self._asking = asyncio.create_task(self._ask())
        found = await asyncio.shield(self._asking)  # others wait for it too
        if isinstance(found, InsideError):
            raise InsideError(found.why, str(found))
        return found

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _is_old(self) -> bool:
        return self._asked != self._master.address or time.monotonic() >= self._holds_until

    async def _ask(self) -> AgentList | InsideError:
        who, began, holds = f"the master {self._asked}", time.monotonic(), _HOLDS
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._master.call("GET_AGENTS")
                schedule = await self._schedule()
            listed = await asyncio.to_thread(agent_list, answer, schedule)
            holds = max(_HOLDS, min(_HOLDS_AT_MOST, _SHARE * (time.monotonic() - began)))
            return listed
        except InsideError as error:
            return error
        except TimeoutError:
            return InsideError(Why.UNREACHABLE, f"{who} did not list its agents within {_PATIENCE:g} s")
        except UnreadableError as error:
            return InsideError(Why.UNABLE, f"the list of agents of {who} cannot be read: {error}")
        finally:
            self._holds_until = time.monotonic() + holds

    async def _schedule(self) -> bytes | str:
        """The maintenance schedule, or why it is not known: without it the list is worth having."""
        try:
            async with asyncio.timeout(_PATIENCE_FOR_SCHEDULE):
                return await self._master.call("GET_MAINTENANCE_SCHEDULE")
        except InsideError as error:
            return str(error)
        except TimeoutError:
            return f"the master did not send it within {_PATIENCE_FOR_SCHEDULE:g} s"
