"""The configuration of a running scheduler, and how ``/v2/info`` shows it."""

import re
from dataclasses import dataclass

from scheduler.api.access import Access
from scheduler.api.inside.guard import Permission
from scheduler.cli.parameters import PARAMETERS
from scheduler.cli.scheduler_options import SchedulerOptions
from scheduler.core.settings import Settings
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.mesos.tls import Tls


@dataclass(frozen=True, slots=True)
class Serving:
    """The options of a scheduler, and the objects made from them.

    Attributes:
        master: ``HOST:PORT[,…]`` or ``zk://…``.
        host, port: where the API listens.
        identity: the framework's identity in Mesos.
        access: who may use the API.
        allowed_inside: what they may do inside containers.
        credentials: for masters.
        agent_credentials: for the operator API of agents.
        tls: None: TLS is not used.
    """

    options: SchedulerOptions
    settings: Settings
    master: str
    host: str
    port: int
    identity: FrameworkIdentity
    access: Access
    allowed_inside: frozenset[Permission]
    credentials: Credentials
    agent_credentials: Credentials
    tls: Tls | None


def without_password(url: str) -> str:
    """A URL, or any other string, without the user and password that a URL may contain."""
    return re.sub("//[^/]*@", "//", url)


def configuration(
    serving: Serving, identity: FrameworkIdentity, connections: int
) -> dict[str, str | int | float | bool | None]:
    """The options under Marathon's names where it has them, without secrets.

    ``identity`` and ``connections``, the most the API accepts, contain the values in use where an option was left out.
    """
    records = {SchedulerOptions: serving.options, Settings: serving.settings}
    options = {
        each.info: each.shown(getattr(records[each.record], each.attribute))
        for each in PARAMETERS
        if each.info is not None
    }
    return {
        **options,
        "master": without_password(serving.master),
        "hostname": identity.hostname,
        "webui_url": identity.webui_url,
        "max_connections": connections,
        "checkpoint": True,
        "ha": False,
    }
