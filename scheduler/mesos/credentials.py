"""What proves to a master who this framework is: a secret or a token, out of a file, in an HTTP header."""

import base64
from collections.abc import Callable
from pathlib import Path

from scheduler.mesos.files import FromFiles


class Credentials:
    """The Authorization header, as its file has it now. Any thread may ask. Raises ValueError for a bad file."""

    def __init__(self, file: Path | None = None, header: Callable[[str], str] = str) -> None:
        """Without a file nothing is proved. ``header`` makes the header of the file's text."""
        self._header = None if file is None else FromFiles((file,), lambda: header(_text(file)))

    @classmethod
    def basic(cls, principal: str, secret_file: Path) -> "Credentials":
        """A principal and the file with its secret, which Mesos checks itself."""
        return cls(secret_file, lambda secret: "Basic " + base64.b64encode(f"{principal}:{secret}".encode()).decode())

    @classmethod
    def bearer(cls, token_file: Path) -> "Credentials":
        """The file with a token that somebody else issued, and renews."""
        return cls(token_file, lambda token: f"Bearer {_token(token, token_file)}")

    def authorization(self, *, now: bool = False) -> str | None:
        """The header's value; None: there is nothing to prove. ``now``: even if the file was read just before."""
        return None if self._header is None else self._header.get(now=now)


def _text(file: Path) -> str:
    text = file.read_text(encoding="utf-8").strip()
    if not text:
        raise ValueError(f"{file} is empty")
    return text


def _token(text: str, file: Path) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError(f"{file} holds more than a token: a token is one word of printable ASCII")
    return text
