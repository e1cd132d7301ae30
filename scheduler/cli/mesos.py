"""Parses the options for the connection to Mesos: addresses, TLS and credentials."""

from pathlib import Path
from urllib.parse import urlsplit

import typer

from scheduler.mesos.address import parse_masters
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.tls import Tls, TlsOptions

_HTTPS = "https://"


def plain_master(master: str) -> tuple[str, bool]:
    """The masters without ``https://``, and whether they had it. They are not contacted."""
    if master.startswith("zk://"):
        parts = urlsplit(master)
        if not parts.netloc or not parts.path.strip("/"):
            raise typer.BadParameter(f"{master!r} is not zk://HOST:PORT,HOST:PORT/PATH", param_hint="--master")
        return master, False
    masters = [part.strip() for part in master.split(",") if part.strip()]
    secure = [part.startswith(_HTTPS) for part in masters]
    if any(secure) and not all(secure):
        raise typer.BadParameter(f"{master!r} uses TLS for only some of the masters", param_hint="--master")
    if "@" in master:
        raise typer.BadParameter(
            "pass credentials for masters with --mesos-authentication-principal, not in the address",
            param_hint="--master",
        )
    plain = ",".join(part.removeprefix(_HTTPS).rstrip("/") for part in masters)
    try:
        parse_masters(plain)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--master") from error
    if "/" in plain:
        raise typer.BadParameter(f"{master!r} is neither [https://]HOST:PORT nor zk://…", param_hint="--master")
    return plain, any(secure)


def tls_of(*, wanted: bool | None, options: TlsOptions) -> Tls | None:
    """TLS if it is wanted or, by default (None), if any of its options is given."""
    if not (options != TlsOptions() if wanted is None else wanted):
        return None
    if options.key_file is not None and options.cert_file is None:
        raise typer.BadParameter("a key needs its certificate: --mesos-cert-file", param_hint="--mesos-key-file")
    try:
        return Tls(options)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--mesos-ca-file, --mesos-cert-file") from error


def credentials_of(
    principal: str | None,
    secret_file: Path | None = None,
    token_file: Path | None = None,
    account_file: Path | None = None,
    *,
    tls: Tls | None = None,
    options: str = "--mesos-authentication",
) -> Credentials:
    """The credentials in one of the files. ``options``: the prefix of the options' names."""
    files = {"secret": secret_file, "token": token_file, "service-account": account_file}
    given = [f"{options}-{name}-file" for name, file in files.items() if file is not None]
    if len(given) > 1:
        raise typer.BadParameter(f"cannot be combined with {given[0]}: give one of them", param_hint=given[1])
    try:
        if account_file is not None:
            return Credentials.service_account(account_file, tls)
        if token_file is not None:
            return Credentials.bearer(token_file)
        if secret_file is None:
            return Credentials()
        if principal is None:
            raise typer.BadParameter(f"a secret needs its principal: {options}-principal", param_hint=given[0])
        return Credentials.basic(principal, secret_file)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint=given[0]) from error
