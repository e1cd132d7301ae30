"""Names of images, in the short form that people write: `nginx:1`, `team/tool:2`, `registry.example:5000/tool:latest`.

The grammar is that of Docker's references: https://pkg.go.dev/github.com/distribution/reference. Names without a host
belong to the cluster's registry, by default the public one, so `docker.io/library/nginx:1` is `nginx:1`.
"""

from __future__ import annotations

import re

from localmesos.images.errors import ImageError
from localmesos.libexec.unpacking import shown

# Mesos' own default of --docker_registry, and the hosts by which that registry is known.
PUBLIC_REGISTRY = "https://registry-1.docker.io"
PUBLIC_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
OFFICIAL = "library/"  # the public registry's folder of images that people name without a folder
DEFAULT_TAG = "latest"

LONGEST = 255
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d+){3})(?::\d+)?")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    rf"(?:(?P<host>localhost(?::\d+)?|[A-Za-z0-9.-]*[.][A-Za-z0-9.-]*(?::\d+)?|[A-Za-z0-9.-]+:\d+)/)?"
    rf"(?P<repository>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
)


def short(text: str) -> str:
    """The short form of an image's name, with its tag. Raises ImageError if it is not a name."""
    match = _NAME.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise ImageError(
            f"{shown(text)} is not the name of an image: it must be [HOST[:PORT]/]NAME[:TAG], the name in lower case"
        )
    return joined(match["host"], match["repository"], match["tag"] or DEFAULT_TAG)


def is_loopback(host: str) -> bool:
    """Whether a registry's HOST[:PORT] is on this machine's loopback address."""
    return _LOOPBACK.fullmatch(host) is not None


def tag_of(name: str) -> str:
    """The tag of a short name."""
    return name.rpartition(":")[2]


def joined(host: str | None, repository: str, tag: str) -> str:
    """The short name of an image of a registry; `host` is None for the cluster's own."""
    if host in PUBLIC_HOSTS:
        host, repository = None, repository.removeprefix(OFFICIAL)
    return f"{host}/{repository}:{tag}" if host else f"{repository}:{tag}"
