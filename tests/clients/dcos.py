"""The real ``dcos`` command line, in a virtual environment of its own.

Its last release on the package index is of 2018 and pins what no longer installs: it is installed without its
requirements, and those beside it in their present releases. What it misses of today's Python, a starter gives it back.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.environment import environment

RELEASE = ("dcoscli==0.6.1", "dcos==0.6.1")
NEEDS = (
    *("docopt<1", "toml", "six", "requests", "prettytable<1", "jsonschema<3", "pager", "pygments", "PyJWT"),
    *("cryptography", "pkginfo", "sseclient", "retrying"),
)
STARTER = """
import collections, collections.abc, sys
for name in collections.abc.__all__:
    setattr(collections, name, getattr(collections.abc, name))
from dcoscli.main import main
sys.exit(main())
"""
_RUN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the command ended and what it printed."""

    code: int
    out: str
    err: str


class DcosCli:
    """``dcos marathon`` for one scheduler, with its configuration in a directory of the test."""

    def __init__(self, folder: Path, url: str) -> None:
        """Install it unless it is there. Fails if it cannot be installed."""
        self._python = environment("dcos", ("--no-deps", *RELEASE), NEEDS)
        self._starter = folder / "starter.py"
        self._starter.write_text(STARTER)
        config = folder / "dcos.toml"
        config.write_text(f'[marathon]\nurl = "{url}"\n[core]\nreporting = false\n')
        config.chmod(0o600)
        self._environment = os.environ | {
            "DCOS_CONFIG": str(config),
            "DCOS_DIR": str(folder),
            "PYTHONWARNINGS": "ignore",
            "NO_PROXY": "127.0.0.1",
        }

    def __call__(self, *words: str, given: Any = None) -> Outcome:
        """Run ``dcos marathon`` with these words, and JSON on its standard input."""
        ran = subprocess.run(
            [self._python, self._starter, "marathon", *words],
            input=None if given is None else json.dumps(given),
            stdin=subprocess.DEVNULL if given is None else None,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
        )
        return Outcome(ran.returncode, ran.stdout, ran.stderr)

    def good(self, *words: str, given: Any = None) -> str:
        """The output of a command that must succeed."""
        outcome = self(*words, given=given)
        assert outcome.code == 0, f"dcos marathon {' '.join(words)}: {outcome}"
        return outcome.out

    def json(self, *words: str) -> Any:
        """The JSON that a command prints."""
        return json.loads(self.good(*words))
