"""Turns the stated options of ``podexec scheduler`` into parameters of commands, and their values into records.

Each option is stated on the attribute that holds it, in SchedulerOptions or in the core's Settings.
"""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer

from scheduler.cli.executor import DEFAULT, executor_for
from scheduler.cli.options import option, variable_of
from scheduler.cli.scheduler_options import SchedulerOptions
from scheduler.core.settings import Settings
from scheduler.model.option import MESOS, TLS, Option

Command = TypeVar("Command", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option and the attribute that holds its value.

    Attributes:
        record: the class of the attribute.
        kind: the type of the value on the command line.
        default: on the command line; ``inspect.Parameter.empty``: the option is required.
    """

    record: type
    attribute: str
    option: Option
    kind: Any
    default: Any

    @property
    def flag(self) -> str:
        """The name on the command line, e.g. ``--mesos-role``; both names of a switch that has two."""
        return self.option.name or "--" + self.attribute.replace("_", "-")

    @property
    def name(self) -> str:
        """``mesos_role`` for ``--mesos-role``."""
        return self.flag.partition("/")[0].removeprefix("--").replace("-", "_")

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that set it."""
        own = variable_of(self.flag)
        return (own,) if self.option.variable is None else (own, self.option.variable)

    @property
    def help(self) -> str:
        """The line in ``--help``."""
        if not self.option.is_secret:
            return self.option.help
        return f"{self.option.help} Prefer {variable_of(self.flag)}, which does not show up in ps."

    def read(self, written: Any) -> Any:
        """Convert a value from the command line to the attribute's. Raises typer.BadParameter."""
        form = self.option.form
        try:
            return written if form is None else form.read(written)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=self.flag) from error

    def shown(self, value: Any) -> Any:
        """Convert an attribute's value to the one that ``/v2/info`` shows."""
        form, shown = self.option.form, self.option.shown
        written = value if form is None else form.write(value)
        return written if shown is None else shown(written)

    @property
    def info(self) -> str | None:
        """The key in ``/v2/info``; None: not shown there."""
        return None if self.option.is_secret or self.option.is_private else self.option.info or self.name

    def for_typer(self, heading: str | None) -> inspect.Parameter:
        """The parameter of a command's function, as typer reads it."""
        stated = self.option
        aliases = () if stated.alias is None else (stated.alias,)
        more: dict[str, Any] = {"exists": True, "dir_okay": False} if stated.is_file else {}
        if stated.default is not None:
            more["show_default"] = stated.default
        info = option(
            self.flag,
            self.help,
            *aliases,
            also=stated.variable,
            metavar=stated.metavar,
            min=stated.minimum,
            max=stated.maximum,
            rich_help_panel=heading,
            **more,
        )
        annotation = Annotated[self.kind, info]  # type: ignore[name-defined]  # known at run time only
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=self.default, annotation=annotation)


def _stated(record: type) -> Iterator[Parameter]:
    hints = get_type_hints(record, include_extras=True)
    for field in inspect.signature(record).parameters.values():
        hint = hints[field.name]
        if get_origin(hint) is Annotated:
            kind, stated = get_args(hint)
            default = field.default
            if stated.form is not None:
                kind, default = stated.form.kind, stated.form.write(default)
            yield Parameter(record, field.name, stated, kind, default)


def _in_order(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """In the order of the help: an option with ``after`` follows the one it names."""
    listed = [each for each in parameters if each.option.after is None]
    for late in parameters:
        if late.option.after is not None:
            places = [each.attribute for each in listed]
            listed.insert(places.index(late.option.after) + 1, late)
    return tuple(listed)


PARAMETERS = _in_order([*_stated(SchedulerOptions), *_stated(Settings)])


def scheduler_options(*names: str) -> Callable[[Command], Command]:
    """Decorator: replaces ``**written`` of a command's function by these options; without names, by all."""
    by_name = {each.name: each for each in PARAMETERS}
    chosen = [by_name[name].for_typer(None) for name in names]
    added = chosen or [each.for_typer(each.option.heading) for each in PARAMETERS]

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        command.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        return command

    return decorate


def effective(context: typer.Context, written: Mapping[str, Any]) -> dict[str, Any]:
    """The values with those of empty variables, which Typer takes for unset. Raises typer.BadParameter.

    Nobody wants a protection to be off because a variable that should contain it is empty by mistake.
    """
    values = dict(written)
    for each in PARAMETERS:
        empty = [name for name in each.variables if os.environ.get(name) == ""]
        if not empty or not is_default(context, each.name):
            continue
        if each.option.may_be_empty:
            values[each.name] = ""
        elif each.option.is_secret or each.option.is_private or each.option.heading in (MESOS, TLS):
            message = f"{empty[0]} is set, but empty: give it a value, or unset it"
            raise typer.BadParameter(message, param_hint=each.flag)
    return values


def is_default(context: typer.Context, name: str) -> bool:
    """Whether a parameter was given neither on the command line nor by a variable."""
    source = context.get_parameter_source(name)
    return source is None or source.name == "DEFAULT"


def options_of(written: Mapping[str, Any]) -> SchedulerOptions:
    """The record of the options that the core need not know."""
    stated = [each for each in PARAMETERS if each.record is SchedulerOptions]
    return SchedulerOptions(**{each.attribute: each.read(written[each.name]) for each in stated})


def settings_of(written: Mapping[str, Any]) -> Settings:
    """The core's settings. Options that are not in ``written`` have their defaults."""
    all_written = {each.name: each.default for each in PARAMETERS} | dict(written)
    stated = [each for each in PARAMETERS if each.record is Settings]
    return Settings(
        executor=executor_for(
            all_written["executor"] or DEFAULT, all_written["executor_python"], all_written["log_level"]
        ),
        principal=all_written["mesos_authentication_principal"],
        **{each.attribute: each.read(all_written[each.name]) for each in stated},
    )
