"""Definitions, as the API and ``podexec pod validate`` read them: JSON by the model, YAML by the command line."""

import json
import tempfile
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import yaml

from scheduler.cli.definitions import read_located
from scheduler.cli.errors import CommandError
from scheduler.model.definition import PodDefinition, render
from scheduler.model.normalisation import normalise
from scheduler.model.problems import Problems
from scheduler.model.validation import parse
from tests.fuzz.mutation import mutated_bytes, mutated_json
from tests.fuzz.pods import drawn, written_definitions
from tests.fuzz.target import FaultError, Target
from tests.model.strategies import SITE, any_valid

_LARGEST = 1024 * 1024  # bytes that the API reads
_LARGEST_FILE = 64 * 1024  # bytes: the command line finds the line of each member, which takes longer
_MOST_PROBLEMS = 8 * _LARGEST  # characters of all problems together


class Fuzzed(Target):
    """A case is the content of a file."""

    @cached_property
    def _material(self) -> list[Any]:
        return written_definitions() + drawn(self.random, any_valid(), 40)

    def make_case(self, random: Random) -> bytes:
        """JSON, sometimes valid, or YAML."""
        found = random.choice(self._material)
        if random.random() < 0.1:
            return mutated_bytes(random, yaml.safe_dump(found).encode(), 8)[:100_000]
        return json.dumps(found).encode() if random.random() < 0.1 else mutated_json(random, found)[:_LARGEST]

    def run(self, case: bytes) -> None:
        """It is a definition that can be written and read again, or has problems."""
        parsed = parse(case, SITE)
        if isinstance(parsed, Problems):
            _check_problems(parsed)
        else:
            _check_definition(parsed)
        if len(case) < _LARGEST_FILE:
            _read_as_a_file(case)


def _read_as_a_file(case: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".json" if case[:1] in (b"{", b"[") else ".yaml") as file:
        Path(file.name).write_bytes(case)
        try:
            read_located(file.name)
        except CommandError:
            return


def _check_problems(parsed: Problems) -> None:
    if not parsed.items or not all(each.path.startswith(("/", "(")) and each.error for each in parsed.items):
        raise FaultError("problems", f"a problem says nothing: {parsed}")
    size = sum(len(each.path) + len(each.error) for each in parsed.items)
    if size > _MOST_PROBLEMS:
        raise FaultError("problems", f"{len(parsed.items)} problems have {size} characters")


def _check_definition(parsed: PodDefinition) -> None:
    stored = normalise(parsed, SITE)
    if normalise(stored, SITE) != stored:
        raise FaultError("definition", "normalised twice, it is another one")
    if parse(json.dumps(render(stored)).encode(), SITE) != stored:
        raise FaultError("definition", "written and read again, it is another one")
