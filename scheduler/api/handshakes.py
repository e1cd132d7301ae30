"""TLS on connections to the API: the handshakes of new connections, each with the current certificate.

A connection belongs to the server's protocol only after its handshake, so handshakes are limited here: in time, and in
number. At the limit a new one replaces the oldest of the address that has most.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

_LONGEST = 10.0  # seconds for a handshake
_LONGEST_END = 5.0  # seconds that a client may take to confirm the end of a connection
_log = structlog.get_logger("scheduler.api")


class Handshakes:
    """All handshakes of a server. Belongs to its event loop."""

    def __init__(self, context: Callable[[], ssl.SSLContext], most: int, longest: float = _LONGEST) -> None:
        """``context``: the one to use for a new connection. ``longest``: seconds for a handshake."""
        self.context = context
        self.longest = longest
        self._most = most
        self._running: dict[_Handshake, None] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._running)

    def before(self, protocol: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
        """The protocol class for a server whose connections have a handshake before ``protocol``."""
        return type("Handshake", (_Handshake,), {"among": self, "then": protocol})

    def begin(self, new: "_Handshake") -> None:
        """Admit a handshake, ending another one if there are too many."""
        if len(self._running) >= self._most:
            addresses = Counter(each.address for each in self._running)
            busiest = max(addresses, key=addresses.__getitem__)
            next(each for each in self._running if each.address == busiest).abort()
        self._running[new] = None

    def end(self, each: "_Handshake") -> None:
        """A handshake has ended."""
        self._running.pop(each, None)

    def close(self) -> None:
        """Abort all."""
        for each in list(self._running):
            each.abort()


class _Handshake(asyncio.Protocol):
    """A connection during its handshake."""

    among: Handshakes  # these two: see ``before``
    then: type[asyncio.Protocol]

    def __init__(self, **arguments: Any) -> None:
        """``arguments``: of the protocol that follows."""
        self._arguments = arguments
        self._early = bytearray()  # what the client sent with the end of its handshake
        self._is_lost = False
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()  # until TLS reads
        self._transport = transport
        self.address = (transport.get_extra_info("peername") or ("",))[0]
        self.among.begin(self)
        self._task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True

    def abort(self) -> None:
        """End the connection."""
        self.among.end(self)
        self._transport.abort()

    async def _run(self) -> None:
        try:
            if self._transport.is_closing():
                return
            secure = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                self.among.context(),
                server_side=True,
                ssl_handshake_timeout=self.among.longest,
                ssl_shutdown_timeout=_LONGEST_END,
            )
        except OSError as error:  # TLS errors and time-outs among them
            _log.debug("TLS handshake failed", client_ip=self.address, error=str(error))
            self._transport.abort()
            return
        finally:
            self.among.end(self)
        if secure is None or secure.is_closing() or self._is_lost:
            self._transport.abort()
            return
        protocol = self.then(**self._arguments)
        secure.set_protocol(protocol)
        protocol.connection_made(secure)
        if self._early:
            protocol.data_received(bytes(self._early))
