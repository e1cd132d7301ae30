"""Runs commands against a local Mesos, and writes what they print into README.md, between the two marks.

.venv/bin/python -m tools.terminal_recording
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tools.example_scheduler import example_scheduler, wait_until

README: Final = Path(__file__).parents[1] / "README.md"
_BEGIN: Final = "<!-- made by `make recording` -->\n"
_END: Final = "<!-- end of the recording -->\n"
_PROGRAM: Final = Path(sys.executable).with_name("podexec")
_COLUMNS: Final = "118"
_PATIENCE: Final = 180.0  # seconds for a command
_DEFINITION: Final = """\
id: /web
networks: [{mode: host}]
containers:
- name: server
  resources: {cpus: 0.1, mem: 32}
  exec: {command: {shell: exec python3 -m http.server $ENDPOINT_HTTP}}
  endpoints: [{name: http, hostPort: 0}]
  healthCheck: {http: {endpoint: http}, intervalSeconds: 2, timeoutSeconds: 1, delaySeconds: 2}
scaling: {kind: fixed, instances: 2}
"""
# The definition, and a change of it for which no agent is large enough.
_FILES: Final = {"web.yaml": _DEFINITION, "larger.yaml": _DEFINITION.replace("cpus: 0.1", "cpus: 64")}
_BEFORE: Final = ("podexec pod add web.yaml --wait", "podexec pod plan larger.yaml", "podexec pod update larger.yaml")
_WHILE_WAITING: Final = ("podexec pod why /web", "podexec pod rollback /web --force --yes --wait")
COMMANDS: Final = (*_BEFORE, *_WHILE_WAITING)


def main() -> None:
    """Record, and replace the recording in README.md."""
    with example_scheduler("recording") as scheduler, tempfile.TemporaryDirectory() as folder:
        for name, text in _FILES.items():
            Path(folder, name).write_text(text)
        environment = os.environ | {"PODEXEC_URL": scheduler.client.url, "COLUMNS": _COLUMNS, "NO_COLOR": "1"}
        recorded = _record(_BEFORE, folder, environment)
        wait_until(lambda: bool(scheduler.client.queue()))
        recorded += _record(_WHILE_WAITING, folder, environment)
    README.write_text(replaced(README.read_text(), recorded))


def recording_in(text: str) -> str:
    """The recording in a README. Raises ValueError if it has no marks."""
    begin = text.index(_BEGIN) + len(_BEGIN)
    return text[begin : text.index(_END, begin)]


def replaced(text: str, lines: Iterable[str]) -> str:
    """A README with another recording. Raises ValueError if it has no marks."""
    block = "```console\n" + "".join(f"{line.rstrip()}\n" for line in lines) + "```\n"
    return text.replace(_BEGIN + recording_in(text) + _END, _BEGIN + block + _END)


def _record(commands: Iterable[str], folder: str, environment: Mapping[str, str]) -> list[str]:
    """Each command and what it printed, on both streams. Raises RuntimeError if one fails."""
    lines = []
    for command in commands:
        words = [str(_PROGRAM), *command.split()[1:]]
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode and " plan " not in command:  # which says by its exit code that something does not fit
            raise RuntimeError(f"{command!r} failed: {done.stdout}")
        lines += [f"$ {command}", *(line for line in done.stdout.splitlines() if line.strip())]
    return lines


if __name__ == "__main__":
    main()
