"""The course of a rollout if every new instance becomes ready, by the rules of ``upgrade``."""

import math

from scheduler.core.rollout.upgrade import Counts, plan
from scheduler.model.definition import Upgrade
from scheduler.model.frozen import Frozen

_MOST_ROUNDS = 500  # the further ones are like the last


class Forecast(Frozen):
    """The course of a rollout.

    Attributes:
        replaced: the number of instances that are ended or restarted because of their configuration.
        batches: in how many batches new ones are launched.
        largest_batch: the most that are launched at a time.
        lowest_ready: the lowest number of ready instances on the way.
        most: the highest number of instances at a time.
    """

    replaced: int
    batches: int
    largest_batch: int
    lowest_ready: int
    most: int


def forecast(
    wanted: int, policy: Upgrade, counts: Counts, *, resident: bool = False, batch: int | None = None
) -> Forecast:
    """The course of the replacement of all old instances. ``counts``: the instances at its start."""
    new, new_ready, old, old_ready, ending = counts.new, counts.new_ready, counts.old, counts.old_ready, counts.ending
    most = new + old + ending
    if resident:  # surplus instances are stopped first, those that are not ready before others
        old = min(old, max(0, wanted - new))
        old_ready = min(old_ready, old)
    replaced, batches, largest = old, 0, 0
    lowest = new_ready + old_ready
    for _ in range(_MOST_ROUNDS):
        move = plan(wanted, policy, Counts(new, new_ready, old, old_ready, ending), resident=resident, batch=batch)
        going = old - old_ready + move.end_old
        if not (going or move.start or move.end_new or ending):
            break
        old, old_ready = old - going, old_ready - move.end_old
        launched = move.start + (going if resident else 0)
        ending = 0 if resident else ending + going
        new += launched - move.end_new
        lowest = min(lowest, new_ready + old_ready)
        most = max(most, new + old + ending)
        batches += launched > 0
        largest = max(largest, launched)
        new_ready, ending = new, 0  # before the next round, the new ones are ready and the ended ones gone
    if old and largest:
        batches += math.ceil((wanted - new if not resident else old) / largest)
    return Forecast(replaced, batches, largest, lowest, most)
