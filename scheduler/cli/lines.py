"""Line numbers of the members of a JSON or YAML text, by path, and which members are repeated.

Paths are written as the API writes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

# Marathon reports these problems at paths that do not exist in the definition.
_ELSEWHERE = {
    "/acceptedResourceRoles": "/scheduling/placement/acceptedResourceRoles",
    "/upgrade/maximumOverCapacity": "/scheduling/upgrade/maximumOverCapacity",
}
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_BOOLEAN = "tag:yaml.org,2002:bool"
_TRUE = ("yes", "true", "on")
_MOST_NODES = 100_000  # of all documents, and of each with aliases expanded; a definition has some hundreds
DEEPEST = 200  # nested lists and objects; a definition has ten


class TooMuchError(Exception):
    """A YAML text with too many values, too deep ones, or aliases that expand to too much or to themselves."""


class _Composer(yaml.SafeLoader):
    """Stops before the nodes fill the memory."""

    _nodes = _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node and all in it."""
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise TooMuchError(f"it contains more than {_MOST_NODES} values (line {self._line()})")
        if self._depth > DEEPEST:
            raise TooMuchError(f"line {self._line()} is nested more than {DEEPEST} levels deep")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _line(self) -> int:
        line: int = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        return line


@dataclass(slots=True)
class Places:
    """The line of each path in a document, and of each repeated one."""

    lines: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)


def roots_of(text: str) -> list[yaml.Node]:
    """The documents of a YAML text. Raises yaml.YAMLError and TooMuchError."""
    try:
        roots = [root for root in yaml.compose_all(text, _Composer) if root.tag != _NULL]
    except (ValueError, OverflowError) as error:  # PyYAML converts numbers without a look at them
        raise yaml.YAMLError(
            f"the number of a %YAML line, or of an escape as in \\UFFFFFFFF, is too large: {error}"
        ) from error
    for root in roots:
        _require_few_nodes(root)
    return roots


def places_of(text: str, flat: bool = False) -> list[Places]:
    """The places of each document; ``flat``: the items of a list are the documents. Empty if the text is not YAML.

    JSON is YAML except for tabs, which JSON has between tokens only.
    """
    try:
        roots = roots_of(text.replace("\t", " ") if flat else text)
    except (yaml.YAMLError, TooMuchError):
        return []
    if flat and len(roots) == 1 and isinstance(roots[0], yaml.SequenceNode):
        roots = roots[0].value
    return [_places(root) for root in roots]


def nearest(lines: dict[str, int], path: str) -> int | None:
    """The line of a member or, if it is missing, of the innermost member that should contain it."""
    path = _ELSEWHERE.get(path, path)
    while path and path not in lines:
        path = path[: max(path.rfind("/"), path.rfind("("))]
    return lines.get(path or "/")


def _require_few_nodes(root: yaml.Node) -> None:
    """Raise TooMuchError if the nodes, with aliases expanded, are too many or too deep. Visits each node once."""
    sizes: dict[int, int] = {}
    heights: dict[int, int] = {}
    entered: set[int] = set()
    waiting: list[tuple[yaml.Node, bool]] = [(root, False)]
    while waiting:
        node, left = waiting.pop()
        inner = list(_inner(node))
        if left:
            entered.discard(id(node))
            sizes[id(node)] = size = 1 + sum(sizes[id(each)] for each in inner)
            heights[id(node)] = height = 1 + max((heights[id(each)] for each in inner), default=-1)
            line = node.start_mark.line + 1
            if size > _MOST_NODES:
                raise TooMuchError(f"the aliases in line {line} expand to more than {_MOST_NODES} values")
            if height > DEEPEST:
                raise TooMuchError(f"the aliases in line {line} expand to more than {DEEPEST} levels")
        elif id(node) in entered:
            raise TooMuchError(f"an alias refers to line {node.start_mark.line + 1}, which contains the alias itself")
        elif id(node) not in sizes:
            entered.add(id(node))
            waiting.append((node, True))
            waiting += [(each, False) for each in inner]


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _places(root: yaml.Node) -> Places:
    places = Places({"/": root.start_mark.line + 1})
    for path, line in _members(root, ""):
        if path in places.lines:
            places.repeated[path] = line
        places.lines[path] = line
    return places


def _members(node: yaml.Node, at: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        members = {_key(key): (key, value) for key, value in node.value}
        for key, _ in node.value:
            if key.tag != _MERGE:
                yield f"{at}/{_key(key)}", key.start_mark.line + 1
        for name, (key, value) in members.items():
            if key.tag != _MERGE:
                yield from _members(value, f"{at}/{name}")
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            path = f"{at}({index})"
            yield path, item.start_mark.line + 1
            yield from _members(item, path)


def _key(key: yaml.Node) -> str:
    """The key in JSON, where all keys are strings: ``1`` and ``"1"`` are the same key, as are ``yes`` and ``true``."""
    text = str(key.value)
    if key.tag == _BOOLEAN:
        return "true" if text.lower() in _TRUE else "false"
    return "null" if key.tag == _NULL else text
