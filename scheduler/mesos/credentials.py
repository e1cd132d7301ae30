"""The framework's credentials: a secret or a token from a file, sent in an HTTP header."""

import base64
from collections.abc import Callable
from pathlib import Path

from scheduler.mesos.files import FromFiles


class Credentials:
    """The Authorization header from the current contents of its file. Thread-safe. Raises ValueError for a bad file."""

    def __init__(self, file: Path | None = None, header: Callable[[str], str] = str) -> None:
        """Without a file there is no header. ``header`` makes the header from the file's text."""
        self._header = None if file is None else FromFiles((file,), lambda: header(_text(file)))

    @classmethod
    def basic(cls, principal: str, secret_file: Path) -> "Credentials":
        """Basic authentication: a principal, and the file with its secret."""
        return cls(secret_file, lambda secret: "Basic " + base64.b64encode(f"{principal}:{secret}".encode()).decode())

    @classmethod
    def bearer(cls, token_file: Path) -> "Credentials":
        """Bearer authentication: the file with a token that something else issues and renews."""
        return cls(token_file, lambda token: f"Bearer {_token(token, token_file)}")

    def authorization(self, *, now: bool = False) -> str | None:
        """Value of the Authorization header, or None. ``now`` re-reads the file even if it was read recently."""
        return None if self._header is None else self._header.get(now=now)


def _text(file: Path) -> str:
    text = file.read_text(encoding="utf-8").strip()
    if not text:
        raise ValueError(f"{file} is empty")
    return text


def _token(text: str, file: Path) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError(f"{file} does not contain a token: a token is one word of printable ASCII")
    return text
