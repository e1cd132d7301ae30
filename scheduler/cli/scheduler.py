"""``podexec scheduler``: the options of a scheduler, checked before anything is opened or contacted.

An option that Marathon has keeps Marathon's name, unit and meaning.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from scheduler.cli.options import option
from scheduler.core.settings import AcceptedRoles, GpuScheduling, PlacementPolicy
from scheduler.mesos.tls import TlsOptions, Verify
from scheduler.model.json import Json
from scheduler.model.roles import EnforceRole

if TYPE_CHECKING:
    from scheduler.api.inside.guard import Permission
    from scheduler.core.settings import ExecutorCommand

_PORT = 8080
_MESOS, _TLS = "The way to Mesos", "TLS on the way to Mesos"
_FILE: dict[str, Any] = {"rich_help_panel": _MESOS, "exists": True, "dir_okay": False}
_PEM: dict[str, Any] = {**_FILE, "rich_help_panel": _TLS}
_LEVELS = ("debug", "info", "warning", "error", "critical")


def run(
    master: Annotated[
        str,
        option(
            "--master",
            "The Mesos master: HOST:PORT[,…], https://HOST:PORT[,…] or zk://HOST:PORT,…/PATH.",
            metavar="MASTER",
            rich_help_panel=_MESOS,
        ),
    ],
    listen: Annotated[str, option("--listen", "Where the API listens.", metavar="HOST:PORT")] = f"127.0.0.1:{_PORT}",
    http_port: Annotated[
        int | None, option("--http-port", "The port of --listen, as Marathon names it.", min=0, max=65535)
    ] = None,
    hostname: Annotated[
        str | None, option("--hostname", "Under which name others reach this machine.", show_default="from --listen")
    ] = None,
    webui_url: Annotated[
        str | None, option("--webui-url", "Where Mesos' pages link to.", show_default="the API")
    ] = None,
    http_credentials: Annotated[
        str | None,
        option(
            "--http-credentials",
            "What every request to the API must carry; better in the variable, where no process list shows it.",
            metavar="USER:PASSWORD",
        ),
    ] = None,
    access_control_allow_origin: Annotated[
        str | None,
        option(
            "--access-control-allow-origin", "Whose pages browsers let read the API; * for all.", metavar="ORIGIN,…|*"
        ),
    ] = None,
    allow_inside: Annotated[
        str,
        option(
            "--allow-inside",
            "What the API lets people do inside containers; an empty text: nothing.",
            metavar="NAME,…",
        ),
    ] = "copy,exec,files,logs,usage",
    max_connections: Annotated[
        int | None,
        option(
            "--max-connections",
            "How many connections the API accepts at a time.",
            min=1,
            show_default="half the limit of open files, at most 10000",
        ),
    ] = None,
    store: Annotated[
        str,
        option(
            "--store", "Where the state is kept; a fourth slash makes FILE absolute.", metavar="sqlite:///FILE|memory:"
        ),
    ] = "sqlite:///podexec.db",
    executor: Annotated[
        str,
        option(
            "--executor",
            "podexec's executor: a file that every agent has, a URI that agents fetch, "
            "or 'default' for the one that agents have.",
            metavar="PATH|URI|default",
        ),
    ] = "default",
    executor_python: Annotated[
        str, option("--executor-python", "The Python with which agents start podexec's executor.", metavar="PATH")
    ] = "python3",
    framework_name: Annotated[str, option("--framework-name", "The framework's name in Mesos.")] = "podexec",
    mesos_role: Annotated[str, option("--mesos-role", "The framework's Mesos role.")] = "*",
    new_group_enforce_role: Annotated[
        EnforceRole, option("--new-group-enforce-role", "Whether pods in groups must have their group's role.")
    ] = EnforceRole.OFF,
    mesos_user: Annotated[str, option("--mesos-user", "Default user for containers.")] = "root",
    mesos_authentication_principal: Annotated[
        str | None,
        option(
            "--mesos-authentication-principal",
            "The principal, where Mesos authenticates frameworks, and to whom persistent volumes belong.",
            rich_help_panel=_MESOS,
        ),
    ] = None,
    mesos_authentication_secret_file: Annotated[
        Path | None,
        option("--mesos-authentication-secret-file", "A file with the principal's secret.", **_FILE),
    ] = None,
    mesos_authentication_token_file: Annotated[
        Path | None,
        option("--mesos-authentication-token-file", "A file with a bearer token instead.", **_FILE),
    ] = None,
    mesos_agent_authentication_principal: Annotated[
        str | None,
        option(
            "--mesos-agent-authentication-principal",
            "The principal of a user of agents' operator API, where agents ask for one.",
            rich_help_panel=_MESOS,
        ),
    ] = None,
    mesos_agent_authentication_secret_file: Annotated[
        Path | None,
        option("--mesos-agent-authentication-secret-file", "A file with that principal's secret.", **_FILE),
    ] = None,
    mesos_tls: Annotated[
        bool | None,
        option(
            "--mesos-tls/--no-mesos-tls",
            "Whether masters and agents are spoken to with TLS.",
            also="LIBPROCESS_SSL_ENABLED",
            show_default="if --master says https:// or a file for it is given",
            rich_help_panel=_TLS,
        ),
    ] = None,
    mesos_ca_file: Annotated[
        Path | None,
        option(
            "--mesos-ca-file",
            "Whom to trust, in PEM.",
            also="LIBPROCESS_SSL_CA_FILE",
            show_default="whom this machine trusts",
            **_PEM,
        ),
    ] = None,
    mesos_cert_file: Annotated[
        Path | None,
        option(
            "--mesos-cert-file",
            "This scheduler's certificate, in PEM, where Mesos asks for one.",
            also="LIBPROCESS_SSL_CERT_FILE",
            **_PEM,
        ),
    ] = None,
    mesos_key_file: Annotated[
        Path | None,
        option(
            "--mesos-key-file",
            "Its key, in PEM.",
            also="LIBPROCESS_SSL_KEY_FILE",
            show_default="in the certificate's file",
            **_PEM,
        ),
    ] = None,
    mesos_tls_verify: Annotated[
        Verify,
        option(
            "--mesos-tls-verify",
            "What masters and agents must prove: 'full', certificate and name; 'certificate', only that; or 'none'.",
            metavar="WHAT",
            rich_help_panel=_TLS,
        ),
    ] = Verify.FULL,
    failover_timeout: Annotated[
        float, option("--failover-timeout", "How long Mesos keeps the pods without a scheduler, in seconds.", min=0)
    ] = 604800.0,
    default_network_name: Annotated[
        str | None, option("--default-network-name", "The network of a container network without a name.")
    ] = None,
    mesos_bridge_name: Annotated[
        str, option("--mesos-bridge-name", "The network behind mode container/bridge.")
    ] = "mesos-bridge",
    networks: Annotated[
        str | None,
        option("--networks", "The container networks the agents have; others are refused.", metavar="NAME,…"),
    ] = None,
    env_vars_prefix: Annotated[
        str | None, option("--env-vars-prefix", "Put before the names of endpoint variables.")
    ] = None,
    enable_features: Annotated[
        str,
        option("--enable-features", "What is switched on; an empty text: nothing.", metavar="NAME,…"),
    ] = "secrets",
    secrets_source: Annotated[
        str,
        option(
            "--secrets-source",
            "Where the values of secrets come from: files, variables of this process, or, with 'reference', Mesos.",
            metavar="directory:PATH|environment[:PREFIX]|reference|…",
        ),
    ] = "environment",
    strict_definitions: Annotated[
        bool, option("--strict-definitions", "Refuse definitions with keys that nobody knows.")
    ] = False,
    placement: Annotated[
        PlacementPolicy,
        option("--placement", "Whether pods' instances are spread over agents, or few agents are filled."),
    ] = PlacementPolicy.SPREAD,
    accepted_resource_roles_default_behavior: Annotated[
        AcceptedRoles,
        option("--accepted-resource-roles-default-behavior", "On whose resources pods run that do not say."),
    ] = AcceptedRoles.ANY,
    gpu_scheduling_behavior: Annotated[
        GpuScheduling,
        option("--gpu-scheduling-behavior", "Whether pods without GPUs may run on agents that offer some."),
    ] = GpuScheduling.RESTRICTED,
    disable_maintenance_mode: Annotated[
        bool, option("--disable-maintenance-mode", "Launch on agents under maintenance too.")
    ] = False,
    draining_seconds: Annotated[
        float, option("--draining-seconds", "How long before its maintenance an agent is left alone.", min=0)
    ] = 0.0,
    max_instances_per_offer: Annotated[
        int, option("--max-instances-per-offer", "At most so many instances are launched from one offer.", min=1)
    ] = 100,
    max_running_deployments: Annotated[
        int, option("--max-running-deployments", "Changes are refused while so many are under way.", min=1)
    ] = 100,
    max_versions: Annotated[
        int,
        option("--max-versions", "So many definitions of each pod are kept.", "--zk-max-versions", min=1),
    ] = 50,
    decline_offer_duration: Annotated[
        int, option("--decline-offer-duration", "How long a refused offer stays away, in milliseconds.", min=0)
    ] = 120_000,
    min_revive_offers_interval: Annotated[
        int, option("--min-revive-offers-interval", "Between two revivals of offers, in milliseconds.", min=0)
    ] = 5_000,
    task_launch_confirm_timeout: Annotated[
        int,
        option("--task-launch-confirm-timeout", "A launch not heard of this long is repeated, in milliseconds.", min=1),
    ] = 300_000,
    task_launch_timeout: Annotated[
        int,
        option("--task-launch-timeout", "So is one whose executor has not begun by then, in milliseconds.", min=1),
    ] = 300_000,
    task_reservation_timeout: Annotated[
        int,
        option("--task-reservation-timeout", "A reservation not seen by then is given up, in milliseconds.", min=1),
    ] = 20_000,
    kill_retry_timeout: Annotated[
        int, option("--kill-retry-timeout", "An unconfirmed kill is repeated after this, in milliseconds.", min=1)
    ] = 10_000,
    kills_before_shutdown: Annotated[
        int,
        option("--kills-before-shutdown", "Shut down an executor that does not act on this many kills.", min=1),
    ] = 5,
    abandoned_launch_timeout: Annotated[
        int,
        option("--abandoned-launch-timeout", "Kill a launch that turns up this long after, in milliseconds.", min=1),
    ] = 604_800_000,
    reconciliation_initial_delay: Annotated[
        int,
        option("--reconciliation-initial-delay", "Before the first reconciliation with Mesos, in milliseconds.", min=0),
    ] = 15_000,
    reconciliation_interval: Annotated[
        int, option("--reconciliation-interval", "Between two reconciliations with Mesos, in milliseconds.", min=1)
    ] = 600_000,
    agent_return_timeout: Annotated[
        int,
        option("--agent-return-timeout", "After a restart, wait this long for known agents, in milliseconds.", min=1),
    ] = 75_000,
    adopt_cluster: Annotated[
        bool,
        option(
            "--adopt-cluster",
            "Accept a cluster of whose agents the store knows none, and launch all pods there.",
        ),
    ] = False,
    log_level: Annotated[str, option("--log-level", "debug, info, warning, error or critical.")] = "info",
) -> None:
    """Run the scheduler until it is told to stop. Pods run on when it stops.

    Every option is also set by a variable: PODEXEC_ and its name in capitals, e.g. PODEXEC_MASTER.
    """
    from scheduler.api.access import Access
    from scheduler.cli.configuration import Serving
    from scheduler.cli.mesos import credentials_of, plain_master, tls_of
    from scheduler.cli.serve import serve
    from scheduler.core.settings import Settings
    from scheduler.mesos.framework import FrameworkIdentity

    if log_level not in _LEVELS:
        raise typer.BadParameter(f"{log_level!r} is not one of {', '.join(_LEVELS)}", param_hint="--log-level")
    masters, https = plain_master(master)
    host, port = _address(listen)
    port = port if http_port is None else http_port
    features = _features(enable_features)
    known = None if networks is None else frozenset(_names(networks))
    settings = Settings(
        executor=executor_for(executor, executor_python, log_level),
        role=mesos_role,
        new_group_enforce_role=new_group_enforce_role,
        default_network_name=default_network_name,
        mesos_bridge_name=mesos_bridge_name,
        known_networks=known,
        env_vars_prefix=env_vars_prefix,
        features=features,
        strict_definitions=strict_definitions,
        placement=placement,
        accepted_resource_roles_default_behavior=accepted_resource_roles_default_behavior,
        gpu_scheduling_behavior=gpu_scheduling_behavior,
        maintenance_mode=not disable_maintenance_mode,
        draining_seconds=draining_seconds,
        max_instances_per_offer=max_instances_per_offer,
        max_running_deployments=max_running_deployments,
        versions_kept=max_versions,
        principal=mesos_authentication_principal,
        decline_offer_duration=decline_offer_duration / 1000,
        min_revive_offers_interval=min_revive_offers_interval / 1000,
        task_launch_confirm_timeout=task_launch_confirm_timeout / 1000,
        task_launch_timeout=task_launch_timeout / 1000,
        task_reservation_timeout=task_reservation_timeout / 1000,
        kill_retry_timeout=kill_retry_timeout / 1000,
        kills_before_shutdown=kills_before_shutdown,
        abandoned_launch_timeout=abandoned_launch_timeout / 1000,
        reconciliation_initial_delay=reconciliation_initial_delay / 1000,
        reconciliation_interval=reconciliation_interval / 1000,
        agent_return_timeout=agent_return_timeout / 1000,
        adopt_cluster=adopt_cluster,
    )
    identity = FrameworkIdentity(
        name=framework_name,
        user=mesos_user,
        webui_url=webui_url,
        hostname=hostname,
        principal=mesos_authentication_principal,
        failover_timeout=failover_timeout,
        gpus="gpu_resources" in features,
    )
    serve(
        Serving(
            master=masters,
            host=host,
            port=port,
            store=store,
            settings=settings,
            identity=identity,
            access=Access(_credentials(http_credentials), tuple(_names(access_control_allow_origin or ""))),
            allowed_inside=_allowed_inside(allow_inside),
            secrets_source=secrets_source,
            agent_credentials=credentials_of(
                mesos_agent_authentication_principal,
                mesos_agent_authentication_secret_file,
                None,
                "--mesos-agent-authentication",
            ),
            credentials=credentials_of(
                mesos_authentication_principal, mesos_authentication_secret_file, mesos_authentication_token_file
            ),
            tls=tls_of(
                wanted=True if https and mesos_tls is None else mesos_tls,
                options=TlsOptions(mesos_ca_file, mesos_cert_file, mesos_key_file, mesos_tls_verify),
            ),
            log_level=log_level,
            max_connections=max_connections,
        )
    )


def _address(text: str) -> tuple[str, int]:
    """The host and port of --listen."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.path:
        raise typer.BadParameter(f"{text!r} is not HOST:PORT", param_hint="--listen")
    return parts.hostname or "", port


