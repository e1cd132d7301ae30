"""Images added from archives and folders, as tools write them and as they should not be."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from localmesos.images import formats
from localmesos.images.adding import add
from localmesos.images.errors import ImageError
from localmesos.images.store import ImageStore

from .image_files import (
    AMD64,
    OCI,
    Image,
    digest,
    docker_save,
    index,
    layout,
    named,
    oci,
    reference,
    tar,
    write,
)

ONE = Image()
OTHER = Image(layers=[tar({"z": b"z" * 5000})], compression="gzip")


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """An empty store."""
    return ImageStore(tmp_path / "store")


def archive(folder: Path, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> Path:
    """Write an archive."""
    path = folder / "image [1].tar"
    path.write_bytes(tar(files, links))
    return path


def everything(folder: Path) -> dict[str, bytes]:
    """All files of a folder, with their content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_has(store: ImageStore, name: str, image: Image) -> None:
    """The store has the whole image."""
    manifest = store.manifest(name)
    assert manifest is not None
    assert manifest.config.digest == digest(image.config)
    assert [layer.digest for layer in manifest.layers] == [digest(blob) for blob in image.blobs()]
    for blob in (image.config, *image.blobs()):
        assert store.blob(digest(blob)).read_bytes() == blob


# ------------------------------------------------------------------------- what tools write


def test_an_archive_of_docker_before_version_25_has_several_images_and_links(store: ImageStore, tmp_path: Path) -> None:
    """A layer that occurs twice is a link to the first."""
    twice = Image(layers=[*ONE.layers, ONE.layers[0]])
    added = add(store, archive(tmp_path, *docker_save({"team/twice:2": twice, "docker.io/library/other:1": OTHER})))
    assert added == ["other:1", "team/twice:2"]
    assert_has(store, "team/twice:2", twice)
    assert_has(store, "other:1", OTHER)


