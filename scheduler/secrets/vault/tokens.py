"""The token for Vault: given, in a file that something else keeps valid, or of a login with an AppRole."""

import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import structlog

from scheduler.loop.ports import SecretError
from scheduler.secrets.vault.http import Server

_RENEWED_AFTER = 2 / 3  # of its life
_MARGIN = 10.0  # seconds before its end at which a token is no longer used
_SHORTEST, _TRY_AGAIN = 1.0, 30.0
_log = structlog.get_logger("scheduler.secrets")


class Tokens(Protocol):
    """Where the token comes from."""

    def token(self) -> str:
        """The token to use now. Raises SecretError."""

    def refused(self) -> bool:
        """The token was refused. Whether there may be another one now."""


def tokens_of(server: Server, environment: Mapping[str, str]) -> Tokens:
    """The tokens that the environment gives. Raises SecretError unless it gives exactly one way to get them."""
    token, file = environment.get("VAULT_TOKEN"), environment.get("VAULT_TOKEN_FILE")
    role_id = environment.get("VAULT_ROLE_ID")
    if [bool(token), bool(file), bool(role_id)].count(True) != 1:
        raise SecretError("set one of the variables VAULT_TOKEN, VAULT_TOKEN_FILE and VAULT_ROLE_ID")
    if token:
        return GivenToken(server, _word(token, "VAULT_TOKEN"))
    if file:
        source = TokenFile(Path(file))
        source.token()
        return source
    return AppRole(server, str(role_id), environment)


class GivenToken:
    """A token that is renewed as long as Vault does that and this object is there."""

    def __init__(self, server: Server, token: str) -> None:
        """A thread of its own renews it."""
        self._token = token
        unused = threading.Event()
        weakref.finalize(self, unused.set)
        threading.Thread(target=_keep, args=(server, token, unused), name="vault-token", daemon=True).start()

    def token(self) -> str:
        """Always the same."""
        return self._token

    def refused(self) -> bool:
        """There is no other."""
        return False


def _keep(server: Server, token: str, unused: threading.Event) -> None:
    """Renew a token, whenever two thirds of its life have passed, until nobody uses it or it cannot be renewed."""
    pause: float | None = 0.0
    while pause is not None and not unused.wait(pause):
        try:
            pause = _renew(server, token)
        except SecretError as error:
            if not unused.is_set():
                _log.warning("cannot renew the token for Vault", error=str(error))
            pause = _TRY_AGAIN


def _renew(server: Server, token: str) -> float | None:
    """Renew a token if it can be; returns the seconds until this is due again. None: never."""
    found = _member(server.ask("GET", "/v1/auth/token/lookup-self", token), "data")
    if not _seconds(found, "ttl"):
        return None  # it never ends
    if found.get("renewable") is not True:
        _log.warning("the token for Vault cannot be renewed", seconds_left=_seconds(found, "ttl"))
        return None
    renewed = _member(server.ask("POST", "/v1/auth/token/renew-self", token, {}), "auth")
    return max(_SHORTEST, _RENEWED_AFTER * _seconds(renewed, "lease_duration"))


class TokenFile:
    """A file with a token that something else keeps valid, such as Vault's agent."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def token(self) -> str:
        """The token that is there now."""
        try:
            return _word(self._file.read_text(encoding="utf-8").strip(), str(self._file))
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"VAULT_TOKEN_FILE: cannot read {self._file}: {type(error).__name__}") from None

    def refused(self) -> bool:
        """It is read for each request anyway."""
        return False


class AppRole:
    """The token of a login with an AppRole: a new login follows when it ends or is refused."""

    def __init__(self, server: Server, role_id: str, environment: Mapping[str, str]) -> None:
        self._server = server
        self._role_id = role_id
        self._secret_id = environment.get("VAULT_SECRET_ID")
        file = environment.get("VAULT_SECRET_ID_FILE")
        self._secret_id_file = Path(file) if file else None
        if bool(self._secret_id) == bool(self._secret_id_file):
            raise SecretError("VAULT_ROLE_ID needs one of VAULT_SECRET_ID and VAULT_SECRET_ID_FILE")
        mount = environment.get("VAULT_APPROLE_PATH") or "approle"
        self._path = f"/v1/auth/{mount.strip('/')}/login"
        self._token: str | None = None
        self._ends_at = float("-inf")

    def token(self) -> str:
        """The token of the last login, or of a new one."""
        if self._token is None or time.monotonic() >= self._ends_at:
            self._log_in()
        assert self._token is not None
        return self._token

    def refused(self) -> bool:
        """A new login gets another one."""
        self._token = None
        return True

    def _log_in(self) -> None:
        self._token = None
        body = {"role_id": self._role_id, "secret_id": self._current_secret_id()}
        auth = _member(self._server.ask("POST", self._path, body=body), "auth")
        life = _seconds(auth, "lease_duration")
        self._token = _word(auth.get("client_token"), "the answer to the login")
        self._ends_at = time.monotonic() + life - _MARGIN if life else float("inf")

    def _current_secret_id(self) -> str:
        if self._secret_id_file is None:
            return self._secret_id or ""
        try:
            return self._secret_id_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(
                f"VAULT_SECRET_ID_FILE: cannot read {self._secret_id_file}: {type(error).__name__}"
            ) from None


def _word(text: Any, where: str) -> str:
    """A token that can be sent in a header."""
    if not isinstance(text, str) or not (text and text.isascii() and text.isprintable() and " " not in text):
        raise SecretError(f"{where} has no token: a token is one word of printable ASCII")
    return text


def _member(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = answer.get(name)
    if not isinstance(found, dict):
        raise SecretError(f"Vault's answer about the token has no {name}")
    return found


def _seconds(found: Mapping[str, Any], name: str) -> float:
    seconds = found.get(name)
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else 0.0
