"""Docker images made without docker."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from localmesos.errors import ClusterError
from localmesos.images import make_busybox_image


def test_an_image_has_its_configuration_and_a_layer_with_busybox(tmp_path: Path) -> None:
    file = make_busybox_image(
        tmp_path, "team/tool:2", env={"A": "1"}, cmd=["tool"], working_dir="/tmp", files={"etc/x": "y"}
    )
    assert file == tmp_path / "team" / "tool:2.tar"
    with tarfile.open(file) as archive:
        data = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        contents = {name: stream.read() for name, stream in data.items() if stream}
    image_id = json.loads(contents["repositories"])["team/tool"]["2"]
    config = json.loads(contents[f"{image_id}/json"])["config"]
    assert config["Env"] == ["PATH=/bin", "A=1"]
    assert (config["Cmd"], config["WorkingDir"]) == (["tool"], "/tmp")
    with tarfile.open(fileobj=io.BytesIO(contents[f"{image_id}/layer.tar"])) as layer:
        assert layer.getmember("bin/sh").linkname == "busybox"
        assert layer.getmember("tmp").mode == 0o1777
        text = layer.extractfile("etc/x")
        assert text is not None
        assert text.read() == b"y"


def test_the_same_image_is_the_same_file(tmp_path: Path) -> None:
    first = make_busybox_image(tmp_path / "a").read_bytes()
    assert make_busybox_image(tmp_path / "b").read_bytes() == first
    assert make_busybox_image(tmp_path / "c", env={"A": "1"}).read_bytes() != first


def test_a_reference_without_a_tag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="NAME:TAG"):
        make_busybox_image(tmp_path, "busybox")


def test_a_missing_busybox_is_named_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="apt-get install busybox-static"):
        make_busybox_image(tmp_path, busybox=tmp_path / "absent")
