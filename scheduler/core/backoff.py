"""Launch back-off: a pod whose instances keep ending is launched ever less often, up to its limit.

Kept in memory only: after a restart of the scheduler every pod is launchable at once.
"""

from scheduler.core.turn import Turn
from scheduler.core.world import Delay, Due, World


def failed(turn: Turn, pod_id: str) -> None:
    """An instance ended that should have run on: lengthen the pod's delay. One quiet for maxLaunchDelay starts anew."""
    world = turn.world
    policy = world.current(world.pods[pod_id]).scheduling.backoff
    last = world.delays.get(pod_id)
    if last is None or turn.now - last.since > policy.max_launch_delay:
        seconds = policy.backoff
    else:
        seconds = min(last.seconds * policy.backoff_factor, policy.max_launch_delay)
    world.delays[pod_id] = Delay(seconds, since=turn.now, until=turn.now + seconds)
    world.at(turn.now + seconds, Due.LAUNCHABLE, pod_id)


def elapsed(world: World, pod_id: str, now: float) -> bool:
    """Whether the pod may be launched now."""
    delay = world.delays.get(pod_id)
    return delay is None or delay.until <= now


def reset(world: World, pod_id: str) -> None:
    """Forget the pod's failures: its definition has changed."""
    world.delays.pop(pod_id, None)
