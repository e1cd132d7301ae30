"""The executor's process: started by a Mesos agent as a CUSTOM executor, or in the place of
``mesos-default-executor``.

Owns the set-up and the signals. Arguments of the default executor (``--launcher_dir``) are accepted and ignored.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn

from podexec import __version__
from podexec.settings import Settings, SettingsError
from podexec.slim_imports import without

with without("ssl", hollow=("pymesos.scheduler", "pymesos.operator_v1")):
    from podexec import log
    from podexec.loop import EventLoop

# Shallow threads, most of them asleep in a read.
_STACK_SIZE = 256 * 1024


def main(arguments: list[str]) -> int:
    if "--version" in arguments:
        sys.stdout.write(f"podexec {__version__}\n")
        return 0
    try:
        settings = Settings.take(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"podexec: {error}\n")
        return 2
    log.configure()
    threading.stack_size(_STACK_SIZE)
    shell = EventLoop(settings)
    signal.signal(signal.SIGTERM, lambda number, frame: shell.shutdown_requested("SIGTERM"))
    signal.signal(signal.SIGINT, lambda number, frame: shell.shutdown_requested("SIGINT"))
    threading.excepthook = shell.crashed
    shell.run()
    return 0


def run() -> NoReturn:
    """The process from beginning to end."""
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that wait for the agent would only be waited for.
    os._exit(code)


if __name__ == "__main__":
    run()
