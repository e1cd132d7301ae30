"""Writes wheels, as small as pip accepts them."""

import base64
import hashlib
import zipfile
from pathlib import Path


def write_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    """Write a wheel with these files into a folder. ``name`` has underscores for dashes, as files' names have."""
    about = f"{name}-{version}.dist-info"
    contents = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in contents.items():
            wheel.writestr(path, text)
        rows = [f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in contents.items()]
        wheel.writestr(f"{about}/RECORD", "".join([*rows, f"{about}/RECORD,,\n"]))


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
