"""Docker images made without docker."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from localmesos.errors import ClusterError
from localmesos.images.busybox import make_busybox_image, write_busybox_image
from localmesos.images.store import ImageStore


def test_an_image_has_its_configuration_and_a_layer_with_busybox(tmp_path: Path) -> None:
    name = make_busybox_image(
        tmp_path, "team/tool:2", env={"A": "1"}, cmd=["tool"], working_dir="/tmp", user="nobody", files={"etc/x": "y"}
    )
    assert name == "team/tool:2"
    store = ImageStore(tmp_path)
    manifest = store.manifest(name)
    assert manifest is not None
    config = json.loads(store.blob(manifest.config.digest).read_bytes())["config"]
    assert config["Env"] == ["PATH=/bin", "A=1"]
    assert (config["Cmd"], config["WorkingDir"], config["User"]) == (["tool"], "/tmp", "nobody")
    [layer] = manifest.layers
    with tarfile.open(fileobj=io.BytesIO(store.blob(layer.digest).read_bytes())) as archive:
        assert archive.getmember("bin/sh").linkname == "busybox"
        assert archive.getmember("tmp").mode == 0o1777
        text = archive.extractfile("etc/x")
        assert text is not None
        assert text.read() == b"y"


def test_the_same_image_is_the_same_file(tmp_path: Path) -> None:
    first = write_busybox_image(tmp_path / "a").read_bytes()
    assert write_busybox_image(tmp_path / "b").read_bytes() == first
    assert write_busybox_image(tmp_path / "c", env={"A": "1"}).read_bytes() != first


def test_a_missing_busybox_is_named_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="apt-get install busybox-static"):
        make_busybox_image(tmp_path, busybox=tmp_path / "absent")
