"""Assigns host ports: the fixed ones that endpoints name, and free ones for dynamic ports (0)."""

import random
from collections.abc import Iterator, Sequence

from scheduler.model.definition import PodDefinition


def assign(
    definition: PodDefinition, free: Sequence[tuple[int, int]], source: random.Random
) -> tuple[tuple[str, int], ...] | None:
    """(endpoint name, host port) for every endpoint with one, in the definition's order; None: not enough ports.

    Dynamic ports start at a random place, so that a port just freed is not assigned next.
    """
    wanting = [
        (endpoint.name, endpoint.host_port)
        for container in definition.containers
        for endpoint in container.endpoints
        if endpoint.host_port is not None
    ]
    fixed = {port for _, port in wanting if port}
    if not all(any(begin <= port <= end for begin, end in free) for port in fixed):
        return None
    dynamic = (port for port in _from_random_place(free, source) if port not in fixed)
    assigned = tuple((name, port or next(dynamic, 0)) for name, port in wanting)
    return assigned if all(port for _, port in assigned) else None


def _from_random_place(free: Sequence[tuple[int, int]], source: random.Random) -> Iterator[int]:
    count = sum(end - begin + 1 for begin, end in free)
    if not count:
        return
    start = source.randrange(count)
    for offset in range(count):
        index = (start + offset) % count
        for begin, end in free:
            size = end - begin + 1
            if index < size:
                yield begin + index
                break
            index -= size
