"""The options of ``podexec scheduler`` that the core need not know, in the form they have on the command line.

The others are stated in scheduler/core/settings.py. Options that Marathon has keep its names, units and meanings.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from scheduler.mesos.tls import Verify
from scheduler.model.option import MESOS, MILLISECONDS, TLS, Option, names_of


def _executor_kind(executor: str | None) -> str:
    return executor if executor in ("auto", "default") else "custom"


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
    mesos_authentication_service_account_file: Annotated[
        Path | None,
        Option(
            "File with a DC/OS service account, to log in with in place of a principal's secret.",
            "Agents get its token too, if `--mesos-tls-verify` verifies them.",
            is_file=True,
            heading=MESOS,
            is_private=True,
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
            "Without [access control](access.md) anyone who can reach it can do anything.",
            metavar="HOST:PORT",
            is_private=True,
        ),
    ] = "127.0.0.1:8080"
    http_port: Annotated[
        int | None,
        Option("Port the API listens on, in place of the one in --listen.", minimum=0, maximum=65535, is_private=True),
    ] = None
    tls_cert_file: Annotated[
        Path | None,
        Option(
            "The API's certificate, in PEM, with those of the authorities in between.",
            "It is read again when it is renewed. See [TLS](api.md#tls).",
            is_file=True,
            is_private=True,
        ),
    ] = None
    tls_key_file: Annotated[
        Path | None,
        Option(
            "Key of the API's certificate, in PEM.",
            default="in the certificate's file",
            is_file=True,
            is_private=True,
        ),
    ] = None
    tls_client_ca_file: Annotated[
        Path | None,
        Option(
            "CA certificates, in PEM, one of which must have issued the certificate of every client of the API.",
            is_file=True,
            is_private=True,
        ),
    ] = None
    insecure: Annotated[
        bool,
        Option(
            "Allow plain HTTP on an address that other machines reach.",
            "Others on the network can then read and change everything that is sent, passwords too.",
            is_private=True,
        ),
    ] = False
    allowed_hosts: Annotated[
        str,
        Option(
            "Further host names by which clients address the API; * allows all.",
            "Always allowed are addresses, `localhost`, the hosts in `--listen`, `--hostname`, `--webui-url` and "
            "`--executor-base-url`, and this machine's name. See [web pages](api.md#web-pages).",
            metavar="HOST[:PORT],…|*",
            is_private=True,
            may_be_empty=True,
        ),
    ] = ""
    trusted_proxies: Annotated[
        str,
        Option(
            "Proxies whose X-Forwarded-For is trusted.",
            "See [proxies](api.md#proxies).",
            metavar="ADDRESS[/BITS],…",
            is_private=True,
            may_be_empty=True,
        ),
    ] = ""
    hostname: Annotated[str | None, Option("Host name at which to reach this machine.", default="from --listen")] = None
    webui_url: Annotated[str | None, Option("URL that the web UI of Mesos links to.", default="the API")] = None
    http_credentials: Annotated[
        str | None,
        Option("User who may do everything, with HTTP Basic authentication.", metavar="USER:PASSWORD", is_secret=True),
    ] = None
    principals: Annotated[
        Path | None,
        Option(
            "File with users, their tokens and rules, as podexec user writes it.",
            "See [access.md](access.md).",
            metavar="FILE",
            is_file=True,
            is_private=True,
        ),
    ] = None
    oidc_issuer: Annotated[
        str | None,
        Option(
            "OpenID Connect issuer whose tokens are accepted.",
            "See [access.md](access.md#openid-connect).",
            metavar="URL",
            is_private=True,
        ),
    ] = None
    oidc_audience: Annotated[
        str | None,
        Option("Audience that the issuer's tokens must name.", metavar="NAME", is_private=True),
    ] = None
    oidc_jwks: Annotated[
        str | None,
        Option(
            "Keys of the issuer, a JWK set.",
            metavar="FILE|URL",
            default="as the issuer's configuration says",
            is_private=True,
        ),
    ] = None
    oidc_username_claim: Annotated[str, Option("Claim that names the user.", metavar="NAME", is_private=True)] = "sub"
    oidc_groups_claim: Annotated[str, Option("Claim with the user's groups.", metavar="NAME", is_private=True)] = (
        "groups"
    )
    dcos_jwks: Annotated[
        str | None,
        Option(
            "Keys of DC/OS, a JWK set, to accept its tokens.",
            "See [access.md](access.md#dcos).",
            metavar="FILE|URL",
            is_private=True,
        ),
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
            may_be_empty=True,
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
            "`zk://[USER:PASSWORD@]HOST:PORT,HOST:PORT/PATH` is [in ZooKeeper](scheduler.md#the-store-in-zookeeper). "
            "`memory:` forgets everything when the scheduler ends.",
            metavar="sqlite:///FILE|zk://HOST:PORT/PATH|memory:",
        ),
    ] = "sqlite:///podexec.db"
    ha: Annotated[
        bool,
        Option(
            "Run as one of several schedulers, of which one leads; requires a zk:// store.",
            "See [ha.md](ha.md).",
            name="--ha/--no-ha",
        ),
    ] = False
    zk_session_timeout: Annotated[
        float,
        Option(
            "Time after which ZooKeeper ends the session of a scheduler that it no longer hears from, in milliseconds.",
            "With `--ha` another scheduler leads then; without, the next start after a kill waits for it. ZooKeeper "
            "grants 2 to 20 times its `tickTime`.",
            minimum=1000,
            maximum=600_000,
            form=MILLISECONDS,
        ),
    ] = 10.0
    ha_ca_file: Annotated[
        Path | None,
        Option(
            "CA certificates, in PEM, for the APIs of the other schedulers.",
            default="those of this machine",
            is_file=True,
            is_private=True,
        ),
    ] = None
    executor: Annotated[
        str | None,
        Option(
            "The pods' executor: 'auto' (podexec's, fetched from this API), a file on every agent, a URI to fetch, or "
            "'default' for the agents' own.",
            "See [how agents get the executor](executor.md#how-agents-get-it). `default` is Mesos' own executor, or "
            "podexec's [in its place](executor.md#replacing-mesos-default-executor).",
            metavar="auto|PATH|URI[#sha256=HEX]|default",
            default="'default' if the API listens on a loopback address, otherwise 'auto'",
            shown=_executor_kind,
        ),
    ] = None
    executor_base_url: Annotated[
        str | None,
        Option(
            "URL of this API for agents, which fetch the executor from it with --executor auto.",
            metavar="URL",
            default="http:// or https://, and the API's host name and port",
            is_private=True,
        ),
    ] = None
    executor_python: Annotated[
        str,
        Option(
            "Python that runs the executor on agents if it is a zipapp.",
            "Every user named in a pod must be able to run it.",
            metavar="PATH",
            is_private=True,
        ),
    ] = "python3"
    framework_name: Annotated[str, Option("The framework's name in Mesos.")] = "podexec"
    failover_timeout: Annotated[
        float,
        Option("How long Mesos keeps pods running without a scheduler, in seconds.", minimum=0, after="mesos_user"),
    ] = 604800.0
    secrets_source: Annotated[
        str,
        Option(
            "Source of secrets' values: files, this process's environment, Vault, or, with 'reference', Mesos.",
            "An installed package can add others ([secrets.md](secrets.md)).",
            metavar="directory:PATH|environment[:PREFIX]|vault:URL|reference|…",
            shown=_source_kind,
            after="features",
        ),
    ] = "environment"
    policy: Annotated[
        Path | None,
        Option(
            "File with the policy: rules for pods, quotas, and which secrets they may use.",
            "It is read again when it changes. See [policy.md](policy.md).",
            metavar="FILE",
            is_file=True,
            is_private=True,
            after="secrets_source",
        ),
    ] = None
    log_level: Annotated[
        str,
        Option(
            "Log level: debug, info, warning, error or critical.",
            "The executor logs at this level too.",
            is_private=True,
            after="adopt_cluster",
        ),
    ] = "info"
    audit_log: Annotated[
        Path | None,
        Option(
            "File to append the audit log to: who did what, from where, and with which outcome.",
            "See [audit.md](audit.md).",
            metavar="FILE",
            default="in the log",
            is_private=True,
            after="log_level",
        ),
    ] = None
    record: Annotated[
        Path | None,
        Option(
            "File to append a recording to, for podexec replay.",
            "See [recording.md](recording.md).",
            metavar="FILE",
            is_private=True,
            after="audit_log",
        ),
    ] = None
    record_limit: Annotated[
        int,
        Option("Size of the file at which recording ends, in MiB.", minimum=1, is_private=True, after="record"),
    ] = 1024
