"""``podexec scheduler``: the options of a scheduler, checked before anything is opened or contacted.

An option that Marathon has keeps Marathon's name, unit and meaning.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from scheduler.cli.options import option
from scheduler.model.json import Json
from scheduler.model.roles import EnforceRole

if TYPE_CHECKING:
    from scheduler.core.settings import ExecutorCommand

_PORT = 8080
_LEVELS = ("debug", "info", "warning", "error", "critical")


def run(
    master: Annotated[str, option("--master", "The Mesos master.", metavar="HOST:PORT[,…]|zk://HOST:PORT,…/PATH")],
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
    mesos_user: Annotated[str, option("--mesos-user", "As whom containers run that name no user.")] = "root",
    mesos_authentication_principal: Annotated[
        str | None, option("--mesos-authentication-principal", "The principal, where Mesos authenticates frameworks.")
    ] = None,
    mesos_authentication_secret_file: Annotated[
        Path | None,
        option(
            "--mesos-authentication-secret-file", "A file with the principal's secret.", exists=True, dir_okay=False
        ),
    ] = None,
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
    kill_retry_timeout: Annotated[
        int, option("--kill-retry-timeout", "An unconfirmed kill is repeated after this, in milliseconds.", min=1)
    ] = 10_000,
    reconciliation_interval: Annotated[
        int, option("--reconciliation-interval", "Between two reconciliations with Mesos, in milliseconds.", min=1)
    ] = 600_000,
    log_level: Annotated[str, option("--log-level", "debug, info, warning, error or critical.")] = "info",
) -> None:
    """Run the scheduler until it is told to stop. Pods run on when it stops."""
    from scheduler.cli.serve import Serving, serve
    from scheduler.core.settings import Settings
    from scheduler.mesos.framework import FrameworkIdentity

    if log_level not in _LEVELS:
        raise typer.BadParameter(f"{log_level!r} is not one of {', '.join(_LEVELS)}", param_hint="--log-level")
    _check_master(master)
    host, port = _address(listen)
    port = port if http_port is None else http_port
    features = _features(enable_features)
    known = None if networks is None else frozenset(name.strip() for name in networks.split(",") if name.strip())
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
        decline_offer_duration=decline_offer_duration / 1000,
        min_revive_offers_interval=min_revive_offers_interval / 1000,
        task_launch_confirm_timeout=task_launch_confirm_timeout / 1000,
        kill_retry_timeout=kill_retry_timeout / 1000,
        reconciliation_interval=reconciliation_interval / 1000,
    )
    identity = FrameworkIdentity(
        name=framework_name,
        user=mesos_user,
        webui_url=webui_url,
        hostname=hostname,
        principal=mesos_authentication_principal,
        secret=_secret(mesos_authentication_secret_file),
        failover_timeout=failover_timeout,
        gpus="gpu_resources" in features,
    )
    serve(
        Serving(
            master=master,
            host=host,
            port=port,
            store=store,
            settings=settings,
            identity=identity,
            secrets_source=secrets_source,
            log_level=log_level,
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


def _check_master(master: str) -> None:
    """Whether the text can name a master; whether one is there shows later."""
    from scheduler.mesos.address import parse_masters

    if master.startswith("zk://"):
        parts = urlsplit(master)
        if not parts.netloc or not parts.path.strip("/"):
            raise typer.BadParameter(f"{master!r} is not zk://HOST:PORT,HOST:PORT/PATH", param_hint="--master")
        return
    try:
        parse_masters(master)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--master") from error
    if "/" in master:
        raise typer.BadParameter(f"{master!r} is neither HOST:PORT nor zk://…", param_hint="--master")


def _features(text: str) -> frozenset[str]:
    from scheduler.cli.features import parse_features

    try:
        return parse_features(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--enable-features") from error


def _secret(file: Path | None) -> str | None:
    return None if file is None else file.read_text(encoding="utf-8").strip()


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
            raise typer.BadParameter(
                f"there is no file {path}; build it with 'python -m podexec.zipapp --output {path}'",
                param_hint="--executor",
            )
        command["value"] = executor_command(python, str(path))
    level = log_level if log_level in LOG_LEVELS else "error"
    return ExecutorCommand(command=command, data=ExecutorData(log_level=level).encode())
