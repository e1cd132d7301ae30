"""``podexec user``: the users of a principals file, their passwords, tokens and rules. The scheduler need not run."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.access.permissions import Role
from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Look, Output, View, Watch, look_of, show_local
from scheduler.cli.options import Json, Yes, option
from scheduler.cli.output import require_confirmation

if TYPE_CHECKING:
    from scheduler.access.principals import Principals, User

app = typer.Typer(name="user", help="Manage who may use the scheduler's API.", no_args_is_help=True)

File = Annotated[Path, option("--principals", "Principals file of the scheduler.", metavar="FILE")]
UserName = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]
_SHORTEST_PASSWORD = 8
_DAY = 86_400.0


@app.command()
def add(
    user: UserName,
    principals: File,
    password: Annotated[
        bool, typer.Option("--password", help="Set a password, read from the terminal or from stdin.")
    ] = False,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Add the user to a group; can be repeated.")
    ] = None,
    role: Annotated[Role | None, typer.Option("--role", help="Grant a role on the paths of --path.")] = None,
    paths: Annotated[
        list[str] | None,
        typer.Option("--path", metavar="PATH", help="Pod id, or /GROUP/** for everything below; can be repeated."),
    ] = None,
) -> None:
    """Add a user, or change one. The file is made if it does not exist."""
    from msgspec.structs import replace

    from scheduler.access import passwords
    from scheduler.access.principals import Rule, User

    if (role is None) != (not paths):
        raise typer.BadParameter("--role and --path must be given together", param_hint="--role")
    new_hash = passwords.hashed(_new_password()) if password else None

    def changed(found: "Principals") -> "Principals":
        old = found.users.get(user, User())
        new = User(new_hash or old.password, tuple(dict.fromkeys((*old.groups, *(groups or ())))), old.tokens)
        rules = (*found.rules, Rule((user,), tuple(paths or ()), role)) if role is not None else found.rules
        return replace(found, users={**found.users, user: new}, rules=tuple(dict.fromkeys(rules)))

    _change(principals, changed, may_be_new=True)
    screen.say(f"User {user} is in {principals}.")


@app.command()
def token(
    user: UserName,
    principals: File,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the token, by which it can be revoked.")
    ] = "default",
    days: Annotated[int, typer.Option("--days", min=0, help="Days until the token expires; 0: it does not.")] = 90,
) -> None:
    """Make a token for a user, and print it: it cannot be shown again."""
    from msgspec.structs import replace

    from scheduler.access.principals import Token
    from scheduler.access.tokens import digest, new_token
    from scheduler.model.times import timestamp

    made = new_token()
    expires = timestamp(time.time() + days * _DAY) if days else None

    def changed(found: "Principals") -> "Principals":
        old = _existing(found, user)
        if any(each.name == name for each in old.tokens):
            raise CommandError(
                f"user {user} already has a token {name}",
                advice=f"Choose another --name, or revoke it: podexec user revoke {user} {name}",
            )
        new = replace(old, tokens=(*old.tokens, Token(name, digest(made), expires)))
        return replace(found, users={**found.users, user: new})

    _change(principals, changed)
    screen.tell(f"podexec: token {name} of {user}, valid until {expires or 'it is revoked'}; it is not shown again:")
    screen.data(made)


@app.command()
def revoke(
    user: UserName,
    principals: File,
    name: Annotated[
        str | None, typer.Argument(metavar="[TOKEN]", help="Name of the token; without it, the user is removed.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Revoke a token, or remove a user with all tokens and rules. Streams that they have open end."""
    from msgspec.structs import replace

    def without_token(found: "Principals") -> "Principals":
        old = _existing(found, user)
        left = tuple(each for each in old.tokens if each.name != name)
        if len(left) == len(old.tokens):
            raise CommandError(f"user {user} has no token {name}", advice=f"Its tokens: {_token_names(old)}")
        return replace(found, users={**found.users, user: replace(old, tokens=left)})

    def without_user(found: "Principals") -> "Principals":
        _existing(found, user)
        users = {each: one for each, one in found.users.items() if each != user}
        rules = (
            replace(each, subjects=tuple(subject for subject in each.subjects if subject != user))
            for each in found.rules
        )
        return replace(found, users=users, rules=tuple(each for each in rules if each.subjects))

    if name is None:
        require_confirmation(yes, f"remove user {user}", f"Remove user {user} with all tokens and rules?")
    _change(principals, without_user if name is None else without_token)
    screen.say(f"User {user} is removed." if name is None else f"Token {name} of {user} is revoked.")


@app.command(name="list")
def list_users(principals: File, form: Output = TABLE, watch: Watch = False, as_json: Json = False) -> None:
    """List users, their tokens and what they may do. Hashes are not shown."""
    show_local(look_of(form, as_json), lambda: _users(_load(principals)), watch=watch)


def _users(found: "Principals") -> View:
    from scheduler.access.principals import GROUP

    def rules(name: str, user: "User") -> list[str]:
        subjects = {name, *(GROUP + each for each in user.groups)}
        mine = (each for each in found.rules if subjects.intersection(each.subjects))
        return [f"{', '.join(sorted(each.allowed))} on {', '.join(each.paths)}" for each in mine]

    def draw(_look: Look) -> list[screen.Part]:
        grid = screen.Grid(["USER", "PASSWORD", "GROUPS", "TOKENS", "MAY"])
        for name, user in found.users.items():
            shown = [f"{each.name} until {each.expires}" if each.expires else each.name for each in user.tokens]
            grid.add(name, "yes" if user.password else "no", ", ".join(user.groups), shown, rules(name, user))
        return [grid]

    listed = [
        {
            "name": name,
            "password": user.password is not None,
            "groups": list(user.groups),
            "tokens": [{"name": each.name, "expires": each.expires} for each in user.tokens],
            "rules": rules(name, user),
        }
        for name, user in found.users.items()
    ]
    return View(listed, list(found.users), draw)


def _change(path: Path, changed: "Callable[[Principals], Principals]", *, may_be_new: bool = False) -> None:
    """Replace the file's contents. Raises CommandError."""
    from scheduler.access import file
    from scheduler.access.principals import Principals, PrincipalsError

    try:
        with file.locked(path) as real:
            found = Principals() if may_be_new and not real.exists() else _load(real)
            file.replace(real, changed(found))
    except OSError as error:
        raise CommandError(f"cannot change {path}: {error.strerror or error}") from error
    except PrincipalsError as error:
        raise CommandError(f"nothing was changed: {error}", code=2) from error


def _load(path: Path) -> "Principals":
    from scheduler.access import file
    from scheduler.access.principals import PrincipalsError

    try:
        return file.load(path)[0]
    except FileNotFoundError as error:
        raise CommandError(f"{path} does not exist", advice="Make it with 'podexec user add'.") from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    except PrincipalsError as error:
        raise CommandError(f"{path} cannot be used: {error}") from error


def _existing(found: "Principals", name: str) -> "User":
    if name not in found.users:
        raise CommandError(f"there is no user {name}", advice="Add it with 'podexec user add'.")
    return found.users[name]


def _token_names(user: "User") -> str:
    return ", ".join(each.name for each in user.tokens) or "none"


def _new_password() -> str:
    """From the terminal, or the first line of stdin; others on the machine can read the command line."""
    from scheduler.access.passwords import LONGEST

    password = screen.new_password() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        raise CommandError("the password is not UTF-8", code=2) from None
    if not _SHORTEST_PASSWORD <= size <= LONGEST or not password.isprintable():
        message = f"the password must have {_SHORTEST_PASSWORD} to {LONGEST} bytes, without control characters"
        raise CommandError(message, code=2)
    return password
