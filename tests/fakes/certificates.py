"""A certificate authority of a test, made with openssl, and what it certifies."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW_KEY = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM."""

    file: Path
    key: Path


class Authority:
    """Certifies whoever asks."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._own = self._make(name, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.file = self._own.file

    def certify(self, name: str, alternatives: str = "IP:127.0.0.1") -> Certificate:
        """A certificate for a host of these names and addresses."""
        signed = ("-CA", str(self._own.file), "-CAkey", str(self._own.key))
        leaf = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"subjectAltName={alternatives}")
        return self._make(name, *signed, *leaf)

    def server(self, certificate: Certificate, *, asks_for_certificates: bool = False) -> ssl.SSLContext:
        """TLS of a server that has the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key)
        if asks_for_certificates:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.file)
        return context

    def _make(self, name: str, *more: str) -> Certificate:
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        output = ("-out", str(made.file), "-keyout", str(made.key), "-subj", f"/CN={name}")
        subprocess.run(["openssl", *_NEW_KEY, *output, *more], check=True, capture_output=True)
        return made
