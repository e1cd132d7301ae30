"""vagrant/cluster.yml and what vagrant/cluster.rb makes of it, without Vagrant."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
VAGRANT = ROOT / "vagrant"


def delivered() -> dict[str, Any]:
    """The content of cluster.yml."""
    content: dict[str, Any] = yaml.safe_load((VAGRANT / "cluster.yml").read_text())
    return content


def described(content: object, folder: Path, provider: str = "libvirt") -> subprocess.CompletedProcess[str]:
    """What cluster.rb says of that content, YAML if it is a text."""
    path = folder / "cluster.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return subprocess.run(
        ["ruby", VAGRANT / "cluster.rb", path, provider], capture_output=True, text=True, check=False, timeout=60
    )


def planned(content: object, folder: Path) -> dict[str, Any]:
    """The machines, and the message at the end."""
    done = described(content, folder)
    assert done.returncode == 0, done.stderr
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan
