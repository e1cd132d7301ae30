"""The address of a client whose requests come through a proxy.

Everybody can send ``X-Forwarded-For``, so it counts only if a proxy that the operator trusts has sent it, and only as
far as such proxies have added to it: each adds the address it was called from at the end, so the last one that is not
a trusted proxy's is the client's. ``X-Forwarded-Host``, ``X-Forwarded-Proto`` and ``Forwarded`` are not used: a proxy
that does not set them passes on what its client has sent.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Networks = Sequence[IPv4Network | IPv6Network]


def networks_of(texts: Iterable[str]) -> Networks:
    """Addresses and networks in CIDR notation. Raises ValueError."""
    return tuple(map(ipaddress.ip_network, texts))


def install(app: Starlette, trusted: Networks) -> None:
    """Give requests from trusted proxies the address of their clients, before anything else sees them."""
    if trusted:
        app.add_middleware(_Forwarded, trusted=trusted)


class _Forwarded:
    def __init__(self, app: ASGIApp, trusted: Networks) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["client"] is not None:
            peer, port = scope["client"]
            named = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
            client = client_of(peer, named, self._trusted)
            scope = {**scope, "client": (client, port if client == peer else 0)}
        await self._app(scope, receive, send)


def client_of(peer: str, named: Sequence[str], trusted: Networks) -> str:
    """The address of the client of a connection from ``peer``; ``named``: the members of ``X-Forwarded-For``."""
    client, address = peer, _address(peer)
    for text in reversed(named):
        if address is None or not any(address in network for network in trusted):
            break
        address = _address(text.strip())
        if address is None:  # not an address: the client is not known further than to this proxy
            break
        client = str(address)
    return client


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, which may be followed by a port; None: it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
