"""TLS for connections to masters and agents: trusted authorities, and this side's certificate."""

import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scheduler.observe.files import FromFiles


class Verify(StrEnum):
    """How the other side's certificate is verified."""

    FULL = "full"  # a trusted authority must have issued it for this host name or address
    CERTIFICATE = "certificate"  # a trusted authority must have issued it
    NONE = "none"


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """PEM files.

    Attributes:
        ca_file: the trusted authorities; None: those this machine trusts.
        cert_file: this side's certificate, if Mesos requires one.
        key_file: its key; None: it is in the certificate's file.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    verify: Verify = Verify.FULL


class Tls:
    """The current context for connections; the files are read again when they change. Raises ValueError for unusable
    files.
    """

    def __init__(self, options: TlsOptions) -> None:
        files = [file for file in (options.ca_file, options.cert_file, options.key_file) if file is not None]
        self._context = FromFiles(files, lambda: _context(options))

    def context(self) -> ssl.SSLContext:
        """The context for the next connection."""
        return self._context.get()


def _context(options: TlsOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:
        raise ValueError(f"{options.ca_file} contains no CA certificates in PEM: {error}") from error
    if options.cert_file is not None:
        try:
            context.load_cert_chain(options.cert_file, options.key_file, password="")  # never ask the terminal
        except OSError as error:
            raise ValueError(f"{options.cert_file} with its key cannot be used: {error}") from error
    if options.verify is not Verify.FULL:
        context.check_hostname = False
    if options.verify is Verify.NONE:
        context.verify_mode = ssl.CERT_NONE
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Mesos also accepts certificates of simple private authorities
    context.options |= ssl.OP_NO_RENEGOTIATION  # so that sending never has to wait for received data
    return context
