"""The framework's credentials: a secret, a token from a file, or the token of a login, sent in an HTTP header."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from scheduler.mesos.service_account import ServiceAccount
from scheduler.mesos.tls import Tls
from scheduler.observe.files import FromFiles


class _Source(Protocol):
    """Where the header comes from."""

    def get(self, *, now: bool = False) -> str | None: ...


class Credentials:
    """The current Authorization header. Thread-safe. The constructors raise ValueError or OSError for a bad file."""

    def __init__(self, source: _Source | None = None) -> None:
        """Without a source there is no header."""
        self._source = source

    @classmethod
    def basic(cls, principal: str, secret_file: Path) -> "Credentials":
        """Basic authentication: a principal, and the file with its secret."""

        def header(secret: str) -> str:
            return "Basic " + base64.b64encode(f"{principal}:{secret}".encode()).decode()

        return cls(_from_file(secret_file, header))

    @classmethod
    def bearer(cls, token_file: Path) -> "Credentials":
        """Bearer authentication: the file with a token that something else issues and renews."""
        return cls(_from_file(token_file, lambda token: f"Bearer {_token(token, token_file)}"))

    @classmethod
    def service_account(cls, file: Path, tls: Tls | None) -> "Credentials":
        """The token of a login with the service account in the file. ``tls``: for the login; None: system defaults."""
        return cls(ServiceAccount(file, tls))

    def authorization(self, *, now: bool = False) -> str | None:
        """Value of the Authorization header, or None.

        ``now``: as the old value was refused, or may be out of date, re-read the file or log in again; this may take
        seconds. Raises LoginError if that fails and there is no value.
        """
        return None if self._source is None else self._source.get(now=now)


def _from_file(file: Path, header: Callable[[str], str]) -> FromFiles[str]:
    return FromFiles((file,), lambda: header(_text(file)))


def _text(file: Path) -> str:
    text = file.read_text(encoding="utf-8").strip()
    if not text:
        raise ValueError(f"{file} is empty")
    return text


def _token(text: str, file: Path) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError(f"{file} does not contain a token: a token is one word of printable ASCII")
    return text
