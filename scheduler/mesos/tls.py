"""How masters and agents are spoken to where Mesos uses TLS: whom to trust, and how this side proves itself."""

import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scheduler.mesos.files import FromFiles


class Verify(StrEnum):
    """What the other side must prove."""

    FULL = "full"  # that a trusted authority certified it, under the name or address it is called by
    CERTIFICATE = "certificate"  # that a trusted authority certified it
    NONE = "none"


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """PEM files.

    Attributes:
        ca_file: whom to trust; None: whom this machine trusts.
        cert_file: this side's certificate, where Mesos asks for one.
        key_file: its key; None: in the certificate's file.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    verify: Verify = Verify.FULL


class Tls:
    """The present context for connections; read anew when the files change. Raises ValueError for files that will not
    do.
    """

    def __init__(self, options: TlsOptions) -> None:
        files = [file for file in (options.ca_file, options.cert_file, options.key_file) if file is not None]
        self._context = FromFiles(files, lambda: _context(options))

    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        return self._context.get()


def _context(options: TlsOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:
        raise ValueError(f"{options.ca_file} holds no CA certificates in PEM: {error}") from error
    if options.cert_file is not None:
        try:
            context.load_cert_chain(options.cert_file, options.key_file, password="")  # never ask the terminal
        except OSError as error:
            raise ValueError(f"{options.cert_file} with its key cannot be used: {error}") from error
    if options.verify is not Verify.FULL:
        context.check_hostname = False
    if options.verify is Verify.NONE:
        context.verify_mode = ssl.CERT_NONE
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Mesos takes certificates of simple home-made authorities too
    context.options |= ssl.OP_NO_RENEGOTIATION  # so that to send never means to wait for what is received
    return context
