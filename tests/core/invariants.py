"""What must be true of every world: its indexes are those of its records."""

from collections.abc import Iterable

from scheduler.core.facts.roster import Bucket
from scheduler.core.frame import Record
from scheduler.core.world import World
from scheduler.model.records import Instance
from scheduler.store.references import check_references

_RECORDS = (
    "framework",
    "pods",
    "definitions",
    "instances",
    "deployments",
    "tasks",
    "placed",
    "deploying",
    "abandoned",
    "abandoned_tasks",
)


def assert_is_of(world: World, records: Iterable[Record]) -> None:
    """The world is the one that these records make: nothing refers to what is missing, and every index is right."""
    stored = list(records)
    check_references(stored)
    rebuilt = World(world.settings, 0, stored)
    for name in _RECORDS:
        assert getattr(rebuilt, name) == getattr(world, name), name
    assert rebuilt.queues.freeing == world.queues.freeing
    assert _sets(rebuilt.queues.waiting) == _sets(world.queues.waiting)
    assert rebuilt.roles() == world.roles()
    assert rebuilt.pod_ids() == world.pod_ids()
    for pod_id in rebuilt.pod_ids():
        assert rebuilt.versions(pod_id) == world.versions(pod_id)
        assert _ids(rebuilt.instances_of(pod_id)) == _ids(world.instances_of(pod_id))
        _assert_rosters(rebuilt, world, pod_id)


def _assert_rosters(rebuilt: World, world: World, pod_id: str) -> None:
    pod = rebuilt.pods.get(pod_id)
    config = pod.config_version if pod else ""
    for each in Bucket:
        assert rebuilt.roster(pod_id).current(config, each) == world.roster(pod_id).current(config, each)
        assert rebuilt.roster(pod_id).everyone(each) == world.roster(pod_id).everyone(each)


def _sets(index: dict[str, dict[str, None]]) -> dict[str, set[str]]:
    return {key: set(members) for key, members in index.items()}


def _ids(instances: list[Instance]) -> set[str]:
    return {each.id for each in instances}
