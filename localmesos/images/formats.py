"""The two formats of images: Docker's (manifest version 2, schema 2) and OCI's, which differ in their media types.

https://distribution.github.io/distribution/spec/manifest-v2-2/ and
https://github.com/opencontainers/image-spec/blob/main/manifest.md. Mesos 1.11 accepts only Docker's, for one platform.
Everything here is untrusted: what a registry or an archive says is checked before it is used.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from typing import Any

from localmesos.images.errors import ImageError
from localmesos.libexec.unpacking import shown

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFESTS, INDEXES = (DOCKER_MANIFEST, OCI_MANIFEST), (DOCKER_LIST, OCI_INDEX)

OS, ARCHITECTURE = "linux", "amd64"  # of the only machines that run a local Mesos
MOST_DOCUMENT_BYTES = 8 * 1024 * 1024  # of a manifest, an index or a configuration
ZSTD_MISSING = "they are compressed with zstd, which is not installed; on Debian: apt-get install zstd"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LAYER = re.compile(
    r"application/vnd\.(?:docker\.image\.rootfs\.diff|oci\.image\.layer\.v1)\.tar(?:[.+](?P<compression>gzip|zstd))?"
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content, by its digest."""

    media_type: str
    digest: str  # "sha256:" and 64 hexadecimal digits
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an image for one platform consists of."""

    config: Descriptor
    layers: tuple[Descriptor, ...]  # the lowest first

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """All content; each once."""
        return tuple({each.digest: each for each in (self.config, *self.layers)}.values())


def digest_of(data: bytes) -> str:
    """The digest by which content is named."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def is_digest(text: object) -> bool:
    """Whether it is a digest that images may have here."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def read_json(data: bytes, what: str) -> Json:
    """A JSON object. Raises ImageError if it is anything else; `what` names it."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{what} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ImageError(f"{what} is not a JSON object")
    return found


def descriptor(found: object, what: str) -> Descriptor:
    """The reference in a JSON document. Raises ImageError if it is not one."""
    match found:
        case {"digest": digest, "size": int(size), **rest} if is_digest(digest) and size >= 0:
            return Descriptor(str(rest.get("mediaType", "")), str(digest), size)
    raise ImageError(f"{what} is not a reference to content with a SHA-256 digest and a size")


def descriptors(document: Json, key: str, what: str) -> list[Json]:
    """The list of references under a key, each a JSON object with a valid descriptor."""
    found = document.get(key)
    if not isinstance(found, list):
        raise ImageError(f"{what} has no list {key!r}")
    for number, each in enumerate(found):
        descriptor(each, f"{key}[{number}] of {what}")
    return found


def media_type_of(document: Json) -> str:
    """The media type that a document states, or that its form shows: the field is optional in OCI's."""
    if isinstance(stated := document.get("mediaType"), str):
        return stated
    return OCI_INDEX if "manifests" in document else OCI_MANIFEST


def for_this_platform(index: Json, what: str) -> Descriptor:
    """The image of an index that runs here. Raises ImageError if there is none."""
    platforms = []
    entries = descriptors(index, "manifests", what)
    for each in entries:
        platform = each.get("platform")
        if not isinstance(platform, dict):
            if len(entries) == 1:
                return descriptor(each, what)
            continue
        if (platform.get("os"), platform.get("architecture")) == (OS, ARCHITECTURE):
            return descriptor(each, what)
        platforms.append(f"{platform.get('os')}/{platform.get('architecture')}")
    known = ", ".join(sorted({each for each in platforms if not each.startswith("unknown")})) or "no platform"
    raise ImageError(f"{what} is not for {OS}/{ARCHITECTURE}, but for {shown(known)}")


def parse_manifest(document: Json, what: str) -> Manifest:
    """The content of an image. Raises ImageError if it is not an image that agents can run."""
    config = descriptor(document.get("config"), f"the configuration of {what}")
    if config.media_type not in (DOCKER_CONFIG, OCI_CONFIG):
        raise ImageError(f"{what} is not an image of a container: its configuration is {shown(config.media_type)}")
    layers = tuple(descriptor(each, what) for each in descriptors(document, "layers", what))
    if not layers:
        raise ImageError(f"{what} has no layers, and Mesos runs no image without one")
    for layer in layers:
        check_layer_type(layer.media_type, what)
    return Manifest(config, layers)


def check_layer_type(media_type: str, what: str) -> None:
    """Raise ImageError if agents cannot unpack layers of this type: they use tar, which calls the programs it needs."""
    match = _LAYER.fullmatch(media_type)
    if match is None:
        raise ImageError(f"{what} has a layer of type {shown(media_type)}, which Mesos cannot unpack")
    if match["compression"] == "zstd" and shutil.which("zstd") is None:
        raise ImageError(f"{what} has layers that cannot be unpacked: {ZSTD_MISSING}")


def check_platform(config: Json, what: str) -> None:
    """Raise ImageError unless an image's configuration is for this machine. Some tools write none that names one."""
    found = (config.get("os") or OS, config.get("architecture") or ARCHITECTURE)
    if found != (OS, ARCHITECTURE):
        raise ImageError(f"{what} is for {shown('/'.join(map(str, found)))}, not for {OS}/{ARCHITECTURE}")


def docker_manifest(manifest: Manifest) -> bytes:
    """The manifest in Docker's format."""
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": _reference(manifest.config, DOCKER_CONFIG),
        "layers": [_reference(each, f"{DOCKER_LAYER}.gzip") for each in manifest.layers],
    }
    return json.dumps(document).encode()


def for_mesos(manifest: Manifest) -> bytes:
    """The manifest as Mesos accepts it: in Docker's format, and with each layer once.

    Mesos would use a layer that occurs again at its first place only, so what the layers between them remove would be
    missing. At its last place it replaces all that it had put there before.
    """
    layers = tuple({each.digest: each for each in reversed(manifest.layers)}.values())[::-1]
    return docker_manifest(Manifest(manifest.config, layers))


def _reference(found: Descriptor, media_type: str) -> Json:
    return {"mediaType": media_type, "size": found.size, "digest": found.digest}
