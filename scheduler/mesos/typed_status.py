"""Reads usual status updates straight from their bytes, the shortest way from Mesos to the core: two for each container
that is launched.

Only the members that the core needs are decoded, by their types. What is of any other shape is left to ``codec``, which
decides what is wrong with it: a status that is read here is read there too, and means the same.
"""

from typing import Annotated, Any, Literal

import msgspec

from scheduler.core.events import StatusUpdated
from scheduler.mesos.codec import (
    LONGEST_MESSAGE,
    MOST_NETWORKS,
    MalformedError,
    condition_of,
    executor_members,
    network,
    shortened,
)
from scheduler.mesos.recordio import Record
from scheduler.model.records import NetworkAddress
from scheduler.model.shapes import LARGEST, LONGEST_ID


class _Id(msgspec.Struct, gc=False):
    value: Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]


class _Address(msgspec.Struct, gc=False):
    ip_address: str | msgspec.UnsetType = msgspec.UNSET


class _Network(msgspec.Struct, gc=False):
    name: str | None = None
    ip_addresses: tuple[_Address, ...] = ()


class _ContainerStatus(msgspec.Struct, gc=False):
    network_infos: tuple[_Network, ...] | None = None


class _Status(msgspec.Struct, gc=False):
    task_id: _Id
    state: str
    agent_id: _Id | None = None
    uuid: str | None = None
    timestamp: float | None = None
    message: str | None = None
    reason: str | None = None
    source: str | None = None
    healthy: bool | None = None
    container_status: _ContainerStatus | msgspec.UnsetType = msgspec.UNSET
    labels: dict[str, Any] | None = None
    check_status: None = None  # of other executors than podexec's


class _Update(msgspec.Struct, gc=False):
    status: _Status


class _Event(msgspec.Struct, gc=False):
    type: Literal["UPDATE"]
    update: _Update


_DECODER = msgspec.json.Decoder(_Event)


def read_status(record: Record, now: float) -> StatusUpdated | None:
    """The status of a record; ``now`` replaces a missing timestamp. None: it is another event, or of another shape."""
    try:
        status = _DECODER.decode(record).update.status
        labels, timestamp = status.labels, now if status.timestamp is None else status.timestamp
        if abs(timestamp) >= LARGEST:
            return None
        return StatusUpdated(
            task_id=status.task_id.value,
            condition=condition_of(status.state, status.reason),
            agent_id=None if status.agent_id is None else status.agent_id.value,
            uuid=status.uuid,
            timestamp=timestamp,
            message=(status.message or "")[:LONGEST_MESSAGE],
            reason=shortened(status.reason),
            source=shortened(status.source or ""),
            healthy=status.healthy,
            networks=_networks(status.container_status),
            **({} if labels is None else executor_members(labels, None)),
        )
    except (msgspec.DecodeError, MalformedError, RecursionError, AttributeError, TypeError, ValueError):
        return None


def _networks(container_status: _ContainerStatus | msgspec.UnsetType) -> tuple[NetworkAddress, ...]:
    if container_status is msgspec.UNSET or not container_status.network_infos:
        return ()
    return tuple(
        [
            network(each.name, tuple([at.ip_address for at in each.ip_addresses if at.ip_address is not msgspec.UNSET]))
            for each in container_status.network_infos[:MOST_NETWORKS]
        ]
    )
