"""Markdown: tables, Mermaid diagrams, and the meanings of enum members from the comments in the code."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

Edges = Mapping[tuple[str, str], Sequence[str]]

_MEMBER = re.compile(r"^\s+([A-Z_]+) = .*?(?:#\s*(.*))?$", re.MULTILINE)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of strings."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def diagram(edges: Edges) -> str:
    """A state diagram; ``[*]`` is the start and the end. The order of its lines is meaningful: keep it."""
    arrows = [f"    {before} --> {after}{_label(labels)}" for (before, after), labels in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])


def meanings(of: type[Enum]) -> dict[str, str]:
    """By a member's name, the comment behind it."""
    found = dict(_MEMBER.findall(inspect.getsource(of)))
    return {each.name: found.get(each.name, "") for each in of}


def words(name: str) -> str:
    """A function's name as text."""
    return name.strip("_").replace("_", " ")


def _label(labels: Sequence[str]) -> str:
    return f": {', '.join(labels)}" if labels else ""