@pytest.mark.parametrize("annotated", [True, False])
def test_an_archive_of_a_current_docker_is_an_oci_layout_with_dockers_index(
    store: ImageStore, tmp_path: Path, *, annotated: bool
) -> None:
    """Its name is in the annotation of containerd, or in Docker's index only."""
    more = {"io.containerd.image.name": "docker.io/library/one:1"} if annotated else {}
    config = f"blobs/sha256/{digest(ONE.config).removeprefix('sha256:')}"
    docker = [{"Config": config, "RepoTags": ["one:1"], "Layers": []}]
    files = oci(ONE, "1", **more) | {"manifest.json": json.dumps(docker).encode()}
    assert add(store, archive(tmp_path, files)) == ["one:1"]
    assert_has(store, "one:1", ONE)


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
@pytest.mark.parametrize("as_folder", [True, False])
def test_a_layout_is_a_folder_or_an_archive(
    store: ImageStore, tmp_path: Path, compression: str, *, as_folder: bool
) -> None:
    """Its layers may be compressed; a folder is only read."""
    image = Image(compression=compression)
    files = oci(image, "quay.example/team/one:1.2")
    source = write(tmp_path / "layout", files) if as_folder else archive(tmp_path, files)
    assert add(store, source) == ["quay.example/team/one:1.2"]
    assert_has(store, "quay.example/team/one:1.2", image)
    if as_folder:
        assert everything(source) == files


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_an_archive_may_be_compressed_as_a_whole(
    store: ImageStore, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    """Whatever its name says."""
    path = tmp_path / "image.tar"
    path.write_bytes(compress(tar(*docker_save({"one:1": ONE}))))
    assert add(store, path) == ["one:1"]


def test_of_an_index_the_image_for_this_platform_is_added(store: ImageStore, tmp_path: Path) -> None:
    """The others, and an attestation, need not be in the archive."""
    arm = Image(platform={"os": "linux", "architecture": "arm64"})
    kind = f"{OCI}.manifest.v1+json"
    several = index(
        reference(arm.manifest(), kind, platform=arm.platform),
        reference(ONE.manifest(), kind, platform=AMD64),
        reference(b"attestation", kind, platform={"os": "unknown", "architecture": "unknown"}),
    )
    content = ONE.content() | {digest(several): several}
    files = layout(content, index(named(several, "multi:1", f"{OCI}.index.v1+json")))
    assert add(store, archive(tmp_path, files)) == ["multi:1"]
    assert_has(store, "multi:1", ONE)


def test_a_layout_with_tags_gets_a_name_that_also_chooses_the_image(store: ImageStore, tmp_path: Path) -> None:
    """As umoci and skopeo write it."""
    content = ONE.content() | OTHER.content()
    files = layout(content, index(named(ONE.manifest(), "latest"), named(OTHER.manifest(), "2")))
    source = write(tmp_path / "layout", files)
    assert add(store, source, "web:2") == ["web:2"]
    assert add(store, source, "web") == ["web:latest"]
    assert_has(store, "web:2", OTHER)
    assert_has(store, "web:latest", ONE)
    with pytest.raises(ImageError, match=r"has 2 images \(2, latest\), and none has the name or the tag of web:3"):
        add(store, source, "web:3")
    with pytest.raises(ImageError, match="gives an image only the tag 'latest': pass the name"):
        add(store, source)


def test_an_image_without_a_name_needs_one(store: ImageStore, tmp_path: Path) -> None:
    """``docker save`` of an id writes no name."""
    source = archive(tmp_path, *docker_save({"": ONE}))
    with pytest.raises(ImageError, match="no name: pass the name"):
        add(store, source)
    assert add(store, source, "mine:1") == ["mine:1"]


# ------------------------------------------------------------------------- the store


def test_a_name_is_given_to_another_image_and_only_unused_content_goes(store: ImageStore, tmp_path: Path) -> None:
    """Two images share their configuration's layers; the store is an OCI layout all the time."""
    shares = Image(layers=[ONE.layers[0]])
    add(store, archive(tmp_path, *docker_save({"a:1": ONE, "b:1": shares})))
    add(store, archive(tmp_path, *docker_save({"a:1": OTHER})))
    assert [image.name for image in store.images()] == ["a:1", "b:1"]
    assert_has(store, "a:1", OTHER)
    assert_has(store, "b:1", shares)
    assert not store.blob(digest(ONE.layers[1])).exists()
    copy = ImageStore(tmp_path / "copy")
    assert add(copy, store.folder) == ["a:1", "b:1"]  # which reads every digest
    store.remove("b:1")
    store.remove("a:1")
    assert not list((store.folder / "blobs" / "sha256").iterdir())
    with pytest.raises(ImageError, match="no image a:1 was added; added images: none"):
        store.remove("a:1")


def test_what_a_killed_process_left_goes_with_the_next(store: ImageStore, tmp_path: Path) -> None:
    """It is beside the content, and no agent ever sees it."""
    left = store.folder / ".adding-killed"
    write(left, {"archive/x": b"x"})
    add(store, archive(tmp_path, *docker_save({"a:1": ONE})))
    assert not left.exists()


def test_agents_read_while_images_are_replaced(store: ImageStore, tmp_path: Path) -> None:
    """Each sees one image or the other, whole."""
    sources = []
    for number, image in enumerate((ONE, OTHER)):
        folder = tmp_path / str(number)
        folder.mkdir()
        sources.append(archive(folder, *docker_save({"a:1": image})))
    add(store, sources[0])
    done = threading.Event()
    seen: set[str] = set()
    wrong: list[object] = []

    def look() -> None:
        while not done.is_set():
            try:
                manifest = store.manifest("a:1")
            except Exception as error:  # any is wrong
                wrong.append(error)
                return
            if manifest is not None:  # removed between two reads: an agent asks the registry then
                seen.add(manifest.config.digest)

    reader = threading.Thread(target=look)
    reader.start()
    for turn in range(20):
        add(store, sources[(turn + 1) % 2])
    done.set()
    reader.join()
    assert not wrong
    assert seen <= {digest(ONE.config), digest(OTHER.config)}


def test_a_damaged_index_is_named(store: ImageStore, tmp_path: Path) -> None:
    """Somebody has edited it."""
    add(store, archive(tmp_path, *docker_save({"a:1": ONE})))
    (store.folder / "index.json").write_text('{"manifests": [{"digest": "sha256:1"}]}')
    with pytest.raises(ImageError, match=r"index\.json"):
        store.images()


# ------------------------------------------------------------------------- what is refused


def changed(files: dict[str, bytes], name: str, data: bytes | None) -> dict[str, bytes]:
    """The files with one replaced, or left out."""
    rest = {key: value for key, value in files.items() if key != name}
    return rest if data is None else {**rest, name: data}


def blob_name(data: bytes) -> str:
    """The name of content in a layout."""
    return f"blobs/sha256/{digest(data).removeprefix('sha256:')}"


def index_of(**entry: object) -> dict[str, bytes]:
    """Docker's form with one entry."""
    files, _ = docker_save({"a:1": ONE})
    [known] = json.loads(files["manifest.json"])
    return {**files, "manifest.json": json.dumps([{**known, **entry}]).encode()}


def other_manifest(**changes: object) -> dict[str, bytes]:
    """A layout whose manifest has other fields."""
    data = json.dumps(json.loads(ONE.manifest()) | changes).encode()
    return layout(ONE.content() | {digest(data): data}, index(named(data, "a:1")))


LAYER = ONE.layers[0]
WINDOWS = index(reference(b"", f"{OCI}.manifest.v1+json", platform={"os": "windows", "architecture": "amd64"}))
OLD = b'{"mediaType": "old"}'
REFUSED: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({}, "neither manifest.json nor index.json"),
    "a file system": ({"etc/passwd": b"root"}, "neither manifest.json nor index.json"),
    "no image": ({"manifest.json": b"[]"}, "contains no image"),
    "a docker that is too old": ({"repositories": b"{}"}, "before version 1.10"),
    "no JSON": ({"manifest.json": b"[{"}, "manifest.json is not JSON"),
    "deep JSON": ({"manifest.json": b"[" * 100_000}, "manifest.json is not JSON"),
    "no objects": ({"manifest.json": b"[1]"}, "not a list of JSON objects"),
    "a large document": ({"manifest.json": b" " * (formats.MOST_DOCUMENT_BYTES + 1)}, "more than 8388608 bytes"),
    "a missing layer": (index_of(Layers=["absent/layer.tar"]), "'absent/layer.tar', which it does not contain"),
    "too few layers": (index_of(Layers=[]), "no layers|does not list"),
    "layers that are none": (index_of(Layers=5), "no list of layers"),
    "a layer outside": (index_of(Layers=["../../etc/passwd"]), "outside: '../../etc/passwd' has '..'"),
    "an absolute layer": (index_of(Layers=["/etc/passwd"]), "outside: '/etc/passwd'"),
    "a layer that is no text": (index_of(Layers=[{"a": 1}, 2]), "outside"),
    "a folder as configuration": (index_of(Config="."), "which it does not contain"),
    "names that are none": (index_of(RepoTags="a:1"), "not a list of strings"),
    "a name with brackets": (
        index_of(RepoTags=["[red]a[/red]:1"]),
        r"'\[red\]a\[/red\]:1' is not the name of an image",
    ),
    "a name with control characters": (index_of(RepoTags=["a\x1b[31m:1"]), r"'a\\x1b\[31m:1' is not the name"),
    "a name in upper case": (index_of(RepoTags=["Web:1"]), "'Web:1' is not the name"),
    "a long name": (index_of(RepoTags=["a" * 300]), "is not the name"),
    "a damaged layer": (changed(oci(ONE, "a:1"), blob_name(LAYER), LAYER[:-1] + b"!"), "has the digest .* damaged"),
    "a short layer": (changed(oci(ONE, "a:1"), blob_name(LAYER), LAYER[:-512]), "bytes, not 10240: it is damaged"),
    "no layer": (changed(oci(ONE, "a:1"), blob_name(LAYER), None), "which it does not contain"),
    "a damaged manifest": (
        changed(oci(ONE, "a:1"), blob_name(ONE.manifest()), ONE.manifest().replace(b'2, "m', b'3, "m')),
        "the manifest .* is damaged",
    ),
    "a damaged configuration": (
        changed(docker_save({"a:1": ONE})[0], blob_name(ONE.config)[13:] + ".json", ONE.config + b" "),
        "has the digest .* damaged",
    ),
    "another platform": (oci(Image(platform={"os": "linux", "architecture": "arm64"}), "a:1"), "'linux/arm64', not"),
    "no platform that fits": (
        layout({digest(WINDOWS): WINDOWS}, index(named(WINDOWS, "a:1"))),
        "not for linux/amd64, but for 'windows/amd64'",
    ),
    "a huge claim": (
        other_manifest(layers=[{**reference(LAYER, f"{OCI}.layer.v1.tar"), "size": 10**18}]),
        "not 1000000",
    ),
    "a negative size": (other_manifest(layers=[{**reference(LAYER, "x"), "size": -1}]), "not a reference to content"),
    "a digest that leads outside": (
        other_manifest(layers=[{"mediaType": "x", "digest": "sha256:../../../etc/passwd", "size": 1}]),
        "not a reference to content",
    ),
    "another digest": (
        other_manifest(layers=[{"mediaType": "x", "digest": "sha512:" + "0" * 128, "size": 1}]),
        "not a reference to content",
    ),
    "no layers at all": (other_manifest(layers=[]), "no layers"),
    "encrypted layers": (
        other_manifest(layers=[reference(LAYER, f"{OCI}.layer.v1.tar+gzip+encrypted")]),
        "which Mesos cannot unpack",
    ),
    "an artifact": (
        other_manifest(config=reference(ONE.config, "application/vnd.cncf.helm.config.v1+json")),
        "not an image of a container",
    ),
    "another layer than the configuration says": (
        other_manifest(layers=[reference(ONE.layers[1], f"{OCI}.layer.v1.tar")] * 2),
        "layer 1 of 'a:1' does not have the content",
    ),
    "a layer that is no archive": (
        oci(Image(layers=[b"no archive" * 100]), "a:1"),
        "layer 1 of 'a:1' cannot be unpacked",
    ),
    "a layer that ends early": (oci(Image(layers=[tar({"a": b"a" * 9000})[:4096]]), "a:1"), "cannot be unpacked"),
    "a layer with a file outside": (oci(Image(layers=[tar({"../a": b"a"})]), "a:1"), "'../a' has '..' in its name"),
    "the first schema": (
        layout({digest(OLD): OLD}, index(named(OLD, "a:1"))),
        "is of type 'old', which is not an image",
    ),
    "two images of one name": (
        layout(ONE.content() | OTHER.content(), index(named(ONE.manifest(), "a:1"), named(OTHER.manifest(), "a:1"))),
        "two different images of the name a:1",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_archive_that_is_not_an_image_changes_nothing(store: ImageStore, tmp_path: Path, what: str) -> None:
    """The message says what is wrong with it."""
    files, message = REFUSED[what]
    (tmp_path / "good").mkdir()
    add(store, archive(tmp_path / "good", *docker_save({"kept:1": OTHER, "a:1": OTHER})))
    before = everything(store.folder)
    with pytest.raises(ImageError, match=message) as caught:
        add(store, archive(tmp_path, files))
    assert str(caught.value).isprintable()
    assert everything(store.folder) == before
    assert not list(store.folder.glob(".adding-*"))


BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "an empty file": (lambda: b"", "cannot be read: the archive is damaged: empty file"),
    "random bytes": (lambda: bytes(range(256)) * 40, "cannot be read: the archive"),
    "half an archive": (lambda: tar(*docker_save({"a:1": ONE}))[:6000], "the archive ends|damaged"),
    "half a compressed archive": (lambda: gzip.compress(tar(*docker_save({"a:1": ONE})))[:-20], "damaged"),
    "a name outside": (lambda: tar({"../x": b"x"}), "'../x' has '..' in its name"),
    "a link that leads outside": (lambda: tar({}, {"manifest.json": "/etc/passwd"}), "leads out of the folder"),
    "a link that leads up": (lambda: tar({}, {"a/layer.tar": "../../x"}), "leads out of the folder"),
    "a member with a huge size": (
        lambda: tar({"a": b""})[:124] + b"77777777777\0" + tar({"a": b""})[136:],
        "cannot be read",
    ),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_file_that_is_damaged_or_hostile_changes_nothing(store: ImageStore, tmp_path: Path, what: str) -> None:
    """Nothing is written outside the store either."""
    make, message = BAD_FILES[what]
    path = tmp_path / "image.tar"
    path.write_bytes(make())
    with pytest.raises(ImageError, match=message):
        add(store, path)
    assert not store.images()
    assert [each.name for each in store.folder.iterdir()] == [".lock"]
    assert {each.name for each in tmp_path.iterdir()} == {"image.tar", "store"}


def test_what_is_neither_file_nor_folder_is_refused(store: ImageStore, tmp_path: Path) -> None:
    """A pipe would wait for a writer."""
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "pipe", tmp_path / "absent"):
        with pytest.raises(ImageError, match="neither a file nor a folder"):
            add(store, source)


def test_a_folder_whose_content_leads_outside_is_refused(store: ImageStore, tmp_path: Path) -> None:
    """Its blobs may be links, but not to another folder."""
    source = write(tmp_path / "layout", oci(ONE, "a:1"))
    blob = source / blob_name(LAYER)
    blob.rename(tmp_path / "elsewhere")
    blob.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ImageError, match="which it does not contain"):
        add(store, source)


def test_a_layer_with_zstd_needs_the_program(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the package."""
    source = archive(tmp_path, oci(Image(compression="zstd"), "a:1"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="apt-get install zstd"):
        add(store, source)
