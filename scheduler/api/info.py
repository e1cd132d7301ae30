"""``/v2/info`` and ``/ping``: the scheduler, its framework, its options and its Mesos."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.api.errors import json_response
from scheduler.api.requests import wants_extras
from scheduler.api.routes import route
from scheduler.core.lifecycle.arrival import on_hold
from scheduler.core.views.extras import extras
from scheduler.core.world import World


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What ``/v2/info`` shows of the process.

    Attributes:
        name: the framework's name.
        version: podexec's version.
        leader: ``host:port`` at which clients reach this API.
        config: the scheduler's options, under Marathon's names where it has them; no secrets.
    """

    name: str
    version: str
    leader: str
    config: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


# Members of Marathon's ``marathon_config``. Its clients fail on members they do not know.
_MARATHONS = frozenset(
    {
        "access_control_allow_origin",
        "checkpoint",
        "decline_offer_duration",
        "default_network_name",
        "env_vars_prefix",
        "executor",
        "failover_timeout",
        "framework_name",
        "ha",
        "hostname",
        "master",
        "max_instances_per_offer",
        "mesos_bridge_name",
        "mesos_role",
        "mesos_user",
        "min_revive_offers_interval",
        "new_group_enforce_role",
        "reconciliation_initial_delay",
        "reconciliation_interval",
        "task_launch_confirm_timeout",
        "task_launch_timeout",
        "task_reservation_timeout",
        "webui_url",
    }
)


def info_routes(info: ServerInfo, world: World) -> list[Route]:
    """The routes."""
    marathons = {name: value for name, value in info.config.items() if name in _MARATHONS}
    others = {name: value for name, value in info.config.items() if name not in _MARATHONS}

    async def show(request: Request) -> Response:
        connection = world.volatile.connection
        mesos = {
            "version": connection.mesos_version,
            "master": connection.master,
            "connected": connection.subscribed,
        }
        # Frameworks of the same name with running tasks although this store was new: one may have been this scheduler.
        namesakes = [{"id": each.id, "connected": each.connected} for each in world.volatile.namesakes] or None
        content = {
            "name": info.name,
            "version": info.version,
            "elected": True,
            "leader": info.leader,
            "buildref": None,
            "frameworkId": world.framework.id if world.framework is not None else None,
            "marathon_config": marathons,
            "zookeeper_config": {},
            "http_config": {"http_port": int(info.leader.rpartition(":")[2])},
            **extras(
                asked=wants_extras(request), config=others, mesos=mesos, namesakes=namesakes, onHold=on_hold(world)
            ),
        }
        return json_response(content)

    async def ping(request: Request) -> Response:
        if request.headers.get("accept") == "application/json":
            return json_response("pong")
        return Response("pong", media_type="text/plain")

    return [route("/v2/info", show), route("/ping", ping)]
