"""The principals file: users with their password and tokens, and rules. JSON, read and written in one piece."""

import re
from collections.abc import Iterator
from datetime import datetime
from math import inf
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from scheduler.access import grants, passwords
from scheduler.access.permissions import ROLES, Permission, Role

LARGEST_FILE = 16 * 1024 * 1024
MOST_RULES = 10_000
_NAME = "[A-Za-z0-9][A-Za-z0-9._@-]{0,127}"
_NAME_RULE = "must have 1 to 128 letters, digits, dots, dashes, underscores or @, and begin with a letter or a digit"
_DIGEST = re.compile("[0-9a-f]{64}")
_SUBJECT = re.compile(rf"{_NAME}|(group|oidc|dcos):.{{1,256}}")
GROUP, OIDC, DCOS = "group:", "oidc:", "dcos:"


class PrincipalsError(ValueError):
    """The file cannot be used; says why."""


class Token(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token of a user.

    Attributes:
        sha256: of the token, in hexadecimal.
        expires: UTC, ISO 8601; None: never.
    """

    name: str
    sha256: str
    expires: str | None = None

    @property
    def expires_at(self) -> float:
        """Seconds since the epoch; infinite: never."""
        return inf if self.expires is None else datetime.fromisoformat(self.expires).timestamp()


class User(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A user.

    Attributes:
        password: its hash; None: the user has only tokens.
        groups: subjects of rules are ``group:`` and one of these.
    """

    password: str | None = None
    groups: tuple[str, ...] = ()
    tokens: tuple[Token, ...] = ()


class Rule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Grants permissions on paths to subjects. Rules add up; none takes away what another grants.

    Attributes:
        subjects: names of users, ``group:NAME``, or ``oidc:NAME`` and ``dcos:NAME`` for users of an issuer.
        paths: ids of pods, and ``/GROUP/**``.
        role: None: only ``added``.
        added: further permissions; ``with`` in the file.
        removed: permissions of the role that this rule does not grant; ``without`` in the file.
    """

    subjects: tuple[str, ...]
    paths: tuple[str, ...]
    role: Role | None = None
    added: tuple[Permission, ...] = field(default=(), name="with")
    removed: tuple[Permission, ...] = field(default=(), name="without")

    @property
    def allowed(self) -> grants.Allowed:
        """The permissions that it grants."""
        of_role = frozenset[Permission]() if self.role is None else ROLES[self.role]
        return (of_role | frozenset(self.added)) - frozenset(self.removed)


class Principals(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    users: dict[str, User] = {}
    rules: Annotated[tuple[Rule, ...], Meta(max_length=MOST_RULES)] = ()


def read(content: bytes) -> Principals:
    """The contents of a file. Raises PrincipalsError."""
    if len(content) > LARGEST_FILE:
        raise PrincipalsError(f"it is larger than {LARGEST_FILE} bytes")
    try:
        found = msgspec.json.decode(content, type=Principals)
    except msgspec.DecodeError as error:
        raise PrincipalsError(str(error)) from None
    problem = next(_problems(found), None)
    if problem is not None:
        raise PrincipalsError(problem)
    return found


def rendered(principals: Principals) -> bytes:
    """The contents of the file, for people too."""
    return msgspec.json.format(msgspec.json.encode(principals), indent=2) + b"\n"


def subject_problem(subject: str) -> str | None:
    """What is wrong with a subject of a rule; None: nothing."""
    is_known = subject.isprintable() and _SUBJECT.fullmatch(subject) is not None
    return None if is_known else "it must be a user's name, group:NAME, oidc:NAME or dcos:NAME"


def _problems(found: Principals) -> Iterator[str]:
    digests: set[str] = set()
    for name, user in found.users.items():
        yield from _problems_of_user(name, user, digests)
    for index, rule in enumerate(found.rules):
        where = f"rules[{index}]"
        for subject in rule.subjects:
            reason = subject_problem(subject)
            if reason is not None:
                yield f"{where}: subject {subject!r}: {reason}"
            elif ":" not in subject and subject not in found.users:
                yield f"{where}: there is no user {subject!r}"
        for path in rule.paths:
            reason = grants.problem_of(path)
            if reason is not None:
                yield f"{where}: path {path!r}: {reason}"
        if not rule.allowed:
            yield f"{where}: it grants nothing: it needs a role, or permissions under 'with'"


def _problems_of_names(name: str, user: User) -> Iterator[str]:
    names = [("user", name), *(("group", of) for of in user.groups), *(("token", of.name) for of in user.tokens)]
    for kind, each in names:
        if re.fullmatch(_NAME, each) is None:
            yield f"the name of {kind} {each!r} {_NAME_RULE}"
    if len({token.name for token in user.tokens}) < len(user.tokens):
        yield f"user {name!r} has two tokens of the same name"


def _problems_of_user(name: str, user: User, digests: set[str]) -> Iterator[str]:
    yield from _problems_of_names(name, user)
    if user.password is not None:
        try:
            passwords.parsed(user.password)
        except ValueError as error:
            yield f"the password of user {name!r}: {error}"
    for token in user.tokens:
        if _DIGEST.fullmatch(token.sha256) is None:
            yield f"token {token.name!r} of user {name!r}: sha256 must have 64 hexadecimal digits"
        if token.sha256 in digests:
            yield f"token {token.name!r} of user {name!r} is listed twice"
        digests.add(token.sha256)
        try:
            is_moment = token.expires is None or datetime.fromisoformat(token.expires).tzinfo is not None
        except ValueError:
            is_moment = False
        if not is_moment:
            yield f"token {token.name!r} of user {name!r}: expires must be a time with an offset"
