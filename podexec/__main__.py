"""The executor's process, which a Mesos agent starts as a CUSTOM executor or in place of ``mesos-default-executor``.

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

# The threads have shallow stacks, and most of them sleep in a read.
_STACK_SIZE = 256 * 1024


def main(arguments: list[str]) -> int:
    if "--version" in arguments:
        sys.stdout.write(f"podexec {__version__}\n")
        return 0
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"podexec: {error}\n")
        return 2
    log.configure()
    threading.stack_size(_STACK_SIZE)
    loop = EventLoop(settings)
    signal.signal(signal.SIGTERM, lambda number, frame: loop.shutdown_requested("SIGTERM"))
    signal.signal(signal.SIGINT, lambda number, frame: loop.shutdown_requested("SIGINT"))
    threading.excepthook = loop.crashed
    loop.run()
    return 0


def run() -> NoReturn:
    """Run the executor and exit the process."""
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A regular exit would wait for the threads that wait for the agent.
    os._exit(code)


if __name__ == "__main__":
    run()
