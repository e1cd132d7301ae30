"""Passwords and tokens, as they are stored."""

import pytest

from scheduler.access import passwords, tokens


def test_a_password_matches_its_hash_and_no_other() -> None:
    first, second = passwords.hashed("correct hörse"), passwords.hashed("correct hörse")
    assert first != second, "each has a salt of its own"
    assert "hörse" not in first
    assert passwords.matches("correct hörse", passwords.parsed(first))
    for wrong in ("", "correct horse", "correct hörse ", "x" * 1_000_000):
        assert not passwords.matches(wrong, passwords.parsed(first))
    assert not passwords.matches("", passwords.NOBODY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hush",
        "scrypt:16384:8:1:short:short",
        "scrypt:16383:8:1:AAAAAAAAAAAAAAAAAAAAAA==:" + 43 * "A" + "=",  # not a power of two
        "scrypt:1:8:1:AAAAAAAAAAAAAAAAAAAAAA==:" + 43 * "A" + "=",
        "scrypt:16384:0:1:AAAAAAAAAAAAAAAAAAAAAA==:" + 43 * "A" + "=",
        "scrypt:16777216:8:1:AAAAAAAAAAAAAAAAAAAAAA==:" + 43 * "A" + "=",  # 16 GB
        "scrypt:16384:8:9999:AAAAAAAAAAAAAAAAAAAAAA==:" + 43 * "A" + "=",  # minutes
        "scrypt:16384:8:1:AAAAAAAAAAAAAAAAAAAAA===:" + 43 * "A" + "=",
    ],
)
def test_a_hash_that_is_none_or_that_would_stall_the_scheduler_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hash|base64|parameters"):
        passwords.parsed(text)


def test_tokens_are_random_and_only_their_digest_is_stored() -> None:
    made = {tokens.new_token() for _ in range(100)}
    assert len(made) == 100
    for token in made:
        assert token.startswith("podexec_")
        assert len(token) - len("podexec_") == 43, "256 bits"
        assert token not in tokens.digest(token)
