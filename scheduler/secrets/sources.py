"""Opens the source that ``--secrets-source`` names: one of podexec's, or one of another package.

A package provides a source by an entry point of the group ``podexec.secret_sources``: its name is what precedes the
colon in the option, its object a callable that accepts what follows the colon ("" without one) and returns a
``Secrets`` (scheduler.loop.ports), or raises SecretError. Calls to Mesos wait for the values, which must therefore be
returned within seconds.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from scheduler.loop.ports import SecretError, Secrets
from scheduler.secrets.base import Guarded
from scheduler.secrets.directory import DirectorySource
from scheduler.secrets.environment import PREFIX, EnvironmentSource

GROUP = "podexec.secret_sources"
REFERENCE = "reference"

Factory = Callable[[str], Secrets]


def open_source(text: str) -> Secrets | None:
    """The source that the option's value names; None for ``reference``: nothing is looked up.

    Raises SecretError, also if the source itself does.
    """
    name, _, argument = text.partition(":")
    if name == REFERENCE:
        if argument:
            raise SecretError(f"{REFERENCE} accepts no argument after a colon: {text!r}")
        return None
    own = _OWN.get(name)
    return own(argument) if own is not None else Guarded(name, _provided(name)(argument))


def _provided(name: str) -> Factory:
    provided = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in provided:
        known = ", ".join(sorted({*_OWN, *provided, REFERENCE}))
        raise SecretError(f"{name!r} is not a known source of secrets; use one of {known}")
    entry = provided[name]
    try:
        factory: Factory = entry.load()
    except (ImportError, AttributeError) as error:
        raise SecretError(f"the secret source {entry.name!r} ({entry.value}) cannot be loaded: {error}") from error
    return factory


def _directory(argument: str) -> Secrets:
    if not argument:
        raise SecretError("it must name a directory: directory:PATH")
    return DirectorySource(Path(argument))


def _environment(argument: str) -> Secrets:
    return EnvironmentSource(argument or PREFIX)


def _vault(argument: str) -> Secrets:
    from scheduler.secrets.vault import open_vault  # noqa: PLC0415 -- its HTTP client takes long to import

    return Guarded("vault", open_vault(argument))


_OWN: Mapping[str, Factory] = {"directory": _directory, "environment": _environment, "vault": _vault}
