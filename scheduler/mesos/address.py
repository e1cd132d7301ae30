"""Addresses: parses host and port as users, redirects, ZooKeeper and agents write them. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from scheduler.model.json import Json
from scheduler.model.shapes import shown

DEFAULT_PORT = 5050
_LAST_PORT = 65535
_HOST = re.compile(r"[\w.:%-]{1,253}")  # names, also in other alphabets, and addresses with their zone


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or IP address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """``host``, ``host:port``, ``[v6]:port`` or a bare ``v6``. Raises ValueError."""
    text = text.strip()
    if text.count(":") > 1 and not text.startswith("["):
        return _checked(text, DEFAULT_PORT)
    return _of_parts(urlsplit(f"//{text}"), text)


def parse_masters(text: str) -> tuple[Address, ...]:
    """One or more addresses, separated by commas. Raises ValueError."""
    addresses = tuple(parse_address(part) for part in text.split(",") if part.strip())
    if not addresses:
        raise ValueError(f"--master {text!r} names no master: pass HOST:PORT or zk://HOST:PORT,.../PATH")
    return addresses


def parse_location(location: str, *, tls: bool) -> Address:
    """The target of a redirect; Mesos omits the scheme. Raises ValueError."""
    parts = urlsplit(location if "//" in location else f"//{location}")
    if parts.scheme == "https" and not tls:
        raise ValueError(f"redirected to {location!r}: this Mesos requires TLS, see --mesos-tls")
    return _of_parts(parts, location)


def address_of_master_info(info: Json) -> Address:
    """The address in a MasterInfo from ZooKeeper. Raises ValueError."""
    address = info.get("address") if isinstance(info, dict) else None
    if not isinstance(address, dict) or not (address.get("ip") or address.get("hostname")) or not address.get("port"):
        raise ValueError("the master's record in ZooKeeper holds no address")
    host, port = address.get("ip") or address["hostname"], address["port"]
    if not isinstance(host, str) or type(port) is not int or not 0 < port <= _LAST_PORT:
        raise ValueError("the master's record in ZooKeeper holds no address")
    return _checked(host, port)


def _of_parts(parts: SplitResult, text: str) -> Address:
    if not parts.hostname:
        raise ValueError(f"{shown(text)} is not HOST:PORT")
    return _checked(parts.hostname, DEFAULT_PORT if parts.port is None else parts.port)


def _checked(host: str, port: int) -> Address:
    if not _HOST.fullmatch(host):
        raise ValueError(f"{shown(host)} is not a host")
    return Address(host, port)
