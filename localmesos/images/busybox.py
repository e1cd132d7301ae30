"""Makes small docker images from Debian's busybox-static, without docker or a network."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localmesos.errors import ClusterError
from localmesos.images import adding, formats
from localmesos.images.store import ImageStore

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


def make_busybox_image(images_dir: Path, reference: str = "busybox:1.35", **options: Any) -> str:
    """Make an image and add it to a store; returns its name. The options are those of `write_busybox_image`."""
    with tempfile.TemporaryDirectory(prefix="podexec-image-") as folder:
        archive = write_busybox_image(Path(folder, "image.tar"), reference, **options)
        [name] = adding.add(ImageStore(images_dir), archive)
    return name


def write_busybox_image(
    target: Path,
    reference: str = "busybox:1.35",
    *,
    env: Mapping[str, str] | None = None,
    cmd: Sequence[str] = ("sh",),
    entrypoint: Sequence[str] = (),
    working_dir: str = "/",
    user: str = "",
    files: Mapping[str, str] | None = None,
    busybox: Path = BUSYBOX,
) -> Path:
    """Write an image, with additional files if given, into an archive as `docker save` does, and return its path."""
    if not busybox.exists():
        raise ClusterError(f"{busybox} is missing; on Debian: apt-get install busybox-static")
    layer = busybox_layer(busybox, {**FILES, "etc/image": reference, **(files or {})})
    config = {
        "created": "2020-01-01T00:00:00Z",
        "architecture": formats.ARCHITECTURE,
        "os": formats.OS,
        "config": {
            "Env": [f"{key}={value}" for key, value in {"PATH": "/bin", **(env or {})}.items()],
            "Cmd": list(cmd),
            "Entrypoint": list(entrypoint) or None,
            "WorkingDir": working_dir,
            "User": user,
        },
        "rootfs": {"type": "layers", "diff_ids": [formats.digest_of(layer)]},
    }
    data = json.dumps(config).encode()
    config_name = f"{hashlib.sha256(data).hexdigest()}.json"
    index = [{"Config": config_name, "RepoTags": [reference], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as archive:
        add(archive, config_name, data)
        add(archive, "layer.tar", layer)
        add(archive, "manifest.json", json.dumps(index).encode())
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
