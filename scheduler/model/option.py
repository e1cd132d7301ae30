"""States an option of ``podexec scheduler`` once, on the attribute that holds its value.

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

# Headings for options that the help lists separately.
MESOS, TLS = "Mesos connection", "Mesos TLS"


@dataclass(frozen=True, slots=True)
class Form:
    """Converts between an attribute's value and the one on the command line and in ``/v2/info``.

    Attributes:
        kind: the type on the command line.
        read: from the command line to the attribute. Raises ValueError.
        write: the inverse.
    """

    kind: Any
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Option:
    """Everything about an option except its type and default.

    Attributes:
        help: the line in ``--help``; can be read alone.
        more: follows ``help`` in docs/cli.md; Markdown.
        name: on the command line, if it differs from the attribute's; ``--on/--off`` for a switch with two names.
        alias: a second name.
        variable: an environment variable in addition to ``PODEXEC_*``.
        metavar: the placeholder for the value.
        minimum, maximum: of a number.
        default: description of the default, if the value itself says too little.
        heading: None: listed with the other options.
        form: None: the value is the same on the command line.
        is_file: whether the value is the path of a file that must exist.
        is_secret: whether the value is a secret: never shown, better set by its variable.
        is_private: whether ``/v2/info`` leaves it out.
        info: the key there, if it differs from the name.
        shown: converts the value for ``/v2/info``; None: it is shown as it is.
        may_be_empty: whether its variable may be empty, for an empty list.
        after: the attribute to list it after in the help; None: the order of the attributes.
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
    may_be_empty: bool = False
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
