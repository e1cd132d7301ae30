"""The entry point of the core: an event goes in; the changed records and the effects come out."""

from collections.abc import Callable
from typing import Any

from scheduler.core import clock, deadlines, streams, subscription
from scheduler.core.converge import converge
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
    OffersAsked,
    OffersReceived,
    OperationUpdated,
    OrphanAdopted,
    OrphanKilled,
    PodDeleted,
    PodPosted,
    PodPut,
    PodRestarted,
    PolicyChanged,
    StatusesUpdated,
    StatusUpdated,
    StreamAttached,
    StreamDetached,
    Subscribed,
    Ticked,
)
from scheduler.core.frame import Frame
from scheduler.core.lifecycle import arrival, failures, inspections, instance_events, statuses
from scheduler.core.placement import offers, operations, revive
from scheduler.core.rollout import adoption, policies, requests
from scheduler.core.turn import Turn
from scheduler.core.world import World

_HANDLERS: dict[type[Event], Callable[[Turn, Any], None]] = {
    Subscribed: subscription.on_subscribed,
    Disconnected: subscription.on_disconnected,
    FrameworkFailed: subscription.on_framework_failed,
    AgentDescribed: subscription.on_agent_described,
    AgentsListed: arrival.on_agents_listed,
    FrameworksListed: arrival.on_frameworks_listed,
    AgentsUnlisted: subscription.on_agents_unlisted,
    OffersReceived: offers.on_offers_received,
    OffersAsked: revive.on_offers_asked,
    OfferRescinded: offers.on_offer_rescinded,
    StatusUpdated: statuses.on_status_updated,
    StatusesUpdated: statuses.on_statuses_updated,
    OperationUpdated: operations.on_operation_updated,
    ExecutorEnded: failures.on_executor_ended,
    ExecutorInspected: inspections.on_executor_inspected,
    AgentLost: failures.on_agent_lost,
    PodPosted: requests.on_pod_posted,
    PodPut: requests.on_pod_put,
    PodRestarted: requests.on_pod_restarted,
    PodDeleted: requests.on_pod_deleted,
    GroupDeleted: requests.on_group_deleted,
    InstancesKilled: requests.on_instances_killed,
    DelayReset: requests.on_delay_reset,
    OrphanKilled: adoption.on_orphan_killed,
    OrphanAdopted: adoption.on_orphan_adopted,
    PolicyChanged: policies.on_policy_changed,
    DeploymentCancelled: requests.on_deployment_cancelled,
    DeploymentPaused: requests.on_deployment_paused,
    DeploymentResumed: requests.on_deployment_resumed,
    StreamAttached: streams.on_stream_attached,
    StreamDetached: streams.on_stream_detached,
    Ticked: deadlines.on_ticked,
    ClockSet: clock.on_clock_set,
}


def step(world: World, event: Event, now: float) -> Frame:
    """Apply the event to the world.

    After its handler, everything it touched is advanced towards its goal, new instances are launched on the offers that
    are held, the master learns for which roles more are wanted, and the changes are published on the event stream. The
    same world, event and time always give the same frame. Until enough is known about the running tasks
    (``lifecycle.arrival``), nothing is decided.
    """
    turn = Turn(world, now)
    _HANDLERS[type(event)](turn, event)
    if arrival.conclude(turn):
        subscription.resume(turn)
    if arrival.is_over(turn.world):
        converge(turn)
        if turn.demand_grew and turn.world.volatile.offers:
            instance_events.publish_changes(turn)  # new instances wait first, and are launched then
            offers.on_demand_grown(turn)
            converge(turn)
        revive.reconcile_roles(turn)
    instance_events.publish_changes(turn)
    return turn.frame()
