"""The options of ``podexec scheduler`` that the core need not know, in the form they have on the command line.

The others are stated in scheduler/core/settings.py. Options that Marathon has keep its names, units and meanings.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from scheduler.mesos.tls import Verify
from scheduler.model.option import MESOS, TLS, Option, names_of


def _executor_kind(executor: str) -> str:
    return "default" if executor == "default" else "custom"


def _source_kind(source: str) -> str:
    return source.partition(":")[0]  # the rest may be a credential


def _origins(text: str | None) -> str | None:
    return ",".join(names_of(text or "")) or None


def _permissions(text: str) -> str:
    return ",".join(sorted(set(names_of(text))))


@dataclass(frozen=True, slots=True)
class SchedulerOptions:
    """One attribute for each option, in the order of the help."""

    master: Annotated[
        str,
        Option(
            "Mesos masters: HOST:PORT[,…], https://HOST:PORT[,…] or zk://HOST:PORT,…/PATH.",
            metavar="MASTER",
            heading=MESOS,
        ),
    ]
    mesos_authentication_principal: Annotated[
        str | None,
        Option("Principal of the framework and owner of its persistent volumes.", heading=MESOS),
    ] = None
    mesos_authentication_secret_file: Annotated[
        Path | None,
        Option("File with the principal's secret.", is_file=True, heading=MESOS, is_private=True),
    ] = None
    mesos_authentication_token_file: Annotated[
        Path | None,
        Option(
            "File with a bearer token, in place of a principal's secret.", is_file=True, heading=MESOS, is_private=True
        ),
    ] = None
    mesos_agent_authentication_principal: Annotated[
        str | None,
        Option("Principal for the agents' operator API, if it requires one.", heading=MESOS, is_private=True),
    ] = None
    mesos_agent_authentication_secret_file: Annotated[
        Path | None,
        Option("File with the secret of the agents' principal.", is_file=True, heading=MESOS, is_private=True),
    ] = None
    mesos_tls: Annotated[
        bool | None,
        Option(
            "Whether to use TLS for masters and agents.",
            name="--mesos-tls/--no-mesos-tls",
            variable="LIBPROCESS_SSL_ENABLED",
            default="on if --master has https:// or another TLS option is given",
            heading=TLS,
            is_private=True,
        ),
    ] = None
    mesos_ca_file: Annotated[
        Path | None,
        Option(
            "Trusted CA certificates, in PEM.",
            variable="LIBPROCESS_SSL_CA_FILE",
            default="those of this machine",
            is_file=True,
            heading=TLS,
            is_private=True,
        ),
    ] = None
    mesos_cert_file: Annotated[
        Path | None,
        Option(
            "The scheduler's certificate, in PEM, if Mesos requires one.",
            variable="LIBPROCESS_SSL_CERT_FILE",
            is_file=True,
            heading=TLS,
            is_private=True,
        ),
    ] = None
    mesos_key_file: Annotated[
        Path | None,
        Option(
            "Key of the scheduler's certificate, in PEM.",
            variable="LIBPROCESS_SSL_KEY_FILE",
            default="in the certificate's file",
            is_file=True,
            heading=TLS,
            is_private=True,
        ),
    ] = None
    mesos_tls_verify: Annotated[
        Verify,
        Option(
            "What to verify about masters and agents: 'full' (certificate and name), 'certificate' or 'none'.",
            "`full` requires certificates for the names or addresses that podexec connects to.",
            metavar="WHAT",
            heading=TLS,
            is_private=True,
        ),
    ] = Verify.FULL
    listen: Annotated[
        str,
        Option(
            "Address the API listens on.",
            "Without `--http-credentials` anyone who can reach it can do anything.",
            metavar="HOST:PORT",
            is_private=True,
        ),
    ] = "127.0.0.1:8080"
    http_port: Annotated[
        int | None,
        Option("Port the API listens on, in place of the one in --listen.", minimum=0, maximum=65535, is_private=True),
    ] = None
    hostname: Annotated[str | None, Option("Host name at which to reach this machine.", default="from --listen")] = None
    webui_url: Annotated[str | None, Option("URL that the web UI of Mesos links to.", default="the API")] = None
    http_credentials: Annotated[
        str | None,
        Option("Require HTTP Basic authentication.", metavar="USER:PASSWORD", is_secret=True),
    ] = None
    access_control_allow_origin: Annotated[
        str | None, Option("Origins allowed by CORS; * allows all.", metavar="ORIGIN,…|*", shown=_origins)
    ] = None
    allow_inside: Annotated[
        str,
        Option(
            "Actions the API allows inside containers; an empty string allows none.",
            "See [inside.md](inside.md#permissions).",
            metavar="NAME,…",
            shown=_permissions,
        ),
    ] = "copy,exec,files,logs,usage"
    max_connections: Annotated[
        int | None,
        Option(
            "Maximum number of connections to the API.",
            "See [limits](api.md#connections).",
            minimum=1,
            default="half the limit of open files, at most 10000",
        ),
    ] = None
    store: Annotated[
        str,
        Option(
            "Where the state is stored; a fourth slash makes FILE absolute.",
            "`memory:` forgets everything when the scheduler ends.",
            metavar="sqlite:///FILE|memory:",
        ),
    ] = "sqlite:///podexec.db"
    executor: Annotated[
        str,
        Option(
            "podexec's executor: a file on every agent, a URI to fetch, or 'default' for the agents' own executor.",
            "`make zipapp` builds it. `default` is Mesos' own executor, or podexec's "
            "[in its place](executor.md#replacing-mesos-default-executor).",
            metavar="PATH|URI|default",
            shown=_executor_kind,
        ),
    ] = "default"
    executor_python: Annotated[
        str,
        Option(
            "Python that runs podexec's executor on agents.",
            "Every user named in a pod must be able to run it.",
            metavar="PATH",
            is_private=True,
        ),
    ] = "python3"
    framework_name: Annotated[str, Option("The framework's name in Mesos.")] = "podexec"
    mesos_user: Annotated[
        str,
        Option(
            "Default user for containers.",
            "The executor runs as this user too, see [users](executor.md#users).",
            after="new_group_enforce_role",
        ),
    ] = "root"
    failover_timeout: Annotated[
        float,
        Option("How long Mesos keeps pods running without a scheduler, in seconds.", minimum=0, after="mesos_user"),
    ] = 604800.0
    secrets_source: Annotated[
        str,
        Option(
            "Source of secrets' values: files, this process's environment, or, with 'reference', Mesos.",
            "An installed package can add others ([secrets.md](secrets.md)).",
            metavar="directory:PATH|environment[:PREFIX]|reference|…",
            shown=_source_kind,
            after="features",
        ),
    ] = "environment"
    log_level: Annotated[
        str,
        Option(
            "Log level: debug, info, warning, error or critical.",
            "The executor logs at this level too.",
            is_private=True,
            after="adopt_cluster",
        ),
    ] = "info"
    record: Annotated[
        Path | None,
        Option(
            "File to append a recording to, for podexec replay.",
            "See [recording.md](recording.md).",
            metavar="FILE",
            is_private=True,
            after="log_level",
        ),
    ] = None
    record_limit: Annotated[
        int,
        Option("Size of the file at which recording ends, in MiB.", minimum=1, is_private=True, after="record"),
    ] = 1024
