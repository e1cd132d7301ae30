"""``podexec systemd-unit``: the unit of a scheduler that systemd starts with the given options."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import screen
from scheduler.cli.options import variable_of
from scheduler.cli.parameters import PARAMETERS, Parameter, effective, is_default, scheduler_options
from scheduler.cli.scheduler import serving_of
from scheduler.cli.unit_file import STATE, VARIABLES, unit_file
from scheduler.model.urls import has_password

if TYPE_CHECKING:
    from scheduler.cli.configuration import Serving

_USER = re.compile("[A-Za-z_][A-Za-z0-9_-]*|[0-9]+", re.ASCII)
_SQLITE = "sqlite:///"
_PERHAPS_FILES = ("executor", "oidc_jwks", "dcos_jwks")


@scheduler_options()
def systemd_unit(
    context: typer.Context,
    run_as: Annotated[
        str, typer.Option("--run-as", metavar="USER", help="User that the scheduler runs as. It must exist.")
    ] = "podexec",
    **written: Any,
) -> None:
    """Print a systemd unit that runs the scheduler with these options.

    Run it on the machine that the unit is for: options are checked as the scheduler checks them. Without --store the
    state is stored in /var/lib/podexec. Secrets are not printed.
    """
    if _USER.fullmatch(run_as) is None:
        raise typer.BadParameter(f"{run_as!r} is not the name or the number of a user", param_hint="--run-as")
    if is_default(context, "store"):
        written["store"] = f"{_SQLITE}{STATE / 'podexec.db'}"
    serving = serving_of(effective(context, written))
    command = [*_program(), "scheduler"]
    for each in PARAMETERS:
        if is_default(context, each.name) and each.name != "store":
            continue
        if _has_secret(each, written[each.name]):
            line = f"{variable_of(each.flag)}=…"
            screen.tell(
                f"podexec: {each.flag} contains a secret, which is not printed: add the line {line} to {VARIABLES}"
            )
        else:
            command += _words(each, written[each.name])
    unit = unit_file(run_as, command, _read(command, serving), _written(serving), serving.port)
    screen.data(unit, end="")


def _has_secret(parameter: Parameter, value: Any) -> bool:
    """Whether the value is a secret, or a URL with credentials."""
    return parameter.option.is_secret or (isinstance(value, str) and has_password(value))


def _words(parameter: Parameter, value: Any) -> Iterator[str]:
    """The option on the command line. Files that must exist are found from any folder."""
    on, _, off = parameter.flag.partition("/")
    if isinstance(value, bool):
        yield from (each for each in (on if value else off,) if each)
        return
    yield on
    if parameter.option.is_file or (parameter.name in _PERHAPS_FILES and Path(value).is_file()):
        value = Path(value).absolute()
    yield str(value)


def _program() -> list[str]:
    """How this command was started, from any folder."""
    script = Path(sys.argv[0]).absolute()
    return [str(script)] if script.name == "podexec" else [sys.executable, "-P", "-m", "scheduler.cli.main"]


def _read(command: list[str], serving: "Serving") -> list[Path]:
    options = serving.options
    files = (
        options.mesos_authentication_secret_file,
        options.mesos_authentication_token_file,
        options.mesos_authentication_service_account_file,
        options.mesos_agent_authentication_secret_file,
        options.mesos_ca_file,
        options.mesos_cert_file,
        options.mesos_key_file,
        options.tls_cert_file,
        options.tls_key_file,
        options.tls_client_ca_file,
        options.principals,
        *(Path(place) for place in (options.oidc_jwks, options.dcos_jwks) if place and Path(place).is_file()),
        options.policy,
    )
    return [Path(command[0]), *(each.absolute() for each in files if each is not None)]


def _written(serving: "Serving") -> list[Path]:
    """The files that the scheduler writes."""
    options = serving.options
    store = [Path(options.store.removeprefix(_SQLITE))] if options.store.startswith(_SQLITE) else []
    return store if options.record is None else [*store, options.record]
