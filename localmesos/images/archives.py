"""Reads images from archives and folders: what `docker save`, `podman save`, skopeo, buildah and umoci write.

Two forms: Docker's (`manifest.json`, with configurations and layers that it names) and the OCI image layout
(`index.json` and content by digest). Docker since version 25 writes both into one archive. Nothing in them is trusted:
an image is returned only if its content is complete and has the digests that it claims.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from localmesos.images import formats, layers, names
from localmesos.images.errors import ImageError
from localmesos.images.formats import Descriptor, Json, Manifest
from localmesos.images.store import BLOBS, INDEX, LAYOUT, REF_NAME
from localmesos.libexec.unpacking import Folder, UnpackError, components, shown, unpack

DOCKER_INDEX, OLDEST_INDEX = "manifest.json", "repositories"
CONTAINERD_NAME = "io.containerd.image.name"  # Docker's and containerd's annotation with the whole name
_MOST_INDEXES = 4  # within each other


@dataclass(frozen=True, slots=True)
class Found:
    """An image in an archive, complete and checked."""

    names: tuple[str, ...]  # short names
    tag: str | None  # what an OCI layout calls it, if that is no name
    manifest: Descriptor
    files: dict[str, Path] = field(compare=False)  # all content, and the manifest, by digest


def read(source: Path, scratch: Path) -> list[Found]:
    """The images in an archive or folder; their files are in `scratch`, an empty folder that is the caller's.

    Raises ImageError, also if there is no image.
    """
    if source.is_dir():
        place = source
    elif source.is_file():
        place = scratch / "archive"
        place.mkdir()
        try:
            with Folder(place, links_stay=True) as folder:
                unpack(source, folder)
        except (UnpackError, OSError) as error:
            raise ImageError(f"{shown(str(source))} cannot be read: {error}") from error
    else:
        raise ImageError(f"{shown(str(source))} is neither a file nor a folder")
    files = _Files(place, scratch, copy=source.is_dir())
    found = [claim.checked(files) for claim in _images(files)]
    if not found:
        raise ImageError(f"{shown(str(source))} contains no image")
    return found


def _images(files: _Files) -> Iterator[_Claim]:
    if files.has(LAYOUT) and files.has(INDEX):
        return _oci_images(files)
    if files.has(DOCKER_INDEX):
        return _docker_images(files)
    if files.has(OLDEST_INDEX):
        raise ImageError("the archive is of Docker before version 1.10: load it into a current one, and save it again")
    raise ImageError(f"there is neither {DOCKER_INDEX} nor {INDEX}: it is not an image that a tool has saved")


class _Files:
    """The files of an archive, or of a folder that is not changed."""

    def __init__(self, place: Path, scratch: Path, *, copy: bool) -> None:
        self._place, self._scratch, self._copy = place.resolve(), scratch, copy

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return (self._place / name).is_file()

    def path(self, name: object) -> Path:
        """A file. Raises ImageError if it is missing, or outside."""
        try:
            parts = components(name if isinstance(name, str) else "\0")
        except UnpackError as error:
            raise ImageError(f"the archive names a file outside: {error}") from None
        if str(name).startswith("/"):
            raise ImageError(f"the archive names a file outside: {shown(str(name))}")
        path = self._place.joinpath(*parts).resolve()
        if not path.is_relative_to(self._place) or not path.is_file():
            raise ImageError(f"the archive names {shown(str(name))}, which it does not contain")
        return path

    def read(self, name: object) -> bytes:
        """The content of a document."""
        path = self.path(name)
        if path.stat().st_size > formats.MOST_DOCUMENT_BYTES:
            raise ImageError(f"{shown(str(name))} has more than {formats.MOST_DOCUMENT_BYTES} bytes")
        return path.read_bytes()

    def object(self, name: str) -> Json:
        """A document that is a JSON object."""
        return formats.read_json(self.read(name), name)

    def objects(self, name: str) -> list[Json]:
        """A document that is a list of JSON objects."""
        found = formats.read_json(b'{"": %b}' % self.read(name), name)[""]
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ImageError(f"{name} is not a list of JSON objects")
        return found

    def blob(self, reference: Descriptor) -> str:
        """The name of content in an OCI layout. Raises ImageError if its size is not the one of the reference."""
        name = str(BLOBS / reference.digest.removeprefix("sha256:"))
        if (size := self.path(name).stat().st_size) != reference.size:
            raise ImageError(f"{name} has {size} bytes, not {reference.size}: it is damaged")
        return name

    def own(self, path: Path, digest: str) -> Path:
        """A file of `scratch` with that content. Raises ImageError if it does not have this digest."""
        target = self._scratch / digest.removeprefix("sha256:")
        if not target.exists():
            if (actual := layers.digest_of_file(path)) != digest:
                raise ImageError(f"{shown(path.name)} has the digest {actual}, not {digest}: it is damaged")
            if self._copy:
                shutil.copyfile(path, target)
            else:
                target.hardlink_to(path)  # several names of the archive may lead to it
        return target

    def made(self, data: bytes) -> tuple[str, Path]:
        """Content that the archive does not have as a file."""
        digest = formats.digest_of(data)
        target = self._scratch / digest.removeprefix("sha256:")
        target.write_bytes(data)
        return digest, target


@dataclass(frozen=True, slots=True)
class _Claim:
    """An image as an archive describes it; the content has its digests, but may not belong together."""

    what: str  # for messages
    names: list[str]
    tag: str | None
    data: bytes  # the manifest
    manifest: Manifest
    config: bytes
    content: dict[str, Path]

    def checked(self, files: _Files) -> Found:
        """The image, if its configuration and its layers belong together."""
        config = formats.read_json(self.config, f"the configuration of {self.what}")
        formats.check_platform(config, self.what)
        match config:
            case {"rootfs": {"diff_ids": list(expected)}} if len(expected) == len(self.manifest.layers):
                pass
            case _:
                raise ImageError(
                    f"the configuration of {self.what} does not list its {len(self.manifest.layers)} layers"
                )
        for number, (layer, digest) in enumerate(zip(self.manifest.layers, expected, strict=True), 1):
            layers.check(self.content[layer.digest], str(digest), f"layer {number} of {self.what}")
        digest, path = files.made(self.data)
        media_type = formats.media_type_of(json.loads(self.data))
        reference = Descriptor(media_type, digest, len(self.data))
        return Found(tuple(dict.fromkeys(self.names)), self.tag, reference, {**self.content, digest: path})


def _docker_images(files: _Files) -> Iterator[_Claim]:
    """The images of Docker's form, whose manifests are made here."""
    for entry in files.objects(DOCKER_INDEX):
        tags, name = _repo_tags(entry), entry.get("Config")
        what = tags[0] if tags else "the image"
        config = files.read(name)
        config_digest = _claimed(name) or formats.digest_of(config)
        content = {config_digest: files.own(files.path(name), config_digest)}
        found = entry.get("Layers")
        if not isinstance(found, list):
            raise ImageError(f"{what} has no list of layers")
        references = []
        for path in map(files.path, found):
            digest = layers.digest_of_file(path)
            references.append(Descriptor(formats.DOCKER_LAYER, digest, path.stat().st_size))
            content[digest] = files.own(path, digest)
        reference = Descriptor(formats.DOCKER_CONFIG, config_digest, len(config))
        data = formats.docker_manifest(Manifest(reference, tuple(references)))
        manifest = formats.parse_manifest(json.loads(data), what)
        yield _Claim(what, tags, None, data, manifest, config, content)


