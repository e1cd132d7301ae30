"""The resources that a fitting offer allots to an instance: the result of ``placement.matching``."""

from scheduler.core.offer.disks import Disks
from scheduler.core.offer.resources import Ledger
from scheduler.model.frozen import Frozen
from scheduler.model.json import Json
from scheduler.model.records import Reservation


class ReservedPlacement(Frozen):
    """The place where an instance with persistent volumes is launched.

    Attributes:
        reservation: its reservation there.
        first: the operations that must come before the launch.
        disks: the disks left in the offer afterwards, if volumes are created.
    """

    reservation: Reservation
    first: tuple[Json, ...] = ()
    disks: Disks | None = None


class Match(Frozen):
    """The resources that one instance takes from an offer.

    Attributes:
        executor: the resources of the executor, including all host ports of the pod.
        containers: the resources of each container, in the definition's order.
        host_ports: endpoint name and allocated host port.
        rest: the resources left in the offer afterwards.
        home: None: it has no persistent volumes.
    """

    executor: tuple[Json, ...]
    containers: tuple[tuple[Json, ...], ...]
    host_ports: tuple[tuple[str, int], ...]
    rest: Ledger
    home: ReservedPlacement | None = None

    def again(self) -> bool:
        """Take the same from the rest for another instance; False: that must be matched anew.

        Ports and volumes are not the same for two instances.
        """
        return not self.host_ports and self.home is None and self.rest.take_again()
