"""Groups as the API shows them. They are stored nowhere: a group is there as long as a pod is below its path."""

from collections.abc import Collection

from scheduler.core.rollup import pod_status
from scheduler.core.world import World
from scheduler.model.ids import segments
from scheduler.model.json import Json
from scheduler.model.roles import EnforceRole

# What of a group may be shown beside its id, under the names of Marathon's query ``embed``.
PARTS = ("group.groups", "group.apps", "group.pods")
_NEVER = "1970-01-01T00:00:00.000Z"  # the version of a root without pods


def group_ids(world: World) -> set[str]:
    """Every group there is, the root among them."""
    return {"/", *world.groups}


def group_view(
    world: World, group_id: str, now: float, parts: Collection[str] = PARTS, *, with_extras: bool = False
) -> Json | None:
    """The JSON of a group with these parts, and of those in it; None: there is none."""
    below = group_id.rstrip("/") + "/"
    pod_ids = [pod_id for pod_id in world.pods if pod_id.startswith(below)]
    if not pod_ids and group_id != "/":
        return None
    return _view(world, group_id, pod_ids, now, parts, with_extras)


def _view(
    world: World, group_id: str, pod_ids: list[str], now: float, parts: Collection[str], with_extras: bool
) -> Json:
    """``pod_ids``: of all pods below the group, however deep."""
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
        "version": max((world.pods[pod_id].version for pod_id in pod_ids), default=_NEVER),
        "enforceRole": depth == 1 and world.settings.new_group_enforce_role is EnforceRole.TOP,
    }
    if "group.apps" in parts:
        view["apps"] = []
    if "group.pods" in parts:
        view["pods"] = [pod_status(world, world.pods[pod_id], now, with_extras=with_extras) for pod_id in own]
    if "group.groups" in parts:
        view["groups"] = [_view(world, each, below, now, parts, with_extras) for each, below in inner.items()]
    return view
