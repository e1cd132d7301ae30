"""The schedulers' logs: errors that podexec does not know of are tracebacks in them."""

from collections.abc import Mapping
from pathlib import Path

from tests.faults.cluster.history import History

_SIGNS = ("Traceback (most recent call last)", '"exception":')
_LONGEST = 4000


class Logs:
    """Reads what is new in logs."""

    def __init__(self, files: Mapping[str, Path], history: History) -> None:
        """``files``: by server."""
        self._files, self._history = files, history
        self._read = dict.fromkeys(files, 0)

    def read(self) -> None:
        """Write down the tracebacks among the lines that are whole since the last time."""
        for server, path in self._files.items():
            with path.open("rb") as file:
                file.seek(self._read[server])
                lines, end, _ = file.read().rpartition(b"\n")
            self._read[server] += len(lines) + len(end)
            for line in lines.decode(errors="replace").splitlines():
                if any(sign in line for sign in _SIGNS):
                    self._history.add("traceback", server=server, text=line[:_LONGEST])
