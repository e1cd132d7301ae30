"""Cases that once failed, and the first ones of a run, have no finding."""

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import child
from tests.fuzz.targets import NAMES, target
from tests.fuzz.watch import observe

_CORPUS = Path(__file__).parent / "corpus"
_CASES = 8


@pytest.mark.parametrize("file", sorted(_CORPUS.glob("*/*")), ids=lambda file: str(file.relative_to(_CORPUS)))
def test_a_case_that_once_failed(file: Path) -> None:
    found = observe(target(file.parent.name, Random(0)), file.read_bytes())
    assert found is None, found.text


@pytest.mark.parametrize("name", NAMES)
def test_the_first_cases(name: str) -> None:
    made = child.material(name, 0, 0)
    for number in range(_CASES):
        found = observe(made, child.case_of(made, name, 0, number))
        assert found is None, f"case {number}: {found.text}"
