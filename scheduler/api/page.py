"""The OpenAPI document as one HTML page, without scripts or anything loaded from elsewhere."""

from collections.abc import Iterator
from html import escape
from typing import Any

from scheduler.model.json import Json

_METHODS = ("get", "post", "put", "delete")  # HEAD is mentioned once, at the top
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font-family: ui-monospace, monospace; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid; } h3 { margin: 2rem 0 0; } p { margin: .25rem 0; }
table { border-collapse: collapse; margin: .5rem 0; } td { padding: .15rem 1rem .15rem 0; vertical-align: top; }
"""


def html(document: Json) -> str:
    """The whole page."""
    about = document["info"]
    title = f"{escape(about['title'])} {escape(about['version'])}"
    return "".join(
        (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: the API</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" ',
            f'content="light dark"><style>{_STYLE}</style></head><body><h1>{title}</h1>',
            f"<p>{_prose(about['description'])} ",
            "HEAD is answered wherever GET is, except for calls that look inside containers. ",
            'For tools: <a href="openapi.json">openapi.json</a>.</p>',
            "<h2>Requests</h2>",
            *(_operation(*each) for each in _operations(document)),
            "<h2>Bodies</h2>",
            *(_component(name, schema) for name, schema in sorted(document["components"]["schemas"].items())),
            "</body></html>",
        )
    )


def _operations(document: Json) -> Iterator[tuple[str, str, Json, list[Json]]]:
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                yield path, method, operation, operations.get("parameters", []) + operation.get("parameters", [])


def _operation(path: str, method: str, operation: Json, parameters: list[Json]) -> str:
    rows = [(f"{each['in']} <code>{escape(each['name'])}</code>", each["schema"], each) for each in parameters]
    if "requestBody" in operation:
        content = next(iter(operation["requestBody"]["content"].values()))
        rows.append(("body", content["schema"], operation["requestBody"]))
    answers = [
        (f"<code>{status}</code>", next(iter(shown.get("content", {"": {}}).values())).get("schema"), shown)
        for status, shown in sorted(operation["responses"].items())
    ]
    return "".join(
        (
            f'<h3 id="{escape(operation["operationId"])}"><code>{method.upper()} {escape(path)}</code></h3>',
            f"<p>{_prose(operation['summary'])}.</p>",
            _table(rows),
            _table(answers),
        )
    )


def _component(name: str, schema: Json) -> str:
    required = schema.get("required", ())
    rows = [
        (f"<code>{escape(key)}</code>{'' if key in required else ' (may be absent)'}", member, member)
        for key, member in schema.get("properties", {}).items()
    ]
    whole = "" if rows else f"<p>{_type(schema)}</p>"
    shown = f"<p>{_prose(schema.get('description', ''))}</p>"
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>{shown}{whole}{_table(rows)}'


def _table(rows: list[tuple[str, Any, Json]]) -> str:
    """Name, type and meaning of each."""
    cells = (
        f"<tr><td>{name}</td><td>{_type(schema)}</td><td>{_prose(shown.get('description', ''))}</td></tr>"
        for name, schema, shown in rows
    )
    return f"<table>{''.join(cells)}</table>" if rows else ""


def _type(schema: Any) -> str:
    """A schema as a short phrase; names of components are links."""
    if not isinstance(schema, dict):
        return ""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(each) for each in schema[several])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items')) or 'anything'}"
    kind = schema.get("type", "")
    return escape(" or ".join(kind) if isinstance(kind, list) else kind)


def _prose(text: str) -> str:
    """Escaped text with its backquoted parts as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
