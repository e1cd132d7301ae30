"""Groups as the API shows them. They are not stored: a group exists as long as there is a pod below its path."""

from collections.abc import Callable, Collection, Iterable

from scheduler.core.views.pod_status import pod_status
from scheduler.core.world import World
from scheduler.model.ids import segments
from scheduler.model.json import Json
from scheduler.model.roles import EnforceRole

# The parts of a group that may be shown, under the names of Marathon's query parameter ``embed``.
PARTS = ("group.groups", "group.apps", "group.pods")
Shown = Callable[[str], bool] | None  # whether to show a pod; None: all are shown
_NEVER = "1970-01-01T00:00:00.000Z"  # the version of a root without pods


def group_ids(world: World) -> set[str]:
    """All groups, including the root."""
    return {"/", *world.groups}


def group_versions(world: World, group_id: str, shown: Shown = None) -> list[str]:
    """The kept versions of a group, oldest first: those of its pods. Empty: there is no such group."""
    found = {version for pod_id in _pods(world, group_id, shown) for version in world.versions(pod_id)}
    return sorted(found) or ([_NEVER] if group_id == "/" else [])


def group_view(
    world: World,
    group_id: str,
    now: float,
    parts: Collection[str] = PARTS,
    *,
    at: str | None = None,
    with_extras: bool = False,
    shown: Shown = None,
) -> Json | None:
    """The JSON of a group with these parts, and of the groups in it; None: there is no such group.

    ``at``: a version; newer pods are not shown, the others in their current state. A group of which no pod is ``shown``
    is not there.
    """
    pod_ids = [each for each in _pods(world, group_id, shown) if at is None or world.versions(each)[0] <= at]
    if not pod_ids and group_id != "/":
        return None
    return _view(world, group_id, pod_ids, now, parts, at, with_extras)


def _pods(world: World, group_id: str, shown: Shown) -> Iterable[str]:
    """The pods below a group, at any depth."""
    below = world.pods_below(group_id)
    return below if shown is None else filter(shown, below)


def _version(world: World, pod_id: str, at: str | None) -> str:
    """The pod's version, or the one it had at that time."""
    return world.pods[pod_id].version if at is None else max(each for each in world.versions(pod_id) if each <= at)


def _view(
    world: World,
    group_id: str,
    pod_ids: list[str],
    now: float,
    parts: Collection[str],
    at: str | None,
    with_extras: bool,
) -> Json:
    """The JSON of a group. ``pod_ids``: of all pods below it, at any depth."""
    depth = len(segments(group_id))
    own: list[str] = []
    inner: dict[str, list[str]] = {}
    for pod_id in pod_ids:
        names = segments(pod_id)
        if len(names) == depth + 1:
            own.append(pod_id)
        else:
            inner.setdefault("/" + "/".join(names[: depth + 1]), []).append(pod_id)
    view: Json = {
        "id": group_id,
        "dependencies": [],
        "version": max((_version(world, pod_id, at) for pod_id in pod_ids), default=_NEVER),
        "enforceRole": depth == 1 and world.settings.new_group_enforce_role is EnforceRole.TOP,
    }
    if "group.apps" in parts:
        view["apps"] = []
    if "group.pods" in parts:
        view["pods"] = [pod_status(world, world.pods[pod_id], now, with_extras=with_extras) for pod_id in own]
    if "group.groups" in parts:
        view["groups"] = [_view(world, each, below, now, parts, at, with_extras) for each, below in inner.items()]
    return view
