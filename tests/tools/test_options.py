"""The tables of options in docs/cli.md are the ones that the options give."""

from tools.options.page import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/cli.md is old: .venv/bin/python -m tools.options"
