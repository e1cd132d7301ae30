"""The configuration of a running scheduler, and how ``/v2/info`` shows it."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from scheduler.access.permissions import Permission
from scheduler.api.access import Access
from scheduler.api.origins import Hosts
from scheduler.api.proxies import Networks
from scheduler.cli.parameters import PARAMETERS
from scheduler.cli.policy_file import PolicyFile
from scheduler.cli.scheduler_options import SchedulerOptions
from scheduler.core.settings import Settings
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.mesos.tls import Tls
from scheduler.model.urls import without_password


@dataclass(frozen=True, slots=True)
class Serving:
    """The options of a scheduler, and the objects made from them.

    Attributes:
        master: ``HOST:PORT[,…]`` or ``zk://…``.
        host, port: where the API listens.
        hosts: the names by which clients may address the API.
        proxies: those whose X-Forwarded-For is believed.
        api_tls: the API's TLS context for the next connection; None: plain HTTP.
        identity: the framework's identity in Mesos.
        access: who may use the API.
        allowed_inside: what they may do inside containers.
        credentials: for masters.
        agent_credentials: for the operator API of agents.
        tls: for masters and agents; None: TLS is not used.
        policy_file: None: there is no policy.
        executor_sha256: of the executor's file, in hexadecimal, if it is known.
    """

    options: SchedulerOptions
    settings: Settings
    master: str
    host: str
    port: int
    hosts: Hosts
    proxies: Networks
    api_tls: Callable[[], ssl.SSLContext] | None
    identity: FrameworkIdentity
    access: Access
    allowed_inside: frozenset[Permission]
    credentials: Credentials
    agent_credentials: Credentials
    tls: Tls | None
    policy_file: PolicyFile | None
    executor_sha256: str | None = None

    @property
    def scheme(self) -> str:
        """The scheme of the API's URLs."""
        return "http" if self.api_tls is None else "https"


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
    shown = {
        **options,
        "master": serving.master,
        "hostname": identity.hostname,
        "webui_url": identity.webui_url,
        "max_connections": connections,
        "executor_sha256": serving.executor_sha256,
        "checkpoint": True,
    }
    return {name: without_password(value) if isinstance(value, str) else value for name, value in shown.items()}
