"""docs/cli.md with tables generated from the options."""

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from scheduler.cli.parameters import PARAMETERS, Parameter
from tools.states.text import table

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
_BEGIN, _END = "<!-- made by python -m tools.options -->", "<!-- end of the made part -->"
_HEAD = ("option", "default", "meaning")
_CODE = re.compile(r"(?<![\w`])(--[a-z-]+|'[^' ]+')(?![\w`])")


def page() -> str:
    """The page with current tables."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return "\n\n".join((before + _BEGIN, *_tables(), _END + after))


def _tables() -> Iterator[str]:
    """A table of the options without a heading, then one for each heading."""
    for heading in dict.fromkeys((None, *(each.option.heading for each in PARAMETERS))):
        yield f"### {heading or 'General'}"
        chosen = [each for each in PARAMETERS if each.option.heading == heading]
        yield table(
            ("option", "default", "meaning"), ((_flag(each), _default(each), _meaning(each)) for each in chosen)
        )


def _flag(each: Parameter) -> str:
    names = [*each.flag.split("/"), *([each.option.alias] if each.option.alias else [])]
    value = "" if each.option.metavar is None else " `" + each.option.metavar.replace("|", "\\|") + "`"
    return ", ".join(f"`{name}`" for name in names) + value


def _default(each: Parameter) -> str:
    if each.default is inspect.Parameter.empty:
        return "required"
    if each.option.default is not None:
        return _with_code(each.option.default)
    if isinstance(each.default, bool):
        return "on" if each.default else "off"
    value = each.default.value if isinstance(each.default, Enum) else each.default
    return "" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _meaning(each: Parameter) -> str:
    sentences = [_with_code(each.help)]
    if isinstance(each.kind, type) and issubclass(each.kind, Enum) and each.option.metavar is None:
        sentences.append("One of " + ", ".join(f"`{one.value}`" for one in each.kind) + ".")
    if each.option.more:
        sentences.append(each.option.more)
    if each.option.variable is not None:
        sentences.append(f"Also set by `{each.option.variable}`.")
    return " ".join(sentences)


def _with_code(text: str) -> str:
    """Format options, variables and quoted values as code."""
    marked = _CODE.sub(lambda found: f"`{found[0].strip(chr(39))}`", text)
    return re.sub(r"\bPODEXEC_\w+", lambda found: f"`{found[0]}`", marked)
