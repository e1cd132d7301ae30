"""What ``make mutate`` changes, and how it lists what nobody can notice."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutate.equivalent import LIST, ListError, read
from tools.mutate.mutants import Mutant, mutants
from tools.mutate.reach import Reach


def found(source: str) -> list[Mutant]:
    return mutants("some.py", source)


def changes(body: str) -> set[str]:
    """What becomes of a function's only line."""
    return {line.strip() for each in found(f"def f(a, b):\n    {body}\n") for line in each.after}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a < b", {"return a <= b"}),
        ("return a is not None", {"return a is None"}),
        ("return a in b", {"return a not in b"}),
        ("return not a", {"return a"}),
        ("return a and not b or a", {"return a or not b or a", "return a and not b and a", "return a and b or a"}),
        ("return a + 1", {"return None", "return a - 1", "return a + 2"}),
        ("return True", {"return False"}),
        ("return a if b else 2", {"return None", "return a if not (b) else 2", "return a if b else 3"}),
        ("return [each for each in a if each]", {"return None", "return [each for each in a if not (each)]"}),
        ("a.add(b)", {"pass"}),
        ("a.add(b, a)", {"pass", "a.add(a, b)"}),
        ("return any(a)", {"return None", "return all(a)"}),
        ("a.b += b", {"pass", "a.b -= b"}),
        ("a = b", {"pass"}),
        ("raise a", {"pass"}),
    ],
)
def test_each_kind_of_place_is_changed_in_its_way(body: str, expected: set[str]) -> None:
    assert changes(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        '"text"',
        'c = "text"',
        'c = f"{b + 1}"',
        'a.log("text", b + 1)',
        "if a: b.log(a)",
        "assert a is not None",
        "c = b",
        "return",
    ],
)
def test_texts_and_assertions_and_new_names_are_left_alone(body: str) -> None:
    assert not changes(body)


def test_what_stands_outside_functions_is_left_alone() -> None:
    assert not found("LIMIT = 1 + 2\n\nclass A:\n    size: int = 1\n\n    def f(self, a=1):\n        pass\n")


def test_every_mutant_is_a_program_that_differs_in_the_lines_it_tells() -> None:
    source = Path(ast.__file__).read_text(encoding="utf-8")
    for each in mutants("ast.py", source)[::40]:
        compile(each.source, "ast.py", "exec")
        lines = source.splitlines()
        lines[each.line - 1 : each.line - 1 + len(each.before)] = each.after
        assert each.source.splitlines() == lines


def test_the_tests_that_run_the_statement_reach_the_mutant() -> None:
    (mutant,) = found("def f(a):\n    return [\n        a,\n        True,\n    ]\n")[1:]
    lines = {1: frozenset("x"), 2: frozenset("ab"), 4: frozenset("c"), 6: frozenset("y")}
    assert Reach({"some.py": lines}, {}).tests_of(mutant) == set("abc")


def test_a_condition_is_reached_by_its_own_lines_not_by_those_of_its_block() -> None:
    mutant = found("def f(a):\n    if a:\n        g()\n    h()\n")[0]
    assert (mutant.diff, mutant.reached_by) == ("-     if a:\n+     if not (a):", (2, 2))


def test_a_listed_mutant_is_found_wherever_it_moves() -> None:
    listed = read("# a remark\n\nsome.py A.f\n- return a < b\n+ return a <= b\n  they are never\n  equal\n")
    ((key, reason),) = listed.items()
    assert reason == "they are never equal"
    assert key in {each.key for each in found("\n\nclass A:\n    def f(a, b):\n        return a < b\n")}


@pytest.mark.parametrize("entry", ["some.py f\n- a\n+ b\n", "some.py f\n  a reason\n"])
def test_a_listed_mutant_needs_its_lines_and_a_reason(entry: str) -> None:
    with pytest.raises(ListError, match=r"some\.py"):
        read(entry)


def test_the_list_can_be_read() -> None:
    assert all(read(LIST.read_text(encoding="utf-8")).values())


_MODULE = """
class Base:
    def __init__(self):
        self.size = 3

class A(Base):
    def __init__(self):
        super().__init__()

    @property
    def double(self):
        return self.size * 2

    @property
    def is_large(self):
        return self.size > 100

def unused():
    return 1
"""
_TESTS = """
from some import A

def test_its_double():
    assert A().double == 6

def test_that_it_is_small():
    assert not A().is_large
"""
_RUN = """
import sys
from pathlib import Path
import pytest
from tools.mutate.mutants import mutants
from tools.mutate.trials import Trials
root = Path.cwd()
source = Path("some.py").read_text()
trials = Trials(root, {"some.py": source}, mutants("some.py", source), 2, lambda mutant, outcome: None)
settings = ["-q", "-s", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]
pytest.main([*settings, "test_some.py"], plugins=[trials])
for mutant, outcome in trials.outcomes.items():
    print("##", mutant.after[0].strip(), outcome.name)
"""


def test_mutants_are_noticed_or_survive_or_are_not_reached(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(_MODULE)
    (tmp_path / "test_some.py").write_text(_TESTS)
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", _RUN],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{root}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert set(re.findall("## (.*)", ended.stdout)) == {
        "return None NOTICED",
        "self.size = 4 NOTICED",
        "pass NOTICED",
        "return self.size / 2 NOTICED",
        "return self.size * 3 NOTICED",
        "return self.size >= 100 SURVIVED",
        "return self.size > 101 SURVIVED",
        "return 2 UNREACHED",
    }, ended.stdout + ended.stderr
    assert (tmp_path / "some.py").read_text() == _MODULE
