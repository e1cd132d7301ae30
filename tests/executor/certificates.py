"""Certificates for tests, made by openssl on the spot."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that vouches for itself: whoever trusts it has it as certificate authority."""

    cert: Path
    key: Path

    def serving(self, client: Certificate | None = None) -> ssl.SSLContext:
        """For a server; with ``client`` it demands that certificate of whoever connects."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        if client is not None:
            context.load_verify_locations(client.cert)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make(folder: Path, name: str, address: str = "IP:127.0.0.1") -> Certificate:
    """A certificate for an address, valid for a day."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", f"/CN={name}", "-addext", f"subjectAltName={address}"]
    command += ["-out", str(made.cert), "-keyout", str(made.key)]
    subprocess.run(command, capture_output=True, timeout=30, check=True)
    return made
