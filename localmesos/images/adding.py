"""Adds the images of an archive or folder to a store, under their own names or another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from localmesos.images import archives, names
from localmesos.images.archives import Found
from localmesos.images.errors import ImageError
from localmesos.images.store import ImageStore
from localmesos.libexec.unpacking import shown


def add(store: ImageStore, source: Path, name: str | None = None) -> list[str]:
    """Add all images, or the one that gets a name; returns the short names. If one cannot be added, none is."""
    wanted = None if name is None else names.short(name)
    with store.scratch() as scratch:
        found = archives.read(source, scratch)
        named = _by_name(found) if wanted is None else {wanted: _the_one(found, wanted)}
        files = {digest: path for image in named.values() for digest, path in image.files.items()}
        store.put({name: image.manifest for name, image in named.items()}, files)
    return sorted(named)


def _by_name(found: Sequence[Found]) -> dict[str, Found]:
    """The images by the names that the archive gives them."""
    named: dict[str, Found] = {}
    for image in found:
        if not image.names:
            tag = f"only the tag {shown(image.tag)}" if image.tag else "no name"
            raise ImageError(f"the archive gives an image {tag}: pass the name that it is to have")
        for name in image.names:
            if named.setdefault(name, image).manifest != image.manifest:
                raise ImageError(f"the archive has two different images of the name {name}")
    return named


def _the_one(found: Sequence[Found], name: str) -> Found:
    """The image that gets a name: the only one, or the one with the same name or tag."""
    if len({image.manifest for image in found}) == 1:
        return found[0]
    for image in found:
        if name in image.names or image.tag == names.tag_of(name):
            return image
    known = ", ".join(sorted({each for image in found for each in (*image.names, image.tag or "no name")}))
    raise ImageError(f"the archive has {len(found)} images ({known}), and none has the name or the tag of {name}")
