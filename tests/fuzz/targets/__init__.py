"""The targets by name. A process imports only the one that it runs: some need seconds."""

from importlib import import_module
from random import Random

from tests.fuzz.target import Target

NAMES = ("answers", "archives", "backups", "definitions", "events", "nodes", "recordio", "requests", "stores")


def target(name: str, random: Random) -> Target:
    """The target in the module of this name, with material from ``random``. A name may also be ``MODULE:CLASS``."""
    module, _, kind = name.partition(":")
    made: Target = getattr(import_module(module if kind else f"{__name__}.{name}"), kind or "Fuzzed")(random)
    return made
