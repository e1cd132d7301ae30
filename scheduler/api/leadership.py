"""Which of several schedulers leads, as far as this one knows; the API shows it and acts on it."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit


class EndingError(Exception):
    """This process ends: nobody waits for anything any longer."""


class Leadership(Protocol):
    """The election, as the API sees it. Belongs to the asyncio loop that runs the app."""

    @property
    def own(self) -> str:
        """The URL of this scheduler's API."""

    @property
    def leads(self) -> bool:
        """Whether this scheduler leads: it is elected, and has taken over."""

    @property
    def leader(self) -> str | None:
        """The URL of the API of the one that is elected; None: none is, or none is known."""

    @property
    def schedulers(self) -> tuple[str, ...]:
        """The URLs of all that take part in the election, the leader's first."""

    @property
    def position(self) -> int | None:
        """The number of the last commit, if this scheduler leads and there are others; else None."""

    async def leaves(self, leader: str | None) -> None:
        """Return when the elected one is no longer this one, or is this scheduler and leads. Raises EndingError."""

    async def reached(self, position: int) -> None:
        """Return when the commit of this number is in this scheduler's world, or will not be soon."""

    def staleness(self) -> float | None:
        """How many seconds old this standby's world is at most; None: nothing is known of it yet."""


@dataclass(frozen=True, slots=True)
class Alone:
    """There is only this scheduler, which leads. ``own``: its URL."""

    own: str

    @property
    def leads(self) -> bool:
        """Always."""
        return True

    @property
    def leader(self) -> str | None:
        """Its own."""
        return self.own

    @property
    def schedulers(self) -> tuple[str, ...]:
        """Only its own."""
        return (self.own,)

    @property
    def position(self) -> int | None:
        """It has nobody to tell."""
        return None

    async def leaves(self, leader: str | None) -> None:
        """It leads until its end, and nobody waits for that."""

    async def reached(self, position: int) -> None:
        """It has every commit."""

    def staleness(self) -> float | None:
        """It is never stale."""
        return 0.0


def place_of(url: str) -> str:
    """``host:port`` of a URL, as Marathon names leaders."""
    return urlsplit(url).netloc
