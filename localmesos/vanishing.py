"""Looks at files and folders that other processes remove at any moment: what is gone is absent, which is no error.

To ask whether something exists and then to use it fails if it is removed in between. `Path.glob` does so as well:
on CPython 3.11 and 3.12 it raises FileNotFoundError for a folder that is removed while it descends into it.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def read(path: Path) -> str | None:
    """The text of a file, whatever its bytes are; None if it cannot be read, e.g. because it is gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None


def inode(path: Path) -> int | None:
    """The inode of a file; None if it is gone, or if this user may not look."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def children(folder: Path, pattern: str = "*") -> list[Path]:
    """What is directly in a folder and has such a name, sorted; nothing if the folder is gone."""
    try:
        names = [child.name for child in folder.iterdir()]
    except OSError:
        return []
    return [folder / name for name in sorted(fnmatch.filter(names, pattern))]


def below(folders: Iterable[Path], name: str) -> Iterator[Path]:
    """Files with a name, at any depth in the folders."""
    for folder in folders:
        for place, _, files in os.walk(folder):  # skips folders that it cannot list
            if name in files:
                yield Path(place, name)
