"""``/v2/info`` and ``/ping``: the scheduler, its framework, its options and its Mesos."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.api.errors import json_response
from scheduler.api.leadership import Leadership, place_of
from scheduler.api.needs import any_caller
from scheduler.api.relay import Relay, unavailable
from scheduler.api.requests import wants_extras
from scheduler.api.routes import route
from scheduler.core.lifecycle.arrival import on_hold
from scheduler.core.views.extras import KEY, extras
from scheduler.core.world import World
from scheduler.model.json import Json


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What ``/v2/info`` shows of the process.

    Attributes:
        name: the framework's name.
        version: podexec's version.
        leader: ``host:port`` at which clients reach this API. Without other schedulers it is the leader's.
        scheme: of its URLs.
        config: the scheduler's options, under Marathon's names where it has them; no secrets.
    """

    name: str
    version: str
    leader: str
    config: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    scheme: str = "http"


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


def info_routes(info: ServerInfo, world: World, leadership: Leadership, relay: Relay | None = None) -> list[Route]:
    """The routes. ``relay``: the way to the leader, if this is a standby: only the leader knows Mesos."""
    marathons = {name: value for name, value in info.config.items() if name in _MARATHONS}
    others = {name: value for name, value in info.config.items() if name not in _MARATHONS}

    async def show(request: Request) -> Response:
        connection = world.volatile.connection
        mesos: Json = {
            "version": connection.mesos_version,
            "master": connection.master,
            "connected": connection.subscribed,
        }
        held = on_hold(world)
        if relay is not None and wants_extras(request):
            leaders = await relay.ask(f"/v2/info?embed={KEY}", request.headers.get("authorization"))
            mesos, held = _of_leader(leaders, mesos)
        # Frameworks of the same name with running tasks although this store was new: one may have been this scheduler.
        namesakes = [{"id": each.id, "connected": each.connected} for each in world.volatile.namesakes] or None
        schedulers = [{"url": each, "elected": each == leadership.leader} for each in leadership.schedulers]
        content = {
            "name": info.name,
            "version": info.version,
            "elected": leadership.leads,
            "leader": None if leadership.leader is None else place_of(leadership.leader),
            "buildref": None,
            "frameworkId": world.framework.id if world.framework is not None else None,
            "marathon_config": marathons,
            "zookeeper_config": {},
            "http_config": {"http_port": int(info.leader.rpartition(":")[2])},
            **extras(
                asked=wants_extras(request),
                config=others,
                mesos=mesos,
                namesakes=namesakes,
                onHold=held,
                schedulers=schedulers if info.config.get("ha") else None,
            ),
        }
        return json_response(content)

    def _of_leader(leaders: object, own: Json) -> tuple[Json, str | None]:
        """The connection to Mesos and why nothing is launched, as the leader says; or that it says nothing."""
        parts = leaders.get(KEY) if isinstance(leaders, dict) else None
        if isinstance(parts, dict) and isinstance(parts.get("mesos"), dict):
            return parts["mesos"], parts.get("onHold")
        return own, unavailable(leadership)

    async def ping(request: Request) -> Response:
        if request.headers.get("accept") == "application/json":
            return json_response("pong")
        return Response("pong", media_type="text/plain")

    return [route("/v2/info", show, needs=any_caller), route("/ping", ping, needs=any_caller)]
