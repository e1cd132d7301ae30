"""Requests to Vault: bounded in time and size, and without redirects."""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import orjson

from scheduler.loop.ports import SecretError

DEFAULT_PREFIX = "/v1/secret/data"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_CONNECT, _READ = 3.0, 5.0
_WHOLE = 10.0  # calls to Mesos wait for it
_LARGEST = 8 * 1024 * 1024  # bytes; JSON may write each byte of a value as six
_PAUSE = 5.0  # after a failure to connect, for which launches would wait one after the other
_Result = TypeVar("_Result")

_MEANINGS = {
    400: "Vault refuses the request",
    403: "Vault denies it: check the policies of the token or role, and whether the token is still valid",
    404: "Vault has no such secret, or does not let this token see it",
    412: "this server of Vault is not up to date yet",
    429: "Vault limits the number of requests, or this server is a standby",
    472: "this server of Vault is a standby for disaster recovery: use the address of the active one",
    473: "this server of Vault is a standby: use the address of the active one",
    503: "Vault is sealed or down for maintenance",
}


class VaultError(SecretError):
    """Vault has answered with an error.

    Attributes:
        status: of HTTP.
        answer: the body, if it is a JSON object; not to be shown.
    """

    def __init__(self, message: str, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.answer = answer


class Server:
    """One address of Vault. Every method raises SecretError."""

    def __init__(
        self, url: str, context: ssl.SSLContext | None = None, namespace: str | None = None, whole: float = _WHOLE
    ) -> None:
        """``url``: without a path. ``context``: None: no TLS. ``whole``: seconds that an answer may take."""
        self._url = url
        self._whole = whole
        self._context = context
        self._headers = {"X-Vault-Request": "true", "Accept-Encoding": "identity"}
        if namespace:
            self._headers["X-Vault-Namespace"] = namespace
        self._silent_until = float("-inf")

    @classmethod
    def of(cls, url: str, environment: Mapping[str, str]) -> tuple["Server", str]:
        """The server that a URL names, and the prefix of secrets in it. Raises SecretError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SecretError("it must name a server: vault:https://HOST[:PORT][/v1/PREFIX]") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise SecretError("it must name a server: vault:https://HOST[:PORT][/v1/PREFIX]")
        if "@" in parts.netloc:
            raise SecretError("credentials do not belong into the URL: set VAULT_TOKEN or VAULT_TOKEN_FILE")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise SecretError(
                f"http:// is for this machine only, as tokens would be readable: https://{parts.hostname}"
            )
        prefix = "/" + parts.path.strip("/") if parts.path.strip("/") else DEFAULT_PREFIX
        if not prefix.startswith("/v1/"):
            raise SecretError(f"the path of the URL must begin with /v1/, as in {DEFAULT_PREFIX}")
        context = _context(environment.get("VAULT_CACERT")) if parts.scheme == "https" else None
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        address = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
        return cls(address, context, environment.get("VAULT_NAMESPACE")), prefix

    def ask(
        self, method: str, path: str, token: str | None = None, body: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        """The JSON object in the answer. ``path``: quoted. Raises VaultError for an error status."""
        if time.monotonic() < self._silent_until:
            raise SecretError(f"{self._url} did not answer a moment ago")
        headers = self._headers if token is None else {**self._headers, "X-Vault-Token": token}
        try:
            status, content = _within(self._whole, lambda: self._exchange(method, path, headers, body))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            self._silent_until = time.monotonic() + _PAUSE
            raise SecretError(f"{self._url} does not answer: {type(error).__name__}{_certificate(error)}") from None
        answer = _object(content)
        if status != HTTPStatus.OK:
            raise VaultError(self._meaning(status, path), status, answer or {})
        if answer is None:
            raise SecretError(f"{self._url}{path} does not answer like Vault: that is no JSON object")
        return answer

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        content = bytearray()
        with (
            httpx2.Client(
                verify=self._context or False,  # without TLS there is nothing to verify
                timeout=httpx2.Timeout(_READ, connect=_CONNECT),
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream(method, self._url + path, headers=headers, json=body) as response,
        ):
            for piece in response.iter_raw():
                content += piece
                if len(content) > _LARGEST:
                    raise SecretError(f"{self._url} answers with more than {_LARGEST} bytes")
        return response.status_code, bytes(content)

    def _meaning(self, status: int, path: str) -> str:
        if 300 <= status < 400:
            meaning = "this server redirects to another one, to which no token is sent: use the active one's address"
        else:
            meaning = _MEANINGS.get(status, "Vault failed" if status >= 500 else "Vault refuses the request")
        return f"{meaning} (HTTP {status} for {self._url}{path})"


def _within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """The result of ``work``, which is abandoned if it takes longer: TimeoutError.

    The time-outs of the client are for each read, and a slow server can send an answer byte by byte.
    """
    future: Future[_Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, name="vault", daemon=True).start()
    return future.result(seconds)


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise SecretError(f"VAULT_CACERT: cannot read {ca_file}: {error}") from None


def _certificate(error: Exception) -> str:
    """What is wrong with the server's certificate, if that is the reason."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, ssl.SSLCertVerificationError):
        reason = reason.__cause__ or reason.__context__
    return "" if reason is None else f": its certificate is not trusted: {reason.verify_message}"


def _object(content: bytes) -> Mapping[str, Any] | None:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None
