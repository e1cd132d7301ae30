"""Brings a turn to its fixed point: advances everything it touched until nothing more changes.

Instances come first, because pods depend on their counts, and deployments on their pods.
"""

from collections import OrderedDict

from scheduler.core.lifecycle import instances
from scheduler.core.rollout import deployments, upgrade
from scheduler.core.turn import Turn


def converge(turn: Turn) -> None:
    """Advance everything the turn touched, and everything touched by that, towards its goal."""
    while turn.instances or turn.pods or turn.deployments:
        if turn.instances:
            instances.advance(turn, _take(turn.instances))
        elif turn.pods:
            upgrade.advance(turn, _take(turn.pods))
        else:
            deployments.advance(turn, _take(turn.deployments))


def _take(ids: OrderedDict[str, None]) -> str:
    """Remove and return the first: a ``dict`` would look at every key that was removed before."""
    return ids.popitem(last=False)[0]
