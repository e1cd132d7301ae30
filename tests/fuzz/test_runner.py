"""The runner finds each kind of fault, goes on after it, and repeats it."""

import pytest

from tests.fuzz import child
from tests.fuzz.__main__ import main
from tests.fuzz.runner import Found, explore, repeat
from tests.fuzz.targets import NAMES

PLENTY = 600.0  # seconds: the number of cases ends it


def faulty(name: str) -> str:
    return f"tests.fuzz.faulty:{name}"


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("Raises", "exception", "LookupError"),
        ("Exits", "exception", "SystemExit"),
        ("Answers", "answer", "500 to"),
        ("Logs", "log", "it failed"),
        ("LosesAThread", "log", "KeyError"),
        ("Computes", "hang", "CPU time"),
        ("Allocates", "memory", "MiB for a while"),
        ("AllocatesTooMuch", "exception", "MemoryError"),
    ],
)
def test_a_fault_is_found(name: str, kind: str, text: str) -> None:
    [found] = repeat(faulty(name), 1, 5)
    assert (found.number, found.kind) == (5, kind)
    assert text in found.text
    assert found.case == repeat(faulty(name), 1, 5)[0].case, "the seed repeats the case"


def test_a_case_that_waits_for_ever_is_ended() -> None:
    [found] = repeat(faulty("Waits"), 1, 5, longest=1.0)
    assert found.kind == "hang"
    assert "faulty.py" in found.text, "where it hangs"
    assert found.case == child.case_of(child.material(faulty("Waits"), 1, 5), faulty("Waits"), 1, 5)


def test_nothing_is_found_in_a_clean_target() -> None:
    [clean] = explore([faulty("Clean")], 1, PLENTY, 1, count=900)
    assert (clean.cases, clean.findings) == (900, ())


def test_the_run_goes_on_after_a_death() -> None:
    heard: list[Found] = []
    [dying] = explore([faulty("Dies")], 1, PLENTY, 1, heard.append, count=12)
    assert dying.cases == 12
    assert [(each.kind, (each.case or b"\xff")[0] < 64) for each in dying.findings] == [("death", True)]
    assert heard == list(dying.findings), "told once, as the others have the same cause"


def test_findings_alike_are_told_once_and_targets_do_not_disturb_each_other() -> None:
    names = [faulty("Answers"), faulty("Clean"), faulty("Raises")]
    explored = explore(names, 1, PLENTY, 2, count=30)
    assert [(each.target, each.cases, len(each.findings)) for each in explored] == [
        (names[0], 30, 1),
        (names[1], 30, 0),
        (names[2], 30, 1),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_makes_the_same_cases(name: str) -> None:
    """From material that is made anew."""
    first, again = (child.case_of(child.material(name, 7, 3), name, 7, 3) for _ in range(2))
    assert first == again
    assert first != child.case_of(child.material(name, 7, 3), name, 7, 4)


def test_a_finding_says_how_it_is_repeated(
    tmp_path: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.__main__.NAMES", (faulty("Raises"),))
    monkeypatch.setattr("tests.fuzz.__main__._FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["fuzz", "--only", faulty("Raises"), "--seed", "9", "--case", "3"])
    assert main() == 1
    told = capsys.readouterr().out
    assert "LookupError" in told
    assert f'make fuzz ARGS="--only {faulty("Raises")} --seed 9 --case 3"' in told
    [kept] = tmp_path.iterdir()  # type: ignore[attr-defined]
    monkeypatch.setattr("sys.argv", ["fuzz", "--only", faulty("Raises"), "--file", str(kept)])
    assert main() == 1
    assert kept.read_bytes().hex() in capsys.readouterr().out
