"""Makes small docker images for a local cluster from Debian's busybox-static, without docker or a network.

An image is a file NAME:TAG.tar in the format of `docker save` (version 1), in the agents' folder of images.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from localmesos.errors import ClusterError

BUSYBOX = Path("/bin/busybox")
FOLDERS = {"bin": 0o755, "dev": 0o755, "etc": 0o755, "mnt": 0o755, "proc": 0o755, "root": 0o700, "sys": 0o755}
FOLDERS |= {"tmp": 0o1777, "var": 0o755}
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "",  # Mesos mounts its own files over these three
    "etc/hostname": "",
    "etc/resolv.conf": "",
}


def make_busybox_image(
    images_dir: Path,
    reference: str = "busybox:1.35",
    *,
    env: Mapping[str, str] | None = None,
    cmd: Sequence[str] = ("sh",),
    entrypoint: Sequence[str] = (),
    working_dir: str = "/",
    files: Mapping[str, str] | None = None,
    busybox: Path = BUSYBOX,
) -> Path:
    """Make the image NAME:TAG, with additional files if given, and return its file."""
    name, separator, tag = reference.rpartition(":")
    if not separator or "/" in tag:
        raise ClusterError(f"{reference!r} is not an image reference; it must be NAME:TAG")
    if not busybox.exists():
        raise ClusterError(f"{busybox} is missing; on Debian: apt-get install busybox-static")
    layer = busybox_layer(busybox, {**FILES, "etc/image": reference, **(files or {})})
    config = {
        "Env": [f"{key}={value}" for key, value in {"PATH": "/bin", **(env or {})}.items()],
        "Cmd": list(cmd),
        "Entrypoint": list(entrypoint) or None,
        "WorkingDir": working_dir,
    }
    image_id = hashlib.sha256(json.dumps([reference, config]).encode() + layer).hexdigest()
    manifest = {
        "id": image_id,
        "created": "2020-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "container_config": config,
    }
    target = images_dir / f"{reference}.tar"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w") as archive:
        add(archive, image_id, None, 0o755)
        add(archive, f"{image_id}/VERSION", b"1.0")
        add(archive, f"{image_id}/json", json.dumps(manifest).encode())
        add(archive, f"{image_id}/layer.tar", layer)
        add(archive, "repositories", json.dumps({name: {tag: image_id}}).encode())
    return target


def busybox_layer(busybox: Path, files: Mapping[str, str]) -> bytes:
    """The image's only layer: busybox, a link for each of its commands, and the files."""
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder, mode in FOLDERS.items():
            add(archive, folder, None, mode)
        add(archive, "bin/busybox", busybox.read_bytes(), 0o755)
        for applet in sorted(set(applets) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for name, text in files.items():
            add(archive, name, text.encode())
    return buffer.getvalue()


def add(archive: tarfile.TarFile, name: str, data: bytes | None, mode: int = 0o644) -> None:
    """Add a file, or a folder if `data` is None; the same input makes the same archive."""
    entry = tarfile.TarInfo(name)
    entry.mode = mode
    if data is None:
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    else:
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
