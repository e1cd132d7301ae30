"""What every target has in common."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random

ROUND = 400  # cases from the same material


class FaultError(Exception):
    """What a target itself finds wrong.

    ``kind``: one word, such as ``answer`` or ``state``; findings of one kind with a similar text count as one.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one case.

    Attributes:
        signature: the same for findings that probably have the same cause.
    """

    kind: str
    text: str
    signature: str


class Target(ABC):
    """An entry point, and the material of one round of cases for it, drawn from ``random`` when it is first needed.

    Attributes:
        most_seconds: how long a case may take: CPU time of the thread, which other processes do not use up.
    """

    most_seconds = 1.0

    def __init__(self, random: Random) -> None:
        self.random = random

    @abstractmethod
    def make_case(self, random: Random) -> bytes:
        """A case that depends on nothing but the material and ``random``."""

    @abstractmethod
    def run(self, case: bytes) -> None:
        """Run a case, also one that this target did not make. Raises FaultError, or whatever leaves the entry point."""