def _repo_tags(entry: Json) -> list[str]:
    """The names of an image in Docker's index."""
    tags = entry.get("RepoTags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ImageError(f"RepoTags in {DOCKER_INDEX} is not a list of strings")
    return [names.short(tag) for tag in tags]


def _claimed(name: object) -> str | None:
    """The digest in the name of a file, such as blobs/sha256/HEX or HEX.json, if it is one."""
    digest = f"sha256:{Path(str(name)).name.removesuffix('.json')}"
    return digest if formats.is_digest(digest) else None


def _oci_images(files: _Files) -> Iterator[_Claim]:
    """The images of an OCI layout; Docker's index in the same archive has more names for them."""
    entries = files.objects(DOCKER_INDEX) if files.has(DOCKER_INDEX) else []
    tags = {_claimed(entry.get("Config")): _repo_tags(entry) for entry in entries}
    for entry in formats.descriptors(files.object(INDEX), "manifests", INDEX):
        annotations = entry.get("annotations")
        annotations = annotations if isinstance(annotations, dict) else {}
        given = annotations.get(CONTAINERD_NAME) or annotations.get(REF_NAME)
        given = given if isinstance(given, str) else None
        what = shown(given) if given else "the image"
        data, document = _resolve(files, formats.descriptor(entry, INDEX), what)
        manifest = formats.parse_manifest(document, what)
        content = {each.digest: files.own(files.path(files.blob(each)), each.digest) for each in manifest.blobs}
        is_name = given is not None and ("/" in given or ":" in given)
        own = [*([names.short(given)] if given and is_name else []), *tags.get(manifest.config.digest, [])]
        config = files.read(files.blob(manifest.config))
        yield _Claim(what, own, None if is_name else given, data, manifest, config, content)


def _resolve(files: _Files, reference: Descriptor, what: str) -> tuple[bytes, Json]:
    """The manifest for this machine that a reference leads to, directly or through indexes."""
    for _ in range(_MOST_INDEXES):
        data = files.read(files.blob(reference))
        if formats.digest_of(data) != reference.digest:
            raise ImageError(f"the manifest {reference.digest} of {what} is damaged")
        document = formats.read_json(data, f"the manifest of {what}")
        kind = formats.media_type_of(document)
        if kind in formats.MANIFESTS:
            return data, document
        if kind not in formats.INDEXES:
            raise ImageError(f"{what} is of type {shown(kind)}, which is not an image")
        reference = formats.for_this_platform(document, what)
    raise ImageError(f"{what} has too many indexes within each other")
