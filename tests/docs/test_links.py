"""Links lead somewhere, and files named in the docs exist."""

import re
from functools import cache

import pytest

from tests.docs.pages import PAGES, ROOT, Block, anchors, links, spans

_FOLDERS = tuple(f"{each.name}/" for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith("."))
_HISTORY = (ROOT / "CHANGELOG.md", *(ROOT / "docs" / "adr").iterdir())
_PATH = re.compile(r"[\w./-]+")


@cache
def _names() -> frozenset[str]:
    found = (each for folder in _FOLDERS for each in (ROOT / folder).rglob("*.py"))
    return frozenset(each.name for each in found)


def _fault(link: Block) -> str | None:
    path, _, anchor = link.text.partition("#")
    target = (link.page.parent / path).resolve() if path else link.page
    if not target.exists():
        return f"{link}: there is no {path}"
    if anchor and anchor not in anchors(target):
        return f"{link}: {target.name} has no heading #{anchor}; it has {sorted(anchors(target))}"
    return None


def test_links_inside_the_project_lead_somewhere() -> None:
    inside = [each for each in links() if "://" not in each.text]
    assert len(inside) > 50
    assert [fault for each in inside if (fault := _fault(each))] == []


def _is_there(named: Block) -> bool:
    """A path from the root, from the page's folder, or the bare name of a module."""
    if "/" not in named.text:
        return named.text in _names()
    return any((base / named.text).exists() for base in (ROOT, named.page.parent))


def test_files_that_are_named_exist() -> None:
    """Pages of history name files as they were."""
    named = [
        each
        for each in spans()
        if each.page not in _HISTORY
        and _PATH.fullmatch(each.text)
        and (each.text.startswith(_FOLDERS) or ("/" not in each.text and each.text.endswith(".py")))
    ]
    assert len(named) > 50
    assert [f"{each}: {each.text}" for each in named if not _is_there(each)] == []


@pytest.mark.parametrize("text", ["docs/no-such-page.md", "no_such_module.py"])
def test_what_does_not_exist_is_noticed(text: str) -> None:
    assert not _is_there(Block(PAGES[0], 1, "", text))
