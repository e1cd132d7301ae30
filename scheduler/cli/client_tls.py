"""TLS of commands that call the API over https, from the environment."""

import os
import ssl
from typing import TYPE_CHECKING

from scheduler.cli.errors import CommandError

if TYPE_CHECKING:
    from scheduler.cli.contexts import Context

CA_FILE, CERT_FILE, KEY_FILE = "PODEXEC_CA_FILE", "PODEXEC_CERT_FILE", "PODEXEC_KEY_FILE"
ADVICE = (
    f"Set {CA_FILE} to a file with its CA certificate and, if it requires client certificates, {CERT_FILE} to a file "
    "with yours."
)


def context(own: "Context | None" = None) -> ssl.SSLContext:
    """The context for connections: trusts the CAs in PODEXEC_CA_FILE, by default those of this machine, and shows the
    certificate in PODEXEC_CERT_FILE, whose key is in PODEXEC_KEY_FILE or in the same file. What no variable says, a
    named context of the user does, ``own``. Raises CommandError.
    """
    ca, cert, key = (os.environ.get(name) or None for name in (CA_FILE, CERT_FILE, KEY_FILE))
    if own is not None:
        ca = ca or own.ca_file
        cert, key = (cert, key) if cert is not None or key is not None else (own.cert_file, own.key_file)
    if key is not None and cert is None:
        raise CommandError(f"{KEY_FILE} is set, but {CERT_FILE} is not: a key needs its certificate", code=2)
    try:
        made = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise CommandError(f"{CA_FILE}: {ca} contains no CA certificates in PEM: {error}", code=2) from error
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # certificates of simple private authorities are accepted too
    if cert is not None:
        try:
            made.load_cert_chain(cert, key)
        except OSError as error:
            raise CommandError(f"{CERT_FILE}: {cert} with its key cannot be used: {error}", code=2) from error
    return made
