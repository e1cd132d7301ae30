"""The pages of the documentation, and what stands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDERS = ("docs", "scheduler", "podexec", "localmesos", "tests", "bench", "tools")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in _FOLDERS for page in (ROOT / folder).rglob("*.md"))])
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n|^[ \t]*\n(?= {4}))+", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code, and where it stands. ``language`` is empty where none is named."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks() -> Iterator[Block]:
    """Every block of code, fenced or indented."""
    for page in PAGES:
        text = page.read_text()
        for found in _FENCED.finditer(text):
            yield Block(page, _line(text, found.start()), found[1], found[2])
        rest = _FENCED.sub(lambda fenced: "\n" * fenced[0].count("\n"), text)
        for found in _INDENTED.finditer(rest):
            yield Block(page, _line(rest, found.start()), "", found[0])


def spans() -> Iterator[Block]:
    """Everything between backticks in the running text."""
    for page in PAGES:
        rest = _FENCED.sub(lambda fenced: "\n" * fenced[0].count("\n"), page.read_text())
        for found in _CODE.finditer(rest):
            yield Block(page, _line(rest, found.start()), "", found[1])


def links() -> Iterator[Block]:
    """The target of every link."""
    for page in PAGES:
        rest = _CODE.sub("", _FENCED.sub(lambda fenced: "\n" * fenced[0].count("\n"), page.read_text()))
        for found in _LINK.finditer(rest):
            yield Block(page, _line(rest, found.start()), "", found[1])


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = _FENCED.sub("", page.read_text())
    return {re.sub(r"[^\w\- ]", "", found[1].lower()).replace(" ", "-") for found in _HEADING.finditer(text)}


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
