"""Small images of any content, and the files and folders in which tools save them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker"
AMD64 = {"os": "linux", "architecture": "amd64"}


def digest(data: bytes) -> str:
    """A digest as in manifests."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def tar(files: Mapping[str, bytes | None], links: Mapping[str, str] | None = None) -> bytes:
    """A tar archive with files, folders (None) and symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if data is None:
                entry.type = tarfile.DIRTYPE
            entry.size = len(data or b"")
            archive.addfile(entry, io.BytesIO(data or b""))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return buffer.getvalue()


def zstd(data: bytes) -> bytes:
    """Compressed data."""
    return subprocess.run(("zstd", "-cq"), input=data, check=True, capture_output=True).stdout


@dataclass
class Image:
    """An image: its layers as tar archives, and how they are compressed."""

    layers: Sequence[bytes] = (tar({"bin": None, "bin/x": b"x" * 700}), tar({"etc/y": b"yy"}))
    compression: str = ""  # "gzip", "zstd"
    platform: Mapping[str, str] = field(default_factory=lambda: AMD64)
    process: Mapping[str, Any] = field(default_factory=lambda: {"Cmd": ["x"]})

    @property
    def config(self) -> bytes:
        """The configuration."""
        rootfs = {"type": "layers", "diff_ids": [digest(layer) for layer in self.layers]}
        return json.dumps({**self.platform, "config": dict(self.process), "rootfs": rootfs}).encode()

    def blobs(self) -> list[bytes]:
        """The layers as they are stored."""
        return self._compressed

    @cached_property
    def _compressed(self) -> list[bytes]:
        if self.compression == "zstd":
            return [zstd(layer) for layer in self.layers]
        return [gzip.compress(layer, mtime=0) if self.compression else layer for layer in self.layers]

    def manifest(self, *, docker: bool = False) -> bytes:
        """The manifest of either format."""
        kind = f"{DOCKER}.distribution.manifest.v2+json" if docker else f"{OCI}.manifest.v1+json"
        config = f"{DOCKER}.container.image.v1+json" if docker else f"{OCI}.config.v1+json"
        layer = f"{DOCKER}.image.rootfs.diff.tar" if docker else f"{OCI}.layer.v1.tar"
        layer += f"{'.' if docker else '+'}{self.compression}" if self.compression else ""
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": reference(self.config, config),
                "layers": [reference(blob, layer) for blob in self.blobs()],
            }
        ).encode()

    def content(self, *, docker: bool = False) -> dict[str, bytes]:
        """Everything, by digest."""
        return {digest(each): each for each in (self.manifest(docker=docker), self.config, *self.blobs())}


def reference(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    """A reference to content."""
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


def named(data: bytes, name: str | None, media_type: str = f"{OCI}.manifest.v1+json", **more: str) -> dict[str, Any]:
    """An entry of an index, with annotations."""
    annotations = ({"org.opencontainers.image.ref.name": name} if name else {}) | more
    return reference(data, media_type, annotations=annotations)


def index(*entries: Mapping[str, Any]) -> bytes:
    """An index of OCI's format."""
    return json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": entries}).encode()


def layout(content: Mapping[str, bytes], entries: bytes) -> dict[str, bytes]:
    """The files of an OCI layout."""
    blobs = {f"blobs/sha256/{name.removeprefix('sha256:')}": data for name, data in content.items()}
    return {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": entries, **blobs}


def oci(image: Image, name: str | None = None, **more: str) -> dict[str, bytes]:
    """The files of an OCI layout with one image."""
    return layout(image.content(), index(named(image.manifest(), name, **more)))


def docker_save(images: Mapping[str, Image]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Files and links of an archive of Docker before version 25, which saves a layer that occurs again as a link."""
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    entries = []
    for number, (name, image) in enumerate(images.items()):
        seen: dict[bytes, str] = {}
        paths = []
        for position, layer in enumerate(image.blobs()):
            folder = digest(f"{number} {position}".encode()).removeprefix("sha256:")
            if layer in seen:
                links[f"{folder}/layer.tar"] = f"../{seen[layer]}/layer.tar"
            else:
                files[f"{folder}/layer.tar"] = layer
                seen[layer] = folder
            paths.append(f"{folder}/layer.tar")
        config = f"{digest(image.config).removeprefix('sha256:')}.json"
        files[config] = image.config
        entries.append({"Config": config, "RepoTags": [name] if name else None, "Layers": paths})
    files["manifest.json"] = json.dumps(entries).encode()
    return files, links


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a folder, and return it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
