"""An option of ``podexec scheduler``, stated once, on the attribute that holds it.

``role: Annotated[str, Option("The framework's Mesos role.", name="--mesos-role")] = "*"`` gives the type, the default
and everything else. From it follow ``podexec scheduler --mesos-role`` and its variable ``PODEXEC_MESOS_ROLE``
(scheduler/cli/parameters.py), ``mesos_role`` in ``/v2/info`` (scheduler/cli/configuration.py) and the row in
docs/cli.md (tools/options).
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import not_
from typing import Any

from scheduler.model.features import parse_features

# Headings under which the help lists options apart from the others.
MESOS, TLS = "Mesos connection", "Mesos TLS"


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is written on the command line and in ``/v2/info`` if that differs from the attribute.

    Attributes:
        kind: the type of the written value.
        read: from the written value to the attribute's. Raises ValueError.
        write: the reverse.
    """

    kind: Any
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Option:
    """What is to be known of an option besides its type and default.

    Attributes:
        help: the line in ``--help``; can be read alone.
        more: follows it in docs/cli.md; Markdown.
        name: on the command line, if it is not the attribute's; a switch that can be turned off names both.
        alias: a second name.
        variable: an environment variable besides ``PODEXEC_*``.
        metavar: what the value looks like.
        minimum, maximum: of a number.
        default: in words, where the attribute's default says too little.
        heading: None: among the others.
        form: None: the value is written as the attribute has it.
        is_file: whether it names a file that must exist.
        is_secret: whether its value is a secret: never shown, better set by its variable.
        is_private: whether ``/v2/info`` leaves it out.
        info: its key there, if it is not its name with underscores.
        shown: what is shown there of the written value; None: all of it.
        after: the attribute that the help lists before it; None: the one stated before it.
    """

    help: str
    more: str = ""
    name: str | None = None
    alias: str | None = None
    variable: str | None = None
    metavar: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    default: str | None = None
    heading: str | None = None
    form: Form | None = None
    is_file: bool = False
    is_secret: bool = False
    is_private: bool = False
    info: str | None = None
    shown: Callable[[Any], Any] | None = None
    after: str | None = None


def names_of(text: str) -> list[str]:
    """The members of a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _sorted(names: frozenset[str]) -> str:
    return ",".join(sorted(names))


MILLISECONDS = Form(int, lambda number: number / 1000, lambda seconds: round(1000 * seconds))
INVERTED = Form(bool, not_, not_)
FEATURES = Form(str, parse_features, _sorted)
NAMES_IF_ANY = Form(
    str | None,
    lambda text: None if text is None else frozenset(names_of(text)),
    lambda names: None if names is None else _sorted(names),
)
