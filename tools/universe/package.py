"""The package in ``universe/`` as Cosmos, DC/OS' package manager, reads it from a repository.

Format 4.0 is for DC/OS 1.11 and later. Format 5.0, for 1.12 and later, adds members that are about other package
managers than Cosmos, which podexec does not use; the rest is the same.
"""

import base64
import json
from pathlib import Path
from typing import Any

_OLDEST_DCOS = {"4.0": "1.11", "5.0": "1.12"}
FORMATS = tuple(_OLDEST_DCOS)


def package(folder: Path, values: dict[str, str], packaging: str, release: int) -> dict[str, Any]:
    """The package in one of the FORMATS.

    ``values`` replace placeholders, such as ``@VERSION@`` for VERSION. ``release`` orders releases: a later one is
    higher.
    """
    description = json.loads(_filled(folder / "package.json", values))
    template = (folder / "marathon.json.mustache").read_bytes()
    return {
        **description,
        "packagingVersion": packaging,
        "minDcosReleaseVersion": _OLDEST_DCOS[packaging],
        "releaseVersion": release,
        "config": json.loads((folder / "config.json").read_text()),
        "resource": json.loads(_filled(folder / "resource.json", values)),
        "marathon": {"v2AppMustacheTemplate": base64.b64encode(template).decode()},
    }


def _filled(file: Path, values: dict[str, str]) -> str:
    """The text of a JSON file with values in place of placeholders, which are in its strings."""
    text = file.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", json.dumps(value)[1:-1])
    return text
