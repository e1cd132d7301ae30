"""Parses the options for the API's own side: its address and names, TLS and proxies."""

import ipaddress
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from scheduler.api.origins import Authority, Hosts, hosts_of
from scheduler.api.proxies import Networks, networks_of
from scheduler.model.option import names_of
from scheduler.observe.files import FromFiles

if TYPE_CHECKING:
    from scheduler.cli.scheduler_options import SchedulerOptions

ANY_ADDRESS = ("", "0.0.0.0", "::")


def address_of(listen: str) -> tuple[str, int]:
    """Host and port from --listen."""
    try:
        parts = urlsplit(f"//{listen}")
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.path:
        raise typer.BadParameter(f"{listen!r} is not HOST:PORT", param_hint="--listen")
    return parts.hostname or "", port


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host. Names other than localhost are not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def hosts(options: "SchedulerOptions", host: str) -> Hosts:
    """The hosts by which clients may address an API that listens on ``host``."""
    machine = socket.gethostname()
    own = [host] if host not in ANY_ADDRESS else []
    own += [] if is_loopback(host) else [machine, machine.partition(".")[0]]
    own += [options.hostname] if options.hostname else []
    web_ui = _netloc(options.webui_url)
    own += _netloc(options.executor_base_url)
    try:
        return hosts_of([*names_of(options.allowed_hosts), *web_ui], filter(_is_host, own))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--allowed-hosts") from error


def _netloc(url: str | None) -> list[str]:
    """Host and port of a URL, if it has any."""
    netloc = urlsplit(url or "").netloc.rpartition("@")[2]
    return [netloc] if Authority.parse(netloc) is not None else []


def _is_host(text: str) -> bool:
    """Whether ``Host`` can name it; not every name of a machine is a host name."""
    return Authority.parse(f"[{text}]" if ":" in text else text) is not None


def proxies(options: "SchedulerOptions") -> Networks:
    """The proxies whose X-Forwarded-For is believed."""
    try:
        return networks_of(names_of(options.trusted_proxies))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--trusted-proxies") from error


def tls(options: "SchedulerOptions", host: str) -> Callable[[], ssl.SSLContext] | None:
    """The API's TLS context for the next connection; None: plain HTTP, if ``host`` may have that."""
    cert, key, client_ca = options.tls_cert_file, options.tls_key_file, options.tls_client_ca_file
    if cert is None:
        for file, flag in ((key, "--tls-key-file"), (client_ca, "--tls-client-ca-file")):
            if file is not None:
                raise typer.BadParameter("needs the API's certificate: --tls-cert-file", param_hint=flag)
        if not (options.insecure or is_loopback(host)):
            raise typer.BadParameter(
                f"{options.listen} would be open to the network in plain HTTP: give it a certificate (--tls-cert-file, "
                "--tls-key-file); or, if the network is trusted or a proxy in front has TLS, pass --insecure",
                param_hint="--listen",
            )
        return None
    try:
        files = [file for file in (cert, key, client_ca) if file is not None]
        return FromFiles(files, lambda: _context(cert, key, client_ca)).get
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--tls-cert-file") from error


def _context(cert: Path, key: Path | None, client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # so that sending never has to wait for received data
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password="")  # never ask the terminal
    except OSError as error:
        raise ValueError(f"{cert} with its key cannot be used: {error}") from error
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise ValueError(f"{client_ca} contains no CA certificates in PEM: {error}") from error
    return context
