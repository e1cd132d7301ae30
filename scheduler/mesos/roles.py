"""The framework's roles, and which of them want offers. Pure."""

from collections.abc import Iterable, Sequence


class Roles:
    """The roles for every subscription from now on. A role that does not want offers is suppressed."""

    def __init__(self, roles: Sequence[str]) -> None:
        self.all = list(roles)
        self._wanting_offers: set[str] = set()
        self._sent: list[str] = []  # to the master, on the current stream

    @property
    def suppressed(self) -> list[str]:
        """The roles that do not want offers."""
        return [role for role in self.all if role not in self._wanting_offers]

    @property
    def are_sent(self) -> bool:
        """Whether the master knows these roles."""
        return self.all == self._sent

    def sent(self) -> None:
        """These roles were sent to the master."""
        self._sent = self.all

    def replace(self, roles: Sequence[str]) -> None:
        """Have these roles from now on. A new one does not want offers yet."""
        self.all = list(roles)
        self._wanting_offers.intersection_update(roles)

    def revive(self, roles: Iterable[str]) -> None:
        """These roles want offers."""
        self._wanting_offers.update(roles)

    def suppress(self, roles: Iterable[str]) -> None:
        """These roles no longer want offers."""
        self._wanting_offers.difference_update(roles)
