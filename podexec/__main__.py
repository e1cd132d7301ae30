"""The executor's process, which a Mesos agent starts as a CUSTOM executor or in place of ``mesos-default-executor``.

Owns the set-up and the signals. Arguments of the default executor (``--launcher_dir``) are accepted and ignored.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final, NoReturn

from podexec import __version__, log
from podexec.settings import Settings, SettingsError
from podexec.slim_imports import without

# What pymesos' package imports for drivers and connections that are not used here. Its names are None in pymesos.
_UNUSED: Final = (
    *(f"podexec._vendor.{name}" for name in ("pymesos.scheduler", "pymesos.operator_v1", "http_parser")),
    *("addict", "random", "uuid"),
    *("six", "six.moves", "six.moves.http_client", "six.moves.urllib", "six.moves.urllib.parse"),
)
with without(hollow=_UNUSED, instead=[log.in_place_of_logging()]):
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
    _on_signals(loop.shutdown_requested)
    threading.excepthook = loop.crashed
    loop.run()
    return 0


def _on_signals(request_shutdown: Callable[[str], None]) -> None:
    """Ask for a shutdown on SIGTERM and SIGINT, at once.

    Python's own handlers run when the main thread goes on, which waits for its next event, perhaps for hours: a signal
    that the kernel delivers to another thread does not interrupt that.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def watch() -> None:
        while number := os.read(reading, 1):
            request_shutdown(signal.Signals(number[0]).name)

    threading.Thread(target=watch, name="signals", daemon=True).start()


def run() -> NoReturn:
    """Run the executor and exit the process."""
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A regular exit would wait for the threads that wait for the agent.
    os._exit(code)


if __name__ == "__main__":
    run()
