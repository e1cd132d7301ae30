"""Targets with one fault each, which the tests of the runner look for."""

import os
import signal
import threading
import time
from random import Random

import structlog

from tests.fuzz.target import FaultError, Target


class Clean(Target):
    """Nothing is wrong. Others do something instead."""

    def make_case(self, random: Random) -> bytes:
        return random.randbytes(4)

    def run(self, case: bytes) -> None:
        """Nothing."""


class Raises(Clean):
    def run(self, case: bytes) -> None:
        raise LookupError(case.hex())


class Exits(Clean):
    def run(self, case: bytes) -> None:
        raise SystemExit(0)


class Answers(Clean):
    def run(self, case: bytes) -> None:
        raise FaultError("answer", f"500 to {case.hex()}")


class Logs(Clean):
    def run(self, case: bytes) -> None:
        try:
            raise LookupError(case.hex())
        except LookupError:
            structlog.get_logger("scheduler").warning("it failed", exc_info=True)


class LosesAThread(Clean):
    def run(self, case: bytes) -> None:
        thread = threading.Thread(target=lambda: {}[case])
        thread.start()
        thread.join()


class Computes(Clean):
    """For longer than allowed, however busy the machine is."""

    def run(self, case: bytes) -> None:
        until = time.thread_time() + 1.2
        while time.thread_time() < until:
            pass


class Waits(Clean):
    """For ever, without computing."""

    def run(self, case: bytes) -> None:
        threading.Event().wait()


class Allocates(Clean):
    """More than one case may, for a moment."""

    def run(self, case: bytes) -> None:
        bytearray(300 * 1024**2)[::4096] = b"x" * (300 * 1024**2 // 4096)


class AllocatesTooMuch(Clean):
    """More than the process may."""

    def run(self, case: bytes) -> None:
        bytearray(64 * 1024**3)


class Dies(Clean):
    """Now and then, without a word."""

    def run(self, case: bytes) -> None:
        if case[0] < 64:
            os.kill(os.getpid(), signal.SIGKILL)
