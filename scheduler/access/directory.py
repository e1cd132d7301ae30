"""The principals file compiled: who has a token or a password, and what each may do."""

from collections.abc import Iterable, Sequence

from scheduler.access import passwords
from scheduler.access.callers import Caller, Method
from scheduler.access.grants import Allowed, Grants, compiled
from scheduler.access.passwords import Hash
from scheduler.access.principals import GROUP, Principals

_MOST_COMPILED = 10_000  # sets of groups in the JWTs of issuers, each with its grants


class Directory:
    """Look-ups in one version of the file. Their cost depends on neither the number of users nor that of rules."""

    def __init__(self, principals: Principals) -> None:
        self._rules: dict[str, list[tuple[str, Allowed]]] = {}
        for rule in principals.rules:
            for subject in rule.subjects:
                self._rules.setdefault(subject, []).extend((path, rule.allowed) for path in rule.paths)
        self._grants: dict[tuple[str, ...], Grants] = {}
        self._passwords: dict[str, tuple[Hash, Grants]] = {}
        self._tokens: dict[str, Caller] = {}
        for name, user in principals.users.items():
            granted = self.grants([name, *(GROUP + group for group in user.groups)])
            if user.password is not None:
                self._passwords[name] = passwords.parsed(user.password), granted
            for token in user.tokens:
                self._tokens[token.sha256] = Caller(
                    name, Method.TOKEN, granted, token.name, token.expires_at, proof=token.sha256
                )

    def grants(self, subjects: Iterable[str]) -> Grants:
        """What someone may do who is all of these subjects."""
        known: Sequence[str] = sorted(self._rules.keys() & subjects)
        found = self._grants.get(tuple(known))
        if found is None:
            found = compiled(each for subject in known for each in self._rules[subject])
            if len(self._grants) < _MOST_COMPILED:
                self._grants[tuple(known)] = found
        return found

    def of_token(self, digest: str) -> Caller | None:
        """The caller whose token has this digest, whether it has expired or not."""
        return self._tokens.get(digest)

    def of_user(self, name: str) -> tuple[Hash, Grants] | None:
        """A user's password and grants; None: there is no such user, or it has no password."""
        return self._passwords.get(name)


EMPTY = Directory(Principals())
