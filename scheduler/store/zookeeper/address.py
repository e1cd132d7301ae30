"""The address of a store in ZooKeeper: ``zk://[USER:PASSWORD@]HOST:PORT,HOST:PORT/PATH``."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from scheduler.store.base import StoreError

SCHEME = "zk://"
FORM = "zk://[USER:PASSWORD@]HOST:PORT,HOST:PORT/PATH"
_PORT = 2181
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/,@\[\]]+)(?::([0-9]{1,5}))?")
_SEGMENT = re.compile(r"(?!\.{1,2}$)[^\s/\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the store is.

    Attributes:
        hosts: the servers, ``host:port`` each.
        path: of the store's node, with a slash at the start and none at the end.
        login: ``user:password`` for ZooKeeper's digest authentication. Never shown.
    """

    hosts: tuple[str, ...]
    path: str
    login: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{SCHEME}{','.join(self.hosts)}{self.path}"


def parse(url: str) -> Address:
    """The address in a URL. Raises StoreError, without the password, for anything else."""
    login, at, rest = url.removeprefix(SCHEME).rpartition("@")
    hosts, _, path = rest.partition("/")
    segments = [each for each in path.split("/") if each]  # several slashes count as one, as in files' paths
    found = [_HOST.fullmatch(each) for each in hosts.split(",")]
    if not url.startswith(SCHEME) or not all(found) or not segments or not all(map(_SEGMENT.fullmatch, segments)):
        raise StoreError(
            f"the store's address is not {FORM}. The path must not be empty, as the store has several nodes"
        )
    if at and (not login.partition(":")[0] or ":" not in login):
        raise StoreError(f"the login in the store's address is not USER:PASSWORD; write it as {FORM}")
    ports = [int(each[2] or _PORT) for each in found if each]
    if not all(0 < port < 1 << 16 for port in ports):
        raise StoreError(f"a port in the store's address is not between 1 and 65535; write it as {FORM}")
    names = [f"{each[1]}:{port}" for each, port in zip(found, ports, strict=True) if each]
    return Address(tuple(names), "/" + "/".join(segments), unquote(login) if at else None)
