"""The page of states is the one that the code makes."""

from pathlib import Path

from tools.states.page import page

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/states.md is old: .venv/bin/python -m tools.states > docs/states.md"
    )