def _allowed_inside(text: str) -> "frozenset[Permission]":
    from scheduler.api.inside.guard import Permission

    try:
        return frozenset(Permission(name) for name in _names(text))
    except ValueError as error:
        known = ", ".join(sorted(Permission))
        raise typer.BadParameter(f"{error}; the names are {known}", param_hint="--allow-inside") from error


def _names(text: str) -> list[str]:
    """The members of a list separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _credentials(text: str | None) -> str | None:
    user, _, password = (text or "").partition(":")
    if text is not None and not (user and password):
        raise typer.BadParameter("this is not USER:PASSWORD", param_hint="--http-credentials")
    return text


def _features(text: str) -> frozenset[str]:
    from scheduler.cli.features import parse_features

    try:
        return parse_features(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--enable-features") from error


def executor_for(executor: str, python: str, log_level: str) -> "ExecutorCommand":
    """How agents start the executor that the option names."""
    from podexec.wire import EXECUTOR_ENVIRONMENT, LOG_LEVELS, ExecutorData, executor_command
    from scheduler.core.settings import ExecutorCommand

    if executor == "default":
        return ExecutorCommand(command=None)
    command: Json = {
        "shell": True,
        "environment": {"variables": [{"name": name, "value": value} for name, value in EXECUTOR_ENVIRONMENT.items()]},
    }
    if "://" in executor:
        command["uris"] = [{"value": executor, "extract": False, "executable": False, "cache": True}]
        command["value"] = executor_command(python, urlsplit(executor).path.rpartition("/")[2])
    else:
        path = Path(executor).absolute()
        if not path.is_file():
            build = f"python -P -m podexec.zipapp --output {shlex.quote(str(path))}"
            raise typer.BadParameter(f"there is no file {path}; build it with: {build}", param_hint="--executor")
        command["value"] = executor_command(python, str(path))
    level = log_level if log_level in LOG_LEVELS else "error"
    return ExecutorCommand(command=command, data=ExecutorData(log_level=level).encode())
