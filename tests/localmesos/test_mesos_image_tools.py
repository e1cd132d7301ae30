"""Images as other tools write them: skopeo and umoci, from Debian."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from localmesos.images.adding import add
from localmesos.images.store import ImageStore

from .image_files import Image, digest, oci, tar, write

IMAGE = Image(layers=[tar({"bin": None, "bin/x": b"x" * 900}), tar({"bin/.wh.x": b"", "y": b"y"})], compression="gzip")


def run(*command: str | Path) -> None:
    """Run a tool, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("form", "name", "given"),
    [
        ("docker-archive:{}/image.tar:team/web:1", "team/web:1", None),
        ("oci-archive:{}/image.tar:quay.example/web:1", "quay.example/web:1", None),
        ("oci-archive:{}/image.tar:latest", "web:1", "web:1"),
        ("oci:{}/image.tar:1", "web:latest", "web"),
    ],
)
def test_what_skopeo_copies_is_added(tmp_path: Path, form: str, name: str, given: str | None) -> None:
    """Into an archive of Docker's or OCI's form, or a folder; Docker's has the layers without compression."""
    source = write(tmp_path / "source", oci(IMAGE, "it"))
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    run("skopeo", "--policy", policy, "copy", f"oci:{source}:it", form.format(tmp_path))
    store = ImageStore(tmp_path / "store")
    assert add(store, tmp_path / "image.tar", given) == [name]
    manifest = store.manifest(name)
    assert manifest is not None
    docker = form.startswith("docker-archive")
    expected = IMAGE.layers if docker else IMAGE.blobs()
    assert [layer.digest for layer in manifest.layers] == [digest(layer) for layer in expected]


def test_what_umoci_makes_is_added(tmp_path: Path) -> None:
    """It calls images by tags only. (Of `umoci insert` 0.4.7 the layers end early, so that no tar unpacks them.)"""
    layout, bundle = tmp_path / "layout", tmp_path / "bundle"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", f"{layout}:1")
    run("umoci", "unpack", "--rootless", "--image", f"{layout}:1", bundle)
    (bundle / "rootfs" / "file").write_text("in the first layer")
    run("umoci", "repack", "--image", f"{layout}:1", bundle)
    run("umoci", "config", "--image", f"{layout}:1", "--config.cmd", "x")
    store = ImageStore(tmp_path / "store")
    assert add(store, layout, "made:1") == ["made:1"]
    manifest = store.manifest("made:1")
    assert manifest is not None
    assert len(manifest.layers) == 1
