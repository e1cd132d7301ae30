"""TLS of a standby's connections to the leader's API."""

import ssl

from scheduler.cli.errors import CommandError
from scheduler.cli.scheduler_options import SchedulerOptions


def tls_for_leader(options: SchedulerOptions) -> ssl.SSLContext | None:
    """The context for them; None: this API has no TLS, so that the leader's has none either. Raises CommandError.

    It shows the API's own certificate, in case that the leader requires one of its clients.
    """
    if options.tls_cert_file is None:
        return None
    try:
        made = ssl.create_default_context(cafile=options.ha_ca_file)
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # certificates of simple private authorities are accepted too
        made.load_cert_chain(options.tls_cert_file, options.tls_key_file)
    except OSError as error:
        raise CommandError(f"--ha-ca-file: the certificates for other schedulers cannot be used: {error}") from error
    return made
