"""What an instance takes from an offer that fits it."""

from dataclasses import dataclass

from scheduler.core.offer.disks import Disks
from scheduler.core.offer.resources import Ledger
from scheduler.model.json import Json
from scheduler.model.records import Reservation


@dataclass(frozen=True, slots=True)
class ReservedPlacement:
    """Where an instance with persistent volumes is launched.

    Attributes:
        reservation: what is kept for it there.
        first: the operations that have to come before the launch.
        disks: what the offer has left afterwards, where volumes were made.
    """

    reservation: Reservation
    first: tuple[Json, ...] = ()
    disks: Disks | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What one instance takes from an offer.

    Attributes:
        executor: the resources of the executor, all host ports of the pod among them.
        containers: the resources of each container, in the definition's order.
        host_ports: endpoint name and allocated host port.
        rest: what the offer has left afterwards.
        home: None: it has no persistent volumes.
    """

    executor: tuple[Json, ...]
    containers: tuple[tuple[Json, ...], ...]
    host_ports: tuple[tuple[str, int], ...]
    rest: Ledger
    home: ReservedPlacement | None = None
