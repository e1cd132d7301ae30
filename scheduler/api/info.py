"""``/v2/info`` and ``/ping``: who answers here, for which framework, on which Mesos."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response

from scheduler.api.errors import json_response
from scheduler.core.world import World


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the process knows of itself.

    Attributes:
        name: the framework's name.
        version: podexec's.
        leader: ``host:port`` under which clients reach this API.
        config: the options it was started with, under Marathon's names; no secrets.
    """

    name: str
    version: str
    leader: str
    config: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


def router(info: ServerInfo, world: World) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    async def show(request: Request) -> Response:
        connection = world.connection
        content = {
            "name": info.name,
            "version": info.version,
            "elected": True,
            "leader": info.leader,
            "buildref": None,
            "frameworkId": world.framework.id if world.framework is not None else None,
            "marathon_config": dict(info.config),
            "zookeeper_config": {},
            "http_config": {"http_port": int(info.leader.rpartition(":")[2])},
            "mesos": {
                "version": connection.mesos_version,
                "master": connection.master,
                "connected": connection.subscribed,
            },
        }
        return json_response(content)

    async def ping(request: Request) -> Response:
        if request.headers.get("accept") == "application/json":
            return json_response("pong")
        return Response("pong", media_type="text/plain")

    routes.add_api_route("/v2/info", show, methods=["GET", "HEAD"])
    routes.add_api_route("/ping", ping, methods=["GET", "HEAD"])
    return routes
