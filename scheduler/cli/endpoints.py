"""The schedulers that a command may talk to: one URL, or several of which any will do.

A standby passes on what it does not answer, so every one of them serves. The next one is tried when one cannot be
connected to, or says that it has not taken a request. What may have been taken is repeated only if it changes nothing.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from scheduler.cli import client_tls
from scheduler.cli.contexts import Context, ContextUrl
from scheduler.cli.errors import CommandError
from scheduler.core.views.extras import NOT_TAKEN
from scheduler.model.urls import without_password

_BETWEEN = re.compile(r",(?=https?://)")  # passwords may contain commas
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_REPEATED = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The API of one scheduler.

    Attributes:
        url: as it is shown, without a password and a slash at the end.
        given: the URL with user and password, if it has them.
        tls: the context for https; None: the URL is not https.
    """

    url: str
    given: str
    tls: ssl.SSLContext | None
    http: httpx2.Client


class Endpoints:
    """The schedulers of a command."""

    def __init__(
        self, urls: str, headers: Mapping[str, str], timeout: float, check: Callable[[httpx2.Response], None]
    ) -> None:
        """``urls``: separated by commas. ``headers``: of every request; with them, users and passwords in URLs are not
        sent. ``check`` is called with every answer. Raises CommandError.
        """
        own = urls.context if isinstance(urls, ContextUrl) else None
        self._all = [_endpoint(each, headers, timeout, check, own) for each in _BETWEEN.split(urls)]
        self._at = 0

    @property
    def current(self) -> Endpoint:
        """The one that answered last, or is asked first."""
        return self._all[self._at]

    @property
    def urls(self) -> str:
        """Those of all, for people."""
        return ", ".join(each.url for each in self._all)

    def send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """The answer of the first that takes the request; its body is not read yet. ``more``: as httpx2 has it.

        Raises httpx2.RequestError if none answers.
        """
        failure: httpx2.RequestError | None = None
        for left in reversed(range(len(self._all))):
            http = self.current.http
            try:
                response = http.send(http.build_request(method, path, **more), stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
            except httpx2.RequestError as error:
                if method not in _REPEATED:
                    raise
                failure = error
            else:
                if not left or NOT_TAKEN not in response.headers or more.get("content") is not None:
                    return response
                response.close()
            self._at = (self._at + 1) % len(self._all)
        assert failure is not None
        raise failure

    def close(self) -> None:
        """Close the connections."""
        for each in self._all:
            each.http.close()


def require_urls(urls: str, option: str) -> None:
    """Raise CommandError, which names the ``option``, unless these are URLs, separated by commas."""
    for url in _BETWEEN.split(urls):
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise CommandError(f"{option} {without_password(url).rstrip('/')!r} is not an http(s) URL", code=2)


def _endpoint(
    url: str,
    headers: Mapping[str, str],
    timeout: float,
    check: Callable[[httpx2.Response], None],
    own: Context | None,
) -> Endpoint:
    shown = without_password(url).rstrip("/")
    require_urls(url, "--url")
    parts = urlsplit(url)
    tls = client_tls.context(own) if parts.scheme == "https" else None
    try:
        # A proxy for the outside world cannot reach this machine.
        http = httpx2.Client(
            base_url=shown if headers else url.rstrip("/"),
            headers={"Accept-Encoding": "identity", **headers},
            timeout=timeout,
            verify=tls or True,
            trust_env=parts.hostname not in _LOOPBACK,
            event_hooks={"response": [check]},
        )
    except (ValueError, httpx2.InvalidURL) as error:
        raise CommandError(f"cannot use --url {shown!r}, or the proxy in the environment: {error}", code=2) from error
    return Endpoint(shown, url, tls, http)
