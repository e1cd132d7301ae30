"""From a header to a caller: passwords, tokens and JWTs, and what happens when the file changes."""

import asyncio
import base64
import itertools
import os
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from scheduler.access import passwords
from scheduler.access.authenticator import Authenticator, BusyError, Credentials, RefusedError
from scheduler.access.callers import EVERYONE, Caller, Method
from scheduler.access.permissions import Permission
from scheduler.access.principals import PrincipalsError
from scheduler.access.tokens import new_token
from tests.access.jwts import OTHER_RSA, issuer, signed
from tests.access.principals import rule, token_record, write

TOKEN, EXPIRED = new_token(), new_token()
HASH = passwords.hashed("correct horse")
USERS = {
    "ada": {"password": HASH, "tokens": [token_record(TOKEN, "ci")], "groups": ["devs"]},
    "bob": {"tokens": [token_record(EXPIRED, "old", "2020-01-01T00:00:00Z")]},
}
RULES = (rule("ada", "/team-a/**"), rule("group:devs", "/shared/web", "view"), rule("oidc:ada", "/oidc/**"))


def basic(user: str, password: str) -> str:
    """The header with a user and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Clock:
    """Two clocks that move together."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with two users."""
    return write(tmp_path / "principals.json", USERS, *RULES)


def within(steps: Coroutine[Any, Any, None]) -> None:
    """Run the steps of a test, with a deadline."""
    asyncio.run(asyncio.wait_for(steps, 30))


async def until(what: Callable[[], bool], clock: Clock) -> None:
    """Let the clock tick until something is so."""
    async with asyncio.timeout(20):
        while not what():
            clock.now += 1.1
            await asyncio.sleep(0.01)


def test_without_any_credentials_everybody_may_do_everything() -> None:
    assert asyncio.run(Authenticator(Credentials()).caller("Bearer x")) is EVERYONE
    assert EVERYONE.may(Permission.ADMIN, "/**")


def test_a_token_gives_what_the_rules_of_its_user_and_groups_say(file: Path) -> None:
    async def steps() -> None:
        authenticator = Authenticator(Credentials(principals=file))
        for header in (f"Bearer {TOKEN}", f"bearer  {TOKEN} ", f"token={TOKEN}", f"Token={TOKEN}"):
            caller = await authenticator.caller(header)
            assert (caller.name, caller.method, caller.token) == ("ada", Method.TOKEN, "ci")
        assert caller.may(Permission.OPERATE, "/team-a/web")
        assert caller.may(Permission.VIEW, "/shared/web")
        assert not caller.may(Permission.OPERATE, "/shared/web")
        assert not caller.sees_all
        assert TOKEN not in repr(caller)

    within(steps())


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "a user and a password or a token"),
        ("Bearer", "not accepted"),
        ("Negotiate abc", "a user and a password or a token"),
        (f"Bearer {new_token()}", "unknown or was revoked"),
        (f"Bearer {TOKEN[:-1]}", "unknown or was revoked"),
        (f"Bearer {TOKEN}x", "unknown or was revoked"),
        (f"Bearer {TOKEN.upper()}", "not accepted"),
        (f"Bearer {EXPIRED}", "'old' of 'bob' has expired"),
        (f"Basic {TOKEN}", "cannot be read"),
        ("Basic ====", "cannot be read"),
        ("Basic /w==", "cannot be read"),
        (basic("ada", "wrong horse"), "Unknown user or wrong password"),
        (basic("ada", ""), "Unknown user or wrong password"),
        (basic("bob", ""), "Unknown user or wrong password"),
        (basic("eve", "correct horse"), "Unknown user or wrong password"),
        (basic("", ""), "Unknown user or wrong password"),
        (basic("oidc:ada", "x"), "Unknown user or wrong password"),
        (f"Bearer {signed()}", "not one of this scheduler's"),
        ("Bearer é", "not accepted"),
    ],
    ids=itertools.count(),  # as several contain a token of this run
)
def test_other_credentials_are_refused_and_never_repeated(file: Path, header: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason) as refused:
        asyncio.run(Authenticator(Credentials(principals=file)).caller(header))
    given = header.partition(" ")[2]
    assert not given or given not in str(refused.value)
    assert "horse" not in str(refused.value)


