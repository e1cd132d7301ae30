"""What a web page can make the browser of somebody who reaches this API do, and what is refused of it.

A browser carries any page's requests to any address that it reaches, with the credentials that it keeps for it. It says
whose page it was (``Origin`` and ``Sec-Fetch-Site``), and asks first (CORS preflight) unless a form could have sent the
request. Three rules follow:

* ``Host`` names this API. In DNS rebinding a page of a foreign name has that name resolve to this API, which the
  browser then takes for the page's own server. An address needs no name to be resolved, so all addresses are allowed.
* A request that changes or runs something comes from one of this API's own pages, or from no page at all.
* A body has a type that forms cannot have, so that browsers ask first.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from scheduler.api import executor
from scheduler.api.errors import ApiError, refusal_of
from scheduler.api.inside.streams import BYTES, TAR

_SAFE = ("GET", "HEAD", "OPTIONS")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OWN_SITES = ("same-origin", "none")  # none: the user's own doing, e.g. a bookmark
_ARCHIVE = re.compile(r"::archive/?$")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,254})(?::(?P<port>[0-9]{1,5})?)?")


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and its port, as in ``Host`` and in URLs.

    Attributes:
        host: in lower case, without the dot at the end and the brackets of an IPv6 address.
        port: None: the scheme's default.
    """

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """``HOST``, ``HOST:PORT``, ``[IPV6]`` or ``[IPV6]:PORT``; None: it is none of them."""
        found = _AUTHORITY.fullmatch(text)
        if found is None:
            return None
        host = found["host"].lower().removesuffix(".").strip("[]")
        if not host or (text.startswith("[") and not _is_address(host)):
            return None
        return cls(host, int(found["port"]) if found["port"] else None)

    def with_port_of(self, scheme: str) -> tuple[str, int]:
        """Host and port, the port by default that of the scheme."""
        return self.host, _DEFAULT_PORTS[scheme] if self.port is None else self.port


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts by which clients may address the API, in addition to all addresses and ``localhost``.

    Attributes:
        names: in lower case.
        pages: where users find the API's pages, whatever ``Host`` a proxy sends.
        is_any: whether any host is allowed.
    """

    names: frozenset[str] = frozenset()
    pages: frozenset[Authority] = frozenset()
    is_any: bool = False

    def allows(self, host: str) -> bool:
        """Whether a host is allowed; ``host`` as in Authority."""
        return self.is_any or host == "localhost" or host in self.names or _is_address(host)


ONLY_ADDRESSES = Hosts()


def hosts_of(allowed: Iterable[str], own: Iterable[str] = ()) -> Hosts:
    """The hosts that an operator allows, with ports or without; ``*`` allows any. ``own``: further names of the API.

    Raises ValueError.
    """
    texts = frozenset(allowed)
    pages = frozenset(map(_authority, texts - {"*"}))
    names = frozenset(each.host for each in (*pages, *map(_authority, own)))
    return Hosts(names, pages, "*" in texts)


def install(app: Starlette, hosts: Hosts) -> None:
    """Check requests before any other middleware sees them."""
    app.add_middleware(_Origins, hosts=hosts)


class _Origins:
    """Answers requests that break the rules. The executor's file is open to agents, whatever they call this machine."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not scope["path"].startswith(executor.PREFIX):
            try:
                self._check(scope, Headers(scope=scope))
            except ApiError as error:
                await refusal_of(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = self._named(headers)
        if _acts(scope):
            self._require_own_page(scope, headers, host)
        if scope["type"] == "http":
            _require_type(scope["path"], headers)

    def _named(self, headers: Headers) -> Authority:
        """The host that a request names. Raises ApiError if it is not this API's."""
        named = headers.getlist("host")
        host = Authority.parse(named[0]) if len(named) == 1 else None
        if host is None:
            raise ApiError(400, {"message": "The request must have one Host header: HOST or HOST:PORT"})
        if not self._hosts.allows(host.host):
            message = (
                f"This API is not known as '{host.host}'. If that is its name, start the scheduler with "
                f"--allowed-hosts {host.host}"
            )
            raise ApiError(421, {"message": message})
        return host

    def _require_own_page(self, scope: Scope, headers: Headers, host: Authority) -> None:
        origins, site = headers.getlist("origin"), headers.get("sec-fetch-site", "none").lower()
        foreign = next((each for each in origins if not self._is_own(each, host, scope["scheme"])), None)
        if foreign is not None:
            raise ApiError(403, {"message": f"Pages of {foreign[:200]} may not change anything here, or run commands"})
        # In the handshake of a WebSocket, some browsers call every page cross-site; they always send its origin.
        if site not in _OWN_SITES and not (origins and scope["type"] == "websocket"):
            raise ApiError(403, {"message": f"Pages of other origins ({site}) may not change anything here"})

    def _is_own(self, origin: str, host: Authority, scheme: str) -> bool:
        """Whether an origin is that of this API, which the request calls ``host``."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        page = Authority.parse(parts.netloc)
        if page is None or parts.scheme not in _DEFAULT_PORTS or origin != f"{parts.scheme}://{parts.netloc}":
            return False
        if scheme in ("https", "wss") and parts.scheme != "https":
            return False  # anyone on the network can send pages over http
        place = page.with_port_of(parts.scheme)
        return place == host.with_port_of(parts.scheme) or any(
            each.host == page.host and each.with_port_of(parts.scheme) == place for each in self._hosts.pages
        )


def _acts(scope: Scope) -> bool:
    """Whether a request changes or runs something; reading an archive runs a program in a container."""
    return scope["type"] == "websocket" or scope["method"] not in _SAFE or _ARCHIVE.search(scope["path"]) is not None


def _require_type(path: str, headers: Headers) -> None:
    if "transfer-encoding" not in headers and headers.get("content-length", "0").strip("0") == "":
        return
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if _ARCHIVE.search(path):
        is_right, wanted = kind in (TAR, BYTES), TAR
    else:
        is_right, wanted = kind == "application/json" or kind.endswith("+json"), "application/json"
    if not is_right:
        raise ApiError(415, {"message": f"Content-Type must be {wanted}, not {kind or 'missing'}"})


def _authority(text: str) -> Authority:
    is_bare_ipv6 = ":" in text and _is_address(text)
    authority = Authority.parse(
        f"[{text}]" if is_bare_ipv6 else text if text.isascii() else text.encode("idna").decode()
    )
    if authority is None:
        raise ValueError(f"{text!r} is not HOST or HOST:PORT")
    return authority


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
