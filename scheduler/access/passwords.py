"""Password hashes: scrypt (RFC 7914), written as ``scrypt:N:R:P:SALT:HASH`` with both in base64.

The parameters of new hashes are one of the sets that OWASP recommends. Each hash states its own, so that they can
change.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from typing import NamedTuple

LONGEST = 1024  # bytes of a password
_N, _R, _P = 2**14, 8, 5
_SALT, _LENGTH = 16, 32
_MOST_MEMORY = 128 * 1024 * 1024
_MOST_WORK = 8 * _N * _R * _P
_FORM = re.compile(r"scrypt:(\d{1,8}):(\d{1,4}):(\d{1,4}):([A-Za-z0-9+/=]{8,128}):([A-Za-z0-9+/=]{24,128})")


class Hash(NamedTuple):
    """A hash with its parameters."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes


def hashed(password: str) -> str:
    """The hash to store for a new password."""
    salt = os.urandom(_SALT)
    digest = _scrypt(password.encode(), Hash(_N, _R, _P, salt, bytes(_LENGTH)))
    return f"scrypt:{_N}:{_R}:{_P}:{base64.b64encode(salt).decode()}:{base64.b64encode(digest).decode()}"


def parsed(text: str) -> Hash:
    """A stored hash. Raises ValueError for another text, and for parameters that would cost too much."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("it is not a hash that 'podexec user add' made")
    n, r, p = (int(each) for each in found.groups()[:3])
    try:
        salt, digest = (base64.b64decode(each, validate=True) for each in found.groups()[3:])
    except binascii.Error:
        raise ValueError("its salt or hash is not base64") from None
    is_valid = n > 1 and n & (n - 1) == 0 and r > 0 and p > 0
    if not is_valid or 128 * n * r > _MOST_MEMORY or n * r * p > _MOST_WORK:
        raise ValueError("its scrypt parameters are not valid, or cost too much")
    return Hash(n, r, p, salt, digest)


def matches(password: str, stored: Hash) -> bool:
    """Whether a password has this hash. Takes tens of milliseconds, without holding the interpreter."""
    given = password.encode()
    return len(given) <= LONGEST and hmac.compare_digest(_scrypt(given, stored), stored.digest)


def _scrypt(password: bytes, how: Hash) -> bytes:
    return hashlib.scrypt(
        password, salt=how.salt, n=how.n, r=how.r, p=how.p, dklen=len(how.digest), maxmem=2 * _MOST_MEMORY
    )


# Compared with the passwords of users who do not exist, so that the time of the answer does not tell whether they do.
NOBODY = Hash(_N, _R, _P, bytes(_SALT), bytes(_LENGTH))
