"""From an ``Authorization`` header to a caller."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scheduler.access import passwords, tokens
from scheduler.access.callers import EVERYONE, Caller, Method
from scheduler.access.directory import EMPTY, Directory
from scheduler.access.grants import ALL_GRANTS, Grants
from scheduler.access.jwts import Identity, Issuer, JwtError, verified
from scheduler.access.passwords import Hash
from scheduler.access.watched import WatchedDirectory

_REMEMBERED = 60.0  # seconds for which a verified password or JWT is not verified again
_MOST_REMEMBERED = 10_000
_MOST_WAITING = 32  # passwords that wait to be verified


class RefusedError(Exception):
    """The credentials are missing or not valid; says why.

    Attributes:
        user: whose password was wrong, if one was given.
    """

    def __init__(self, message: str, user: str | None = None) -> None:
        super().__init__(message)
        self.user = user


class BusyError(Exception):
    """Too many passwords wait to be verified."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What callers may authenticate with. Nothing: everybody may do everything.

    Attributes:
        fixed: ``user:password`` of one user who may do everything.
        principals: the file of users, their passwords and tokens, and rules.
        issuers: of JWTs.
    """

    fixed: str | None = None
    principals: Path | None = None
    issuers: tuple[Issuer, ...] = ()


class Authenticator:
    """Belongs to one event loop. Raises OSError or PrincipalsError if the principals file cannot be used."""

    def __init__(
        self,
        credentials: Credentials,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._is_open = credentials == Credentials()
        self._issuers = credentials.issuers
        self._fixed = None if credentials.fixed is None else credentials.fixed.encode()
        self._admin = Caller((credentials.fixed or "").partition(":")[0], Method.PASSWORD, ALL_GRANTS)
        self._watched = None if credentials.principals is None else WatchedDirectory(credentials.principals, monotonic)
        self._key = os.urandom(32)
        # By keyed digests of what was given: until when, in which version of the file, and who it is.
        self._remembered: dict[bytes, tuple[float, Directory, Caller]] = {}
        self._verifying: dict[bytes, asyncio.Task[Caller]] = {}
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._waiting = 0  # for that thread

    @property
    def takes_passwords(self) -> bool:
        """Whether callers may give a user and a password."""
        return self._fixed is not None or self._watched is not None

    @property
    def takes_tokens(self) -> bool:
        """Whether callers may give a token."""
        return self._watched is not None or bool(self._issuers)

    async def caller(self, header: str) -> Caller:
        """Who sends this header; empty: none was sent. Raises RefusedError or BusyError."""
        if self._is_open:
            return EVERYONE
        scheme, _, given = header.partition(" ")
        if header[:6].lower() == "token=":  # DC/OS' form
            scheme, given = "bearer", header[6:]
        scheme, given = scheme.lower(), given.strip()
        if scheme == "bearer" and self.takes_tokens:
            if given.startswith(tokens.PREFIX):
                return self._of_token(given)
            return await self._once(given, lambda: self._of_jwt(given))
        if scheme == "basic" and self.takes_passwords:
            return await self._of_basic(given)
        raise RefusedError(f"This API requires {self._accepted()}")

    def is_current(self, caller: Caller) -> bool:
        """Whether a caller's credentials are still valid, and give the same permissions."""
        return self._clock() < caller.expires and self._grants_now(caller) == caller.grants

    def _grants_now(self, caller: Caller) -> Grants | None:
        """What a caller's credentials allow now; None: they were revoked, or expire earlier than before."""
        match caller.proof:
            case str() as digest:
                again = self._directory.of_token(digest)
                return None if again is None or self._clock() >= again.expires else again.grants
            case Hash() as stored:
                found = self._directory.of_user(caller.name or "")
                return None if found is None or found[0] != stored else found[1]
            case tuple() as subjects:
                return self._directory.grants(subjects)
            case _:
                return caller.grants  # of an option, which stays as it is

    def _accepted(self) -> str:
        forms = ["a user and a password"] if self.takes_passwords else []
        forms += ["a token (Authorization: Bearer TOKEN)"] if self.takes_tokens else []
        return " or ".join(forms)

    @property
    def _directory(self) -> Directory:
        return EMPTY if self._watched is None else self._watched.current

    # ------------------------------------------------------------------ podexec's tokens

    def _of_token(self, token: str) -> Caller:
        found = self._directory.of_token(tokens.digest(token))
        if found is None:
            raise RefusedError("The token is unknown or was revoked")
        if self._clock() >= found.expires:
            raise RefusedError(f"The token '{found.token}' of '{found.name}' has expired")
        return found

    # ------------------------------------------------------------------------ passwords

    async def _of_basic(self, encoded: str) -> Caller:
        try:
            given = base64.b64decode(encoded, validate=True)
            text = given.decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise RefusedError("The user and the password cannot be read") from None
        if self._fixed is not None and hmac.compare_digest(given, self._fixed):
            return self._admin
        user, _, password = text.partition(":")
        if self._watched is None:
            raise RefusedError("Unknown user or wrong password", user)
        return await self._once(text, lambda: self._of_password(user, password))

    async def _of_password(self, user: str, password: str) -> Caller:
        if self._waiting >= _MOST_WAITING:
            raise BusyError("Too many passwords are being verified")
        found = self._directory.of_user(user)
        stored = passwords.NOBODY if found is None else found[0]
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            is_right = await loop.run_in_executor(self._thread, passwords.matches, password, stored)
        finally:
            self._waiting -= 1
        if found is None or not is_right:
            raise RefusedError("Unknown user or wrong password", user)
        return Caller(user, Method.PASSWORD, found[1], proof=stored)

    # ----------------------------------------------------------------------------- JWTs

    async def _of_jwt(self, token: str) -> Caller:
        reasons = {} if self._issuers else {"it is not one of this scheduler's": None}
        for issuer in self._issuers:
            try:
                return self._named(await verified(token, issuer))
            except JwtError as error:
                reasons[str(error)] = None
        raise RefusedError(f"The token is not accepted: {', '.join(reasons)}")

    def _named(self, identity: Identity) -> Caller:
        if self._clock() >= identity.expires:
            raise RefusedError("The token is not accepted: it has expired")
        granted = self._directory.grants(identity.subjects)
        return Caller(identity.name, Method.JWT, granted, expires=identity.expires, proof=identity.subjects)

    # ------------------------------------------------------------------- only once a while

    async def _once(self, given: str, verify: Callable[[], Awaitable[Caller]]) -> Caller:
        """The caller that was found for the same a moment ago, in the same version of the file; else verify it.

        Several requests at the same time wait for one verification.
        """
        digest = hashlib.blake2b(given.encode(), key=self._key).digest()
        known, now = self._remembered.get(digest), self._monotonic()
        if known is not None and now < known[0] and known[1] is self._directory and self._clock() < known[2].expires:
            return known[2]
        task = self._verifying.get(digest)
        if task is None:
            task = self._verifying[digest] = asyncio.create_task(self._verified(digest, verify))
        return await asyncio.shield(task)

    async def _verified(self, digest: bytes, verify: Callable[[], Awaitable[Caller]]) -> Caller:
        directory = self._directory
        try:
            caller = await verify()
        finally:
            del self._verifying[digest]
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = self._monotonic() + _REMEMBERED, directory, caller
        return caller
