"""The one door: what happened goes in, what changed and what to do comes out."""

from collections.abc import Callable
from typing import Any

from scheduler.core import clock, deadlines, streams, subscription
from scheduler.core.events import (
    AgentDescribed,
    AgentLost,
    AgentsListed,
    AgentsUnlisted,
    ClockSet,
    DelayReset,
    DeploymentCancelled,
    DeploymentPaused,
    DeploymentResumed,
    Disconnected,
    Event,
    ExecutorEnded,
    ExecutorInspected,
    FrameworkFailed,
    FrameworksListed,
    GroupDeleted,
    InstancesKilled,
    OfferRescinded,
    OffersReceived,
    OperationUpdated,
    PodDeleted,
    PodPosted,
    PodPut,
    StatusUpdated,
    StreamAttached,
    StreamDetached,
    Subscribed,
    Ticked,
)
from scheduler.core.frame import Frame
from scheduler.core.lifecycle import arrival, failures, inspections, instance_events, instances, statuses
from scheduler.core.placement import offers, operations, revive
from scheduler.core.rollout import requests
from scheduler.core.turn import Turn
from scheduler.core.world import World

_HANDLERS: dict[type[Event], Callable[[Turn, Any], None]] = {
    Subscribed: subscription.subscribed,
    Disconnected: subscription.disconnected,
    FrameworkFailed: subscription.failed,
    AgentDescribed: subscription.agent_described,
    AgentsListed: arrival.listed,
    FrameworksListed: arrival.namesakes,
    AgentsUnlisted: subscription.agents_unlisted,
    OffersReceived: offers.received,
    OfferRescinded: offers.rescinded,
    StatusUpdated: statuses.updated,
    OperationUpdated: operations.updated,
    ExecutorEnded: failures.executor_ended,
    ExecutorInspected: inspections.inspected,
    AgentLost: failures.agent_lost,
    PodPosted: requests.posted,
    PodPut: requests.put,
    PodDeleted: requests.deleted,
    GroupDeleted: requests.group_deleted,
    InstancesKilled: requests.killed,
    DelayReset: requests.delay_reset,
    DeploymentCancelled: requests.cancelled,
    DeploymentPaused: requests.paused,
    DeploymentResumed: requests.resumed,
    StreamAttached: streams.attached,
    StreamDetached: streams.detached,
    Ticked: deadlines.ticked,
    ClockSet: clock.was_set,
}


def step(world: World, event: Event, now: float) -> Frame:
    """Let the event change the world.

    The handler does what the event says; then all that it touched is brought nearer to what is wanted of it, the demand
    for offers is told to the master, and the changes to whoever follows. The same world, event and time always give the
    same frame. Before enough is known of what runs, nothing is decided.
    """
    turn = Turn(world, now)
    _HANDLERS[type(event)](turn, event)
    if arrival.conclude(turn):
        subscription.resume(turn)
    if arrival.is_over(turn.world):
        instances.converge(turn)
        revive.settle(turn)
    instance_events.tell(turn)
    return turn.frame()
