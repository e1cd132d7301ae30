"""The shim (shim.c): what it takes to load it into a process, and its switches.

A process in which it is loaded reads the switches at every call, so they work at once, in all processes that share a
file of them.
"""

import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")
_CONTROL = struct.Struct("qii")


def build(folder: Path) -> Path:
    """Compile the shim, and return the library."""
    library = folder / "shim.so"
    words = ("gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(_SOURCE), "-ldl")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the shim {_SOURCE} cannot be compiled: {done.stderr}")
    return library


class Switches:
    """The switches of some processes, which are off at first."""

    def __init__(self, file: Path) -> None:
        """``file``: is made, and mapped by the processes."""
        self._file = file
        file.write_bytes(bytes(_CONTROL.size))

    def set(self, *, clock_offset: int = 0, disk_is_full: bool = False, fsync_fails: bool = False) -> None:
        """Set all switches; those that are not named are off.

        ``clock_offset``: seconds by which wall time is wrong. ``disk_is_full``: whether the store cannot be written to.
        ``fsync_fails``: whether it cannot be made durable.
        """
        with self._file.open("r+b") as file:  # in place, as it is mapped
            file.write(_CONTROL.pack(clock_offset, disk_is_full, fsync_fails))

    def variables(self, library: Path) -> dict[str, str]:
        """The environment variables with which a process obeys these switches."""
        return {"LD_PRELOAD": str(library), "PODEXEC_SHIM": str(self._file)}
