"""The line on which each member of a JSON or YAML text stands, by its path as the API writes paths."""

from collections.abc import Iterator

import yaml

# Marathon tells these problems at paths where nothing stands.
_ELSEWHERE = {
    "/acceptedResourceRoles": "/scheduling/placement/acceptedResourceRoles",
    "/upgrade/maximumOverCapacity": "/scheduling/upgrade/maximumOverCapacity",
}
_NULL = "tag:yaml.org,2002:null"


def lines_of(text: str, flat: bool = False) -> list[dict[str, int]]:
    """For each document, path and line; ``flat``: a list stands for its items. Nothing for what is no YAML.

    JSON is YAML but for tabs, which a JSON text has between its tokens only.
    """
    try:
        roots = [root for root in yaml.compose_all(text.replace("\t", " "), yaml.SafeLoader) if _says_something(root)]
        if flat and len(roots) == 1 and isinstance(roots[0], yaml.SequenceNode):
            roots = roots[0].value
        return [{"/": root.start_mark.line + 1, **dict(_members(root, ""))} for root in roots]
    except (yaml.YAMLError, RecursionError):
        return []


def nearest(lines: dict[str, int], path: str) -> int | None:
    """The line of a member, or where it is missing, of the innermost member around it."""
    path = _ELSEWHERE.get(path, path)
    while path and path not in lines:
        path = path[: max(path.rfind("/"), path.rfind("("))]
    return lines.get(path or "/")


def _says_something(root: yaml.Node) -> bool:
    return root.tag != _NULL


def _members(node: yaml.Node, at: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = f"{at}/{key.value}"
            yield path, key.start_mark.line + 1
            yield from _members(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            path = f"{at}({index})"
            yield path, item.start_mark.line + 1
            yield from _members(item, path)