def test_a_password_costs_its_hash_only_once_in_a_while(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []

    def matches(password: str, stored: passwords.Hash) -> bool:
        hashed.append(password)
        return True

    monkeypatch.setattr(passwords, "matches", matches)

    async def steps() -> None:
        clock = Clock()
        authenticator = Authenticator(Credentials(principals=file), clock, clock)
        many = await asyncio.gather(*(authenticator.caller(basic("ada", "correct horse")) for _ in range(20)))
        assert {each.name for each in many} == {"ada"}
        await authenticator.caller(basic("ada", "correct horse"))
        assert len(hashed) == 1
        clock.now += 61
        await authenticator.caller(basic("ada", "correct horse"))
        assert len(hashed) == 2
        write(file, USERS | {"ada": USERS["ada"] | {"password": passwords.hashed("battery staple")}}, *RULES)
        before = len(hashed)

        async def again() -> None:
            await authenticator.caller(basic("ada", "correct horse"))

        await again()
        async with asyncio.timeout(20):
            while len(hashed) == before:
                clock.now += 1.1
                await asyncio.sleep(0.01)
                await again()

    within(steps())


def test_a_wrong_password_is_never_remembered_as_right_and_a_right_one_not_for_others(file: Path) -> None:
    async def steps() -> None:
        authenticator = Authenticator(Credentials(principals=file))
        assert (await authenticator.caller(basic("ada", "correct horse"))).name == "ada"
        for user, password in (("ada", "correct horsf"), ("bob", "correct horse"), ("ad", "a:correct horse")):
            for _ in range(2):
                with pytest.raises(RefusedError):
                    await authenticator.caller(basic(user, password))

    within(steps())


def test_guesses_wait_in_a_short_queue_and_do_not_hold_tokens(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        authenticator = Authenticator(Credentials(principals=file))
        guesses = [asyncio.create_task(authenticator.caller(basic("ada", f"guess {each}"))) for each in range(200)]
        await asyncio.sleep(0)
        assert (await authenticator.caller(f"Bearer {TOKEN}")).name == "ada"
        results = await asyncio.gather(*guesses, return_exceptions=True)
        kinds = [type(each) for each in results]
        assert set(kinds) == {RefusedError, BusyError}
        assert kinds.count(BusyError) > 100

    monkeypatch.setattr(passwords, "matches", lambda password, stored: False)
    within(steps())


def test_a_user_who_does_not_exist_costs_as_much_as_a_wrong_password(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(passwords, "matches", lambda password, stored: bool(seen.append(stored[:3])))

    async def steps() -> None:
        authenticator = Authenticator(Credentials(principals=file))
        for user in ("ada", "bob", "nobody"):
            with pytest.raises(RefusedError):
                await authenticator.caller(basic(user, "guess"))

    within(steps())
    assert len(seen) == 3
    assert len(set(seen)) == 1, "with the same parameters of scrypt"


def test_the_user_of_the_option_may_do_everything_and_the_file_adds_others(file: Path) -> None:
    async def steps() -> None:
        authenticator = Authenticator(Credentials("root:hüsh:x", file))
        admin = await authenticator.caller(basic("root", "hüsh:x"))
        assert (admin.name, admin.method, admin.may(Permission.ADMIN, "/**")) == ("root", Method.PASSWORD, True)
        assert (await authenticator.caller(basic("ada", "correct horse"))).name == "ada"
        only = Authenticator(Credentials("root:hush"))
        for header in (basic("ada", "correct horse"), basic("root", "hus"), f"Bearer {TOKEN}"):
            with pytest.raises(RefusedError):
                await only.caller(header)

    within(steps())


def test_a_revoked_token_is_refused_within_seconds_and_its_caller_is_no_longer_current(file: Path) -> None:
    async def steps() -> None:
        clock = Clock()
        authenticator = Authenticator(Credentials(principals=file), clock, clock)
        caller = await authenticator.caller(f"Bearer {TOKEN}")
        by_password = await authenticator.caller(basic("ada", "correct horse"))
        assert authenticator.is_current(caller)
        write(file, {"ada": USERS["ada"] | {"tokens": []}, "bob": {}}, *RULES)
        await until(lambda: not authenticator.is_current(caller), clock)
        assert authenticator.is_current(by_password), "only the token was revoked"
        with pytest.raises(RefusedError, match="revoked"):
            await authenticator.caller(f"Bearer {TOKEN}")
        write(file, {"ada": {"password": passwords.hashed("battery staple")}}, rule("ada", "/team-a/**"))
        await until(lambda: not authenticator.is_current(by_password), clock)

    within(steps())


def test_a_caller_whose_permissions_changed_is_no_longer_current(file: Path) -> None:
    async def steps() -> None:
        clock = Clock()
        authenticator = Authenticator(Credentials(principals=file), clock, clock)
        caller = await authenticator.caller(f"Bearer {TOKEN}")
        write(file, USERS, *RULES, rule("ada", "/new/web", "view"))
        await until(lambda: not authenticator.is_current(caller), clock)
        assert authenticator.is_current(await authenticator.caller(f"Bearer {TOKEN}"))

    within(steps())


def test_a_token_ends_when_it_expires(tmp_path: Path) -> None:
    file = write(tmp_path / "p", {"ada": {"tokens": [token_record(TOKEN, "ci", "2027-01-15T08:00:10Z")]}})

    async def steps() -> None:
        clock = Clock()
        authenticator = Authenticator(Credentials(principals=file), clock, clock)
        caller = await authenticator.caller(f"Bearer {TOKEN}")
        clock.now += 9
        assert authenticator.is_current(caller)
        clock.now += 2
        assert not authenticator.is_current(caller)
        with pytest.raises(RefusedError, match="expired"):
            await authenticator.caller(f"Bearer {TOKEN}")

    within(steps())


def _broken(file: Path) -> None:
    file.write_bytes(b"{")


def _public(file: Path) -> None:
    file.chmod(0o644)


def _nowhere(file: Path) -> None:
    file.unlink()


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


@pytest.mark.parametrize("spoil", [_broken, _public, _nowhere, _fifo])
def test_a_file_that_becomes_unusable_keeps_what_it_had_and_is_used_again_once_it_is_mended(
    file: Path, spoil: Callable[[Path], None]
) -> None:
    async def steps() -> None:
        clock = Clock()
        authenticator = Authenticator(Credentials(principals=file), clock, clock)
        caller = await authenticator.caller(f"Bearer {TOKEN}")
        spoil(file)
        with capture_logs() as logs:
            await until(lambda: bool(authenticator.is_current(caller) and logs), clock)
            for _ in range(5):
                clock.now += 2
                assert (await authenticator.caller(f"Bearer {TOKEN}")).name == "ada"
                await asyncio.sleep(0.01)
            assert len(logs) == 1, "it is logged once"
        write(file, {}, *())
        await until(lambda: not authenticator.is_current(caller), clock)

    within(steps())


def test_a_file_that_is_unusable_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Authenticator(Credentials(principals=tmp_path / "none"))
    (tmp_path / "broken").touch(0o600)
    with pytest.raises(PrincipalsError):
        Authenticator(Credentials(principals=tmp_path / "broken"))


def test_a_jwt_gives_what_the_rules_say_until_it_expires(file: Path, tmp_path: Path) -> None:
    async def steps() -> None:
        clock = Clock()
        authenticator = Authenticator(Credentials(None, file, (issuer(tmp_path),)), clock, clock)
        token = signed(exp=int(clock.now) + 100, groups=["devs"])
        for header in (f"Bearer {token}", f"token={token}"):
            caller = await authenticator.caller(header)
            assert (caller.name, caller.method) == ("oidc:ada", Method.JWT)
        assert caller.may(Permission.OPERATE, "/oidc/web")
        assert caller.may(Permission.VIEW, "/shared/web")
        assert not caller.may(Permission.VIEW, "/team-a/web"), "the user ada is somebody else"
        clock.now += 90
        assert (await authenticator.caller(f"Bearer {token}")).name == "oidc:ada"
        assert authenticator.is_current(caller)
        clock.now += 50
        assert not authenticator.is_current(caller)
        with pytest.raises(RefusedError, match="expired"):
            await authenticator.caller(f"Bearer {token}")
        with pytest.raises(RefusedError, match="not signed"):
            await authenticator.caller(f"Bearer {signed(OTHER_RSA)}")

    within(steps())


def test_with_two_issuers_each_names_its_own_users(file: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    dcos = replace(issuer(tmp_path / "other"), issuer="https://dcos.test", prefix="dcos:")

    async def steps() -> None:
        authenticator = Authenticator(Credentials(None, file, (issuer(tmp_path), dcos)))
        names = [
            (await authenticator.caller(f"Bearer {signed(**more)}")).name for more in ({}, {"iss": "https://dcos.test"})
        ]
        assert names == ["oidc:ada", "dcos:ada"]

    within(steps())


def test_callers_are_equal_to_what_they_were(file: Path) -> None:
    async def steps() -> None:
        authenticator = Authenticator(Credentials(principals=file))
        first: Caller = await authenticator.caller(f"Bearer {TOKEN}")
        assert first == await authenticator.caller(f"Bearer {TOKEN}")

    within(steps())
