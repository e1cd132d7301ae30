"""Logs in with a DC/OS service account, and keeps the token that Mesos' masters and agents accept from then on.

The account is a JSON file as DC/OS' secret store has it: ``uid``, ``private_key`` (RSA, in PEM), ``login_endpoint`` (a
URL) and ``scheme`` (RS256). The login sends a short-lived token signed with the key, and gets one that is valid for
days. It is renewed in the background when two thirds of its life have passed, and when it is refused.
"""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import httpx2
import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from scheduler.mesos.tls import Tls
from scheduler.observe.files import FromFiles

_ALGORITHM = "RS256"
_PROOF_SECONDS = 300  # how long the signed token is valid, in case the clocks differ
_TIMEOUT, _LONGEST_ANSWER = 10.0, 30.0
_LARGEST_ANSWER = 64 * 1024
_LONGEST_REASON = 200
_DEFAULT_LIFE = 3600.0  # of a token that does not say
_RENEWED_AFTER = 2 / 3  # of its life
_PAUSE = 10.0  # between logins
_log = structlog.get_logger("scheduler.mesos")


class LoginError(Exception):
    """The login failed; says why. Trying again makes sense."""


class _File(msgspec.Struct):
    uid: str
    private_key: str
    login_endpoint: str
    scheme: str = _ALGORITHM


class _Answer(msgspec.Struct):
    token: str


class _Account(msgspec.Struct, frozen=True):
    uid: str
    key: RSAPrivateKey
    endpoint: str


class _Token(msgspec.Struct, frozen=True):
    header: str
    renew_at: float  # on the monotonic clock


class ServiceAccount:
    """The Authorization header of a service account. Thread-safe. Raises ValueError or OSError for a bad file.

    Nothing is contacted before the header is wanted.
    """

    def __init__(
        self, file: Path, tls: Tls | None, clock: Callable[[], float] = time.monotonic, pause: float = _PAUSE
    ) -> None:
        self._account = FromFiles((file,), lambda: _read(file))
        self._tls = tls
        self._clock = clock
        self._pause = pause
        self._login = threading.Lock()  # held while logging in
        self._token: _Token | None = None
        self._tried_at = float("-inf")

    def get(self, *, now: bool = False) -> str | None:
        """The header, None before the first login. ``now``: log in again, unless that was tried a moment ago; raises
        LoginError if there is no header even then.
        """
        if now:
            self._renew()
        elif self._is_due() and not self._login.locked():
            threading.Thread(target=self._renew_quietly, name="mesos-login", daemon=True).start()
        token = self._token
        return None if token is None else token.header

    def _is_due(self) -> bool:
        token = self._token
        return self._may_try() and (token is None or self._clock() >= token.renew_at)

    def _may_try(self) -> bool:
        return self._clock() - self._tried_at >= self._pause

    def _renew_quietly(self) -> None:
        with contextlib.suppress(LoginError):  # has been logged
            self._renew()

    def _renew(self) -> None:
        with self._login:
            if not self._may_try():
                if self._token is None:
                    raise LoginError("the last login failed a moment ago")
                return
            self._tried_at = self._clock()
            try:
                self._token = self._log_in(self._account.get(now=True))
            except LoginError as error:
                _log.warning("cannot log in with the service account", error=str(error))
                if self._token is None:
                    raise
            else:
                _log.info("logged in with the service account")

    def _log_in(self, account: _Account) -> _Token:
        claims = {"uid": account.uid, "exp": int(time.time()) + _PROOF_SECONDS}
        proof = jwt.encode(claims, account.key, algorithm=_ALGORITHM)
        verify = ssl.create_default_context() if self._tls is None else self._tls.context()
        try:
            with (
                httpx2.Client(verify=verify, timeout=_TIMEOUT, trust_env=False) as client,
                client.stream(
                    "POST",
                    account.endpoint,
                    json={"uid": account.uid, "token": proof},
                    headers={"Accept-Encoding": "identity"},
                ) as response,
            ):
                content = _content(response)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise LoginError(f"{account.endpoint} does not answer: {error}") from error
        if response.status_code != HTTPStatus.OK:
            text = content.decode(errors="replace")[:_LONGEST_REASON]
            raise LoginError(f"{account.endpoint} refuses '{account.uid}': HTTP {response.status_code} {text}".rstrip())
        try:
            token = msgspec.json.decode(content, type=_Answer).token
        except msgspec.DecodeError as error:
            raise LoginError(f"{account.endpoint} returned no token: {error}") from error
        if not (token.isascii() and token.isprintable() and token and " " not in token):
            raise LoginError(f"{account.endpoint} returned a token that is not one word of printable ASCII")
        return _Token(f"token={token}", self._clock() + _RENEWED_AFTER * _life(token))


def _content(response: httpx2.Response) -> bytes:
    content, deadline = bytearray(), time.monotonic() + _LONGEST_ANSWER
    for piece in response.iter_raw():
        content += piece
        if time.monotonic() > deadline:
            raise LoginError(f"{response.url} did not answer completely within {_LONGEST_ANSWER:g} s")
        if len(content) > _LARGEST_ANSWER:
            raise LoginError(f"{response.url} returned more than {_LARGEST_ANSWER} bytes")
    return bytes(content)


def _life(token: str) -> float:
    """Seconds until a token expires. Only its issuer can verify it."""
    try:
        expires = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})["exp"]
        return max(0.0, float(expires) - time.time())
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        return _DEFAULT_LIFE


def _read(file: Path) -> _Account:
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_File)
    except msgspec.DecodeError as error:
        raise ValueError(f"{file} is not a service account: {error}") from error
    if found.scheme != _ALGORITHM:
        raise ValueError(f"{file}: the scheme must be {_ALGORITHM}, not {found.scheme!r}")
    if not found.login_endpoint.startswith(("http://", "https://")):
        raise ValueError(f"{file}: login_endpoint must be an http:// or https:// URL, not {found.login_endpoint!r}")
    try:
        key = load_pem_private_key(found.private_key.encode(), None)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: private_key is not a private key in PEM without a passphrase") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{file}: private_key is not an RSA key")
    return _Account(found.uid, key, found.login_endpoint)
