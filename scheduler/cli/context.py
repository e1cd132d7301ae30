"""``podexec context``: named schedulers, so that no command needs a URL and credentials."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Output, View, Watch, look_of, show_local
from scheduler.cli.options import Json, Yes
from scheduler.cli.output import require_confirmation
from scheduler.model.urls import without_password

if TYPE_CHECKING:
    from scheduler.cli.contexts import Context, Contexts

app = typer.Typer(name="context", help="Name schedulers and their credentials, and choose one.", no_args_is_help=True)


def _complete(incomplete: str) -> list[str]:
    from scheduler.cli import contexts

    try:
        return [each for each in contexts.load().contexts if each.startswith(incomplete)]
    except CommandError:
        return []


Name = Annotated[str, typer.Argument(metavar="NAME", help="The context's name.", autocompletion=_complete)]


@app.command(name="list")
def list_contexts(form: Output = TABLE, watch: Watch = False, as_json: Json = False) -> None:
    """List the contexts; * marks the current one. Credentials are not shown."""
    from scheduler.cli import contexts

    def read() -> View:
        found = contexts.load()
        value = [_shown(found, name) for name in sorted(found.contexts)]
        return View(value, sorted(found.contexts), lambda _look: [_table(found)])

    show_local(look_of(form, as_json), read, watch=watch)


def _table(found: "Contexts") -> screen.Part:
    if not found.contexts:
        return "There are no contexts. Make one with 'podexec context set NAME --server URL'."
    grid = screen.Grid(("", "NAME", "URL", "CREDENTIALS"), ruled=False)
    for name, each in sorted(found.contexts.items()):
        grid.add("*" if name == found.current else "", name, without_password(each.url), _credentials(each))
    return grid


@app.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Default: the context in use.", autocompletion=_complete),
    ] = None,
    form: Output = TABLE,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Show a context. Credentials are not shown."""
    from scheduler.cli import contexts

    def read() -> View:
        found = contexts.load()
        chosen = name or _used(found)
        if chosen is None:
            raise CommandError("no context is in use", advice="Choose one: podexec context use NAME")
        _require(found, chosen)
        value = _shown(found, chosen)
        lines = [f"{key:<12} {text}" for key, text in value.items() if text is not None]
        return View(value, [chosen], lambda _look: lines)

    show_local(look_of(form, as_json), read, watch=watch)


@app.command(name="set")
def set_context(
    name: Name,
    server: Annotated[
        str, typer.Option("--server", metavar="URL[,URL…]", help="URL of the API; several, separated by commas.")
    ],
    token: Annotated[bool, typer.Option("--token", help="Set a token, read from the terminal or from stdin.")] = False,
    ca_file: Annotated[
        str | None, typer.Option("--ca-file", metavar="FILE", help="CA certificates to trust, in PEM.")
    ] = None,
    cert_file: Annotated[
        str | None, typer.Option("--cert-file", metavar="FILE", help="Certificate for the scheduler, in PEM.")
    ] = None,
    key_file: Annotated[
        str | None, typer.Option("--key-file", metavar="FILE", help="Key of that certificate, in PEM.")
    ] = None,
) -> None:
    """Add a context, or replace one. The first one becomes the current one."""
    from scheduler.cli import contexts
    from scheduler.cli.endpoints import require_urls

    if not contexts.NAME.fullmatch(name):
        allowed = "at most 63 letters, digits, dots, dashes and underscores"
        raise CommandError(f"the name of a context must consist of {allowed}, not {name!r}", code=2)
    require_urls(server, "--server")
    if key_file is not None and cert_file is None:
        raise CommandError("--key-file needs --cert-file: a key needs its certificate", code=2)
    files = [None if each is None else str(Path(each).absolute()) for each in (ca_file, cert_file, key_file)]
    made = contexts.Context(server, _token() if token else None, *files)
    with contexts.changing() as change:
        change.set(name, made)
        is_current = change.contexts.current == name
    screen.say(f"Context {name} is set{' and in use' if is_current else ''}.")
    if not is_current:
        screen.tell(f"To use it: podexec context use {name}")


@app.command()
def use(name: Name) -> None:
    """Make a context the current one."""
    from scheduler.cli import contexts

    with contexts.changing() as change:
        _require(change.contexts, name)
        change.use(name)
    screen.say(f"Context {name} is in use.")


@app.command()
def remove(name: Name, yes: Yes = False) -> None:
    """Remove a context with its credentials. The token stays valid."""
    from scheduler.cli import contexts

    _require(contexts.load(), name)
    require_confirmation(yes, f"remove context {name}", f"Remove context {name} with its credentials?")
    with contexts.changing() as change:
        _require(change.contexts, name)
        change.remove(name)
    screen.say(f"Context {name} is removed.")


def _used(found: "Contexts") -> str | None:
    from scheduler.cli import contexts

    return os.environ.get(contexts.VARIABLE) or found.current


def _require(found: "Contexts", name: str) -> None:
    if name not in found.contexts:
        there = ", ".join(sorted(found.contexts)) or "none"
        raise CommandError(f"there is no context {name!r}", advice=f"The contexts: {there}", code=2)


def _shown(found: "Contexts", name: str) -> dict[str, str | bool | None]:
    each = found.contexts[name]
    return {
        "name": name,
        "url": without_password(each.url),
        "current": name == found.current,
        "credentials": _credentials(each),
        "caFile": each.ca_file,
        "certFile": each.cert_file,
        "keyFile": each.key_file,
    }


def _credentials(context: "Context") -> str:
    kinds = [
        *(["token"] if context.token is not None else []),
        *(["password"] if without_password(context.url) != context.url else []),
        *(["certificate"] if context.cert_file is not None else []),
    ]
    return ", ".join(kinds) or "none"


def _token() -> str:
    """From the terminal, or the first line of stdin; others on the machine can read the command line."""
    token = screen.secret("Token") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not token or not token.isascii() or not token.isprintable():
        raise CommandError("the token must be printable ASCII, and not empty", code=2)
    return token
