"""From the text of ``--secrets-source`` to a source: those of podexec, and those that other packages bring.

A package brings one by an entry point of the group ``podexec.secret_sources``: its name is the word before the colon,
its object a callable that takes the text after it ("" without one) and gives a ``Secrets`` (scheduler.loop.ports), or
raises SecretError. The calls to Mesos wait for the answers, so these must come within seconds.
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
    """The source that the option's text asks for; None for ``reference``: nothing is looked up.

    Raises SecretError, also for what the source itself finds wrong.
    """
    name, _, argument = text.partition(":")
    if name == REFERENCE:
        if argument:
            raise SecretError(f"{REFERENCE} takes nothing after a colon: {text!r}")
        return None
    own = _OWN.get(name)
    return own(argument) if own is not None else Guarded(name, _brought(name)(argument))


def _brought(name: str) -> Factory:
    brought = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in brought:
        known = ", ".join(sorted({*_OWN, *brought, REFERENCE}))
        raise SecretError(f"{name!r} is not a source of secrets; known are {known}")
    entry = brought[name]
    try:
        factory: Factory = entry.load()
    except (ImportError, AttributeError) as error:
        raise SecretError(f"the secret source {entry.name!r} ({entry.value}) cannot be loaded: {error}") from error
    return factory


def _directory(argument: str) -> Secrets:
    if not argument:
        raise SecretError("it must say which directory: directory:PATH")
    return DirectorySource(Path(argument))


def _environment(argument: str) -> Secrets:
    return EnvironmentSource(argument or PREFIX)


_OWN: Mapping[str, Factory] = {"directory": _directory, "environment": _environment}
