"""SECURITY.md names the test of each attack; a name without a test would promise what nobody checks."""

import ast
import re

from tests.docs.pages import ROOT

_NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_every_test_that_is_named_exists() -> None:
    named = _NAMED.findall((ROOT / "SECURITY.md").read_text())
    assert len(named) > 80
    missing = [(file, name) for file, name in named if name not in _tests_of(file)]
    assert missing == []


def _tests_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
