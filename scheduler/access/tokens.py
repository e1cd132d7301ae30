"""podexec's own tokens: 256 random bits after a prefix by which scanners for leaked secrets recognise them.

Only their SHA-256 is stored: unlike a password, a token cannot be guessed, so a fast hash is enough.
"""

import hashlib
import secrets

PREFIX = "podexec_"


def new_token() -> str:
    """A token."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is stored of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()
