"""Answers an agent that pulls an image: with one that was added to the cluster, otherwise with a registry's.

An agent asks for URLs of the registry API. Those of the cluster's own registry begin with http://, whatever the
registry uses, and those of an image whose name has a host begin with https:// (`docker_registry_flag`). So the two can
be told apart, and Mesos finds the pod's credentials for either by the host.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from localmesos.images import formats, names
from localmesos.images.errors import ImageError
from localmesos.images.registry import Registry
from localmesos.images.store import ImageStore
from localmesos.libexec.unpacking import shown

PUBLIC_ENTRY = "docker.io"  # or any key that contains it
VARIABLE = "PODEXEC_IMAGES"  # of an agent, with the settings
_URL = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
CONNECTION_VARIABLES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where an agent's images come from."""

    folder: str  # of the store
    registry: str  # URL of the cluster's registry
    network: str | None  # network namespace to pull in, a path; None: the agent's own
    environment: Mapping[str, str]  # variables for connections, such as https_proxy

    def dump(self) -> str:
        """The value of the variable."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Settings:
        """The inverse of `dump`."""
        return cls(**json.loads(text))


def check_registry(url: str) -> str:
    """The URL of a registry, normalised. Raises ImageError if it is not one."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or not re.fullmatch(r"[!-~]+", url):
        raise ImageError(f"{shown(url)} is not the URL of a registry: it must be http(s)://HOST[:PORT][/PATH]")
    if parts.username is not None or parts.password is not None:
        raise ImageError("the URL of a registry must not have credentials: pods name theirs in image.pullConfig")
    return url.rstrip("/")


def authority(registry: str) -> str:
    """HOST:PORT of a registry. Mesos, too, adds the port to the URL in its flag."""
    parts = urlsplit(registry)
    return parts.netloc if parts.port else f"{parts.netloc}:{443 if parts.scheme == 'https' else 80}"


def docker_registry_flag(registry: str) -> str:
    """Mesos' --docker_registry for a registry."""
    return f"http://{authority(registry)}"


def connection_variables() -> dict[str, str]:
    """The variables of this process about proxies and trusted certificates."""
    return {name: value for name, value in os.environ.items() if name.lower() in CONNECTION_VARIABLES}


@dataclass(frozen=True, slots=True)
class Request:
    """What an agent asks for."""

    host: str | None  # None: the cluster's registry
    repository: str
    kind: str  # "manifests" or "blobs"
    reference: str  # tag or digest
    registry: str  # URL of the registry that has it
    entry: str  # key of the entry with its credentials that Mesos looks for in a Docker config.json


def understand(url: str, registry: str) -> Request:
    """What an agent asks for with a URL."""
    parts, own = urlsplit(url), urlsplit(registry)
    match = _URL.fullmatch(parts.path)
    if match is None:
        raise ImageError(f"{shown(url)} is not a URL of a registry's manifest or content")
    found = (match["repository"], match["kind"], match["reference"])
    host = parts.netloc
    if parts.scheme == "http" and host == authority(registry):
        if own.netloc in names.PUBLIC_HOSTS:
            return Request(own.netloc, *found, registry, PUBLIC_ENTRY)
        return Request(None, *found, registry, host)
    if host in names.PUBLIC_HOSTS:
        return Request(host, *found, names.PUBLIC_REGISTRY, PUBLIC_ENTRY)
    # As for Docker, a registry on the loopback address needs no HTTPS.
    plain = names.is_loopback(host) or (own.scheme == "http" and host in (own.netloc, authority(registry)))
    return Request(host, *found, f"{'http' if plain else parts.scheme}://{host}", host)


class Puller:
    """Finds what an agent asks for."""

    def __init__(self, settings: Settings, authorization: str | None, stall_seconds: float) -> None:
        """`authorization`: the header that the agent has for the registry, if the pod has credentials."""
        self._settings, self._store = settings, ImageStore(Path(settings.folder))
        self._authorization, self._stall = authorization, stall_seconds

    def manifest(self, request: Request) -> bytes:
        """The manifest of an image in the format that Mesos accepts."""
        if formats.is_digest(request.reference):
            repository = names.joined(request.host, request.repository, "").removesuffix(":")
            found = self._store.manifest_by_digest(repository, request.reference)
        else:
            found = self._store.manifest(names.joined(request.host, request.repository, request.reference))
        if found is None:
            found = self._registry(request).manifest(request.repository, request.reference)
        return formats.for_mesos(found)

    def save(self, request: Request, target: Path) -> None:
        """Write content to a file."""
        if not formats.is_digest(request.reference):
            raise ImageError(f"{shown(request.reference)} is not a SHA-256 digest")
        try:
            shutil.copyfile(self._store.blob(request.reference), target)
        except FileNotFoundError:
            with target.open("wb") as file:
                self._registry(request).save(request.repository, request.reference, file)

    def _registry(self, request: Request) -> Registry:
        if self._settings.network is not None:
            enter_network(self._settings.network)
        os.environ.update(self._settings.environment)
        return Registry(
            request.registry, authorization=self._authorization, entry=request.entry, stall_seconds=self._stall
        )


def enter_network(path: str) -> None:
    """Continue in another network namespace: agents' own may reach no name server, and not this machine's loopback."""
    with Path(path).open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
            raise ImageError(f"cannot pull in the machine's network: {os.strerror(ctypes.get_errno())}")
