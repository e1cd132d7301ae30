"""``podexec scheduler``: checks the options before anything is opened or contacted."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from scheduler.cli.parameters import options_of, scheduler_options, settings_of
from scheduler.model.option import names_of

if TYPE_CHECKING:
    from scheduler.api.inside.guard import Permission
    from scheduler.cli.configuration import Serving
    from scheduler.cli.scheduler_options import SchedulerOptions
    from scheduler.core.settings import Settings

_LEVELS = ("debug", "info", "warning", "error", "critical")


@scheduler_options()
def run(**written: Any) -> None:
    """Run the scheduler until it is told to stop. The pods keep running when it stops.

    Each option can also be set by an environment variable: PODEXEC_ and its name in capitals, e.g. PODEXEC_MASTER.
    """
    from scheduler.cli.serve import serve

    serve(_serving(options_of(written), settings_of(written)))


def _serving(options: "SchedulerOptions", settings: "Settings") -> "Serving":
    """The configuration given by the options. Raises typer.BadParameter for invalid ones."""
    from scheduler.api.access import Access
    from scheduler.cli.configuration import Serving
    from scheduler.cli.mesos import credentials_of, plain_master, tls_of
    from scheduler.mesos.framework import FrameworkIdentity
    from scheduler.mesos.tls import TlsOptions

    if options.log_level not in _LEVELS:
        raise typer.BadParameter(f"{options.log_level!r} is not one of {', '.join(_LEVELS)}", param_hint="--log-level")
    master, is_https = plain_master(options.master)
    host, port = _address(options.listen)
    files = TlsOptions(options.mesos_ca_file, options.mesos_cert_file, options.mesos_key_file, options.mesos_tls_verify)
    return Serving(
        options=options,
        settings=settings,
        master=master,
        host=host,
        port=port if options.http_port is None else options.http_port,
        identity=FrameworkIdentity(
            name=options.framework_name,
            user=options.mesos_user,
            webui_url=options.webui_url,
            hostname=options.hostname,
            principal=options.mesos_authentication_principal,
            failover_timeout=options.failover_timeout,
            gpus="gpu_resources" in settings.features,
        ),
        access=Access(
            _credentials(options.http_credentials), tuple(names_of(options.access_control_allow_origin or ""))
        ),
        allowed_inside=_allowed_inside(options.allow_inside),
        agent_credentials=credentials_of(
            options.mesos_agent_authentication_principal,
            options.mesos_agent_authentication_secret_file,
            None,
            "--mesos-agent-authentication",
        ),
        credentials=credentials_of(
            options.mesos_authentication_principal,
            options.mesos_authentication_secret_file,
            options.mesos_authentication_token_file,
        ),
        tls=tls_of(wanted=True if is_https and options.mesos_tls is None else options.mesos_tls, options=files),
    )


def _address(text: str) -> tuple[str, int]:
    """Host and port from --listen."""
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
        return frozenset(Permission(name) for name in names_of(text))
    except ValueError as error:
        known = ", ".join(sorted(Permission))
        raise typer.BadParameter(f"{error}; the names are {known}", param_hint="--allow-inside") from error


def _credentials(text: str | None) -> str | None:
    user, _, password = (text or "").partition(":")
    if text is not None and not (user and password):
        raise typer.BadParameter("must be USER:PASSWORD", param_hint="--http-credentials")
    return text
