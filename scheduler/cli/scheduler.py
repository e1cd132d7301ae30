"""``podexec scheduler``: checks the options before anything is opened or contacted."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from scheduler.cli.parameters import effective, options_of, scheduler_options, settings_of
from scheduler.model.option import names_of

if TYPE_CHECKING:
    from scheduler.access.permissions import Permission
    from scheduler.cli.configuration import Serving
    from scheduler.cli.scheduler_options import SchedulerOptions
    from scheduler.mesos.credentials import Credentials
    from scheduler.mesos.tls import Tls

_LEVELS = ("debug", "info", "warning", "error", "critical")


@scheduler_options()
def run(context: typer.Context, **written: Any) -> None:
    """Run the scheduler until it is told to stop. The pods keep running when it stops.

    Each option can also be set by an environment variable: PODEXEC_ and its name in capitals, e.g. PODEXEC_MASTER.
    """
    from scheduler.cli.process import serve

    serve(serving_of(effective(context, written)))


def serving_of(written: Mapping[str, Any]) -> "Serving":
    """The configuration given by the options, all of them. Raises typer.BadParameter for invalid ones."""
    from msgspec.structs import replace

    from scheduler.cli import api
    from scheduler.cli.access import access_of
    from scheduler.cli.configuration import Serving
    from scheduler.cli.mesos import credentials_of, plain_master, tls_of
    from scheduler.cli.policy_file import PolicyFile
    from scheduler.mesos.framework import FrameworkIdentity
    from scheduler.mesos.tls import TlsOptions
    from scheduler.model.urls import has_password

    options, settings = options_of(written), settings_of(written)
    policy_file = None if options.policy is None else PolicyFile(options.policy, options.secrets_source)
    if policy_file is not None:
        settings = replace(settings, policy=policy_file.policy)
    if options.log_level not in _LEVELS:
        raise typer.BadParameter(f"{options.log_level!r} is not one of {', '.join(_LEVELS)}", param_hint="--log-level")
    if options.webui_url is not None and has_password(options.webui_url):
        raise typer.BadParameter(
            "must not contain credentials, as Mesos shows it to everybody", param_hint="--webui-url"
        )
    if options.ha and not options.store.startswith("zk://"):
        raise typer.BadParameter(
            "requires --store zk://HOST:PORT,HOST:PORT/PATH, which all schedulers share", param_hint="--ha"
        )
    master, is_https = plain_master(options.master)
    host, port = api.address_of(options.listen)
    files = TlsOptions(options.mesos_ca_file, options.mesos_cert_file, options.mesos_key_file, options.mesos_tls_verify)
    tls = tls_of(wanted=True if is_https and options.mesos_tls is None else options.mesos_tls, options=files)
    credentials = credentials_of(
        options.mesos_authentication_principal,
        options.mesos_authentication_secret_file,
        options.mesos_authentication_token_file,
        options.mesos_authentication_service_account_file,
        tls=tls,
    )
    return Serving(
        options=options,
        settings=settings,
        master=master,
        host=host,
        port=port if options.http_port is None else options.http_port,
        hosts=api.hosts(options, host),
        proxies=api.proxies(options),
        api_tls=api.tls(options, host),
        identity=FrameworkIdentity(
            name=options.framework_name,
            user=settings.mesos_user,
            webui_url=options.webui_url,
            hostname=options.hostname,
            principal=options.mesos_authentication_principal,
            failover_timeout=options.failover_timeout,
            gpus="gpu_resources" in settings.features,
        ),
        access=access_of(options),
        allowed_inside=_allowed_inside(options.allow_inside),
        credentials=credentials,
        agent_credentials=_agent_credentials(options, credentials, tls),
        tls=tls,
        policy_file=policy_file,
    )


def _agent_credentials(options: "SchedulerOptions", credentials: "Credentials", tls: "Tls | None") -> "Credentials":
    """Those for agents. A machine that pretends to be an agent must not get the token of the service account."""
    from scheduler.cli.mesos import credentials_of
    from scheduler.mesos.tls import Verify

    principal, file = options.mesos_agent_authentication_principal, options.mesos_agent_authentication_secret_file
    is_verified = tls is not None and options.mesos_tls_verify is not Verify.NONE
    if file is None and options.mesos_authentication_service_account_file is not None and is_verified:
        return credentials
    return credentials_of(principal, file, options="--mesos-agent-authentication")


def _allowed_inside(text: str) -> "frozenset[Permission]":
    from scheduler.access.permissions import INSIDE

    names = names_of(text)
    unknown = next((name for name in names if name not in INSIDE), None)
    if unknown is not None:
        message = f"{unknown!r} is not a permission; the names are {', '.join(sorted(INSIDE))}"
        raise typer.BadParameter(message, param_hint="--allow-inside")
    return frozenset(each for each in INSIDE if each in names)
