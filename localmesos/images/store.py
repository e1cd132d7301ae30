"""The images that were added to a cluster: a folder in the format of an OCI image layout, which other tools can read.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md. Agents read it while images are added and
removed: content is named by its digest and never changes, and the index that gives it names is replaced as a whole.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from localmesos.images import formats
from localmesos.images.errors import ImageError
from localmesos.images.formats import Descriptor, Json, Manifest

INDEX, LAYOUT, BLOBS = "index.json", "oci-layout", Path("blobs", "sha256")
REF_NAME = "org.opencontainers.image.ref.name"  # the annotation that names an image
_SCRATCH = ".adding-"


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the store."""

    name: str  # in its short form, with a tag
    manifest: Descriptor
    size: int  # bytes of its configuration and layers


class ImageStore:
    """The images in a folder, which is made when the first is added."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or made yet."""
        self.folder = folder

    def images(self) -> list[Image]:
        """All images, by name."""
        found = []
        for name, manifest in self._entries():
            with suppress(FileNotFoundError):  # removed in the meantime
                size = sum(blob.size for blob in self._manifest(manifest.digest).blobs)
                found.append(Image(name, manifest, size))
        return sorted(found, key=lambda image: image.name)

    def manifest(self, name: str) -> Manifest | None:
        """The manifest of an image; None if there is none of this name."""
        return self._first(manifest for known, manifest in self._entries() if known == name)

    def manifest_by_digest(self, repository: str, digest: str) -> Manifest | None:
        """The manifest of any image of a repository; None if it has none of this digest."""
        names = (each for each in self._entries() if each[0].rpartition(":")[0] == repository)
        return self._first(manifest for _, manifest in names if manifest.digest == digest)

    def _first(self, found: Iterator[Descriptor]) -> Manifest | None:
        with suppress(StopIteration, FileNotFoundError):  # none, or removed in the meantime
            return self._manifest(next(found).digest)
        return None

    def blob(self, digest: str) -> Path:
        """Where content of this digest is, if it is there."""
        return self.folder / BLOBS / digest.removeprefix("sha256:")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder beside the content, while nobody else adds or removes images."""
        with self._locked():
            for left in self.folder.glob(f"{_SCRATCH}*"):  # by a process that was killed
                shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=self.folder))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def put(self, named: Mapping[str, Descriptor], files: Mapping[str, Path]) -> None:
        """Within `scratch`: take over files, by their digests, and give their manifests names; old ones lose them."""
        (self.folder / BLOBS).mkdir(parents=True, exist_ok=True)
        for digest, file in files.items():
            file.chmod(0o644)
            file.rename(self.blob(digest))
        kept = [each for each in self._index()["manifests"] if each["annotations"][REF_NAME] not in named]
        added = [_entry(name, manifest) for name, manifest in named.items()]
        self._replace_index([*kept, *added])

    def remove(self, name: str) -> None:
        """Remove an image. Raises ImageError if there is none of this name."""
        with self._locked():
            entries = self._index()["manifests"]
            rest = [each for each in entries if each["annotations"][REF_NAME] != name]
            if len(rest) == len(entries):
                known = ", ".join(image.name for image in self.images()) or "none"
                raise ImageError(f"no image {name} was added; added images: {known}")
            self._replace_index(rest)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _entries(self) -> Iterator[tuple[str, Descriptor]]:
        """Names and manifests."""
        for each in self._index()["manifests"]:
            yield each["annotations"][REF_NAME], formats.descriptor(each, "an image")

    def _index(self) -> Json:
        path = self.folder / INDEX
        try:
            index = formats.read_json(path.read_bytes(), str(path))
        except FileNotFoundError:
            return {"manifests": []}
        for each in formats.descriptors(index, "manifests", str(path)):
            match each:
                case {"annotations": {"org.opencontainers.image.ref.name": str()}}:
                    continue
            raise ImageError(f"{path} has an image without a name; remove the file, and add the images again")
        return index

    def _manifest(self, digest: str) -> Manifest:
        what = str(self.blob(digest))
        return formats.parse_manifest(formats.read_json(self.blob(digest).read_bytes(), what), what)

    def _replace_index(self, entries: Sequence[Json]) -> None:
        """Replace the index, and remove content that no image has any longer."""
        document = {"schemaVersion": 2, "mediaType": formats.OCI_INDEX, "manifests": list(entries)}
        (self.folder / LAYOUT).write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        unfinished = self.folder / f"{INDEX}.new"
        unfinished.write_text(json.dumps(document, indent=1))
        unfinished.rename(self.folder / INDEX)
        manifests = {each["digest"] for each in entries}
        used = manifests | {blob.digest for digest in manifests for blob in self._manifest(digest).blobs}
        for file in (self.folder / BLOBS).iterdir():
            if f"sha256:{file.name}" not in used:
                with suppress(FileNotFoundError):
                    file.unlink()


def _entry(name: str, manifest: Descriptor) -> Json:
    return {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": manifest.size,
        "platform": {"os": formats.OS, "architecture": formats.ARCHITECTURE},
        "annotations": {REF_NAME: name},
    }
