"""JSON Web Tokens of issuers: which are believed, and whom they name.

Nothing in a token chooses how it is verified: its ``kid`` only selects among the issuer's keys, each of which verifies
the algorithms of its own type; its ``jku``, ``x5u`` and ``jwk`` are ignored, and extensions that must be understood
(``crit``) are refused.
"""

from dataclasses import dataclass
from typing import Any

import jwt

from scheduler.access.jwks import ALGORITHMS
from scheduler.access.keyring import Keyring
from scheduler.access.principals import GROUP

LARGEST = 16 * 1024
_LEEWAY = 30  # seconds that clocks may differ
_LONGEST_NAME = 256
_MOST_GROUPS = 1000


class JwtError(Exception):
    """A token is not believed; says why."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are believed.

    Attributes:
        keyring: its keys.
        issuer, audience: what ``iss`` and ``aud`` must be; None: its tokens have no such claim.
        username_claim: the claim that names the user.
        groups_claim: the claim with the user's groups, a list or a single one; None: there is none.
        prefix: precedes the user's name, which is only the issuer's to give.
    """

    keyring: Keyring
    issuer: str | None
    audience: str | None
    username_claim: str
    groups_claim: str | None
    prefix: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token names.

    Attributes:
        name: with the issuer's prefix.
        subjects: the subjects of rules that it is.
        expires: seconds since the epoch.
    """

    name: str
    subjects: tuple[str, ...]
    expires: float


async def verified(token: str, issuer: Issuer) -> Identity:
    """Whom a token of this issuer names. Raises JwtError."""
    if len(token) > LARGEST:
        raise JwtError(f"it is longer than {LARGEST} characters")
    header = _header(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise JwtError("its algorithm is not an accepted asymmetric one")
    if "crit" in header or not isinstance(kid, str | None):
        raise JwtError("its header is not valid")
    for key in await issuer.keyring.candidates(kid, algorithm):
        try:
            return _identity(_claims(token, key.public, algorithm, issuer), issuer)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise JwtError(_reason(error)) from None
    raise JwtError("it is not signed with a key of the issuer")


def _header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise JwtError("it is not a JSON Web Token") from None


def _claims(token: str, key: Any, algorithm: str, issuer: Issuer) -> dict[str, Any]:
    required = ["exp", *(["iss"] if issuer.issuer else []), *(["aud"] if issuer.audience else [])]
    return jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        audience=issuer.audience,
        issuer=issuer.issuer,
        leeway=_LEEWAY,
        options={"require": required, "verify_aud": issuer.audience is not None},
    )


def _reason(error: Exception) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "it has expired"
        case jwt.ImmatureSignatureError():
            return "it is not valid yet"
        case jwt.InvalidAudienceError():
            return "it is for another audience"
        case jwt.InvalidIssuerError():
            return "it is from another issuer"
        case jwt.MissingRequiredClaimError(claim=claim):
            return f"it has no claim '{claim}'"
        case _:
            return "it cannot be read"


def _identity(claims: dict[str, Any], issuer: Issuer) -> Identity:
    name = claims.get(issuer.username_claim)
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise JwtError(f"its claim '{issuer.username_claim}' does not name a user")
    groups = claims.get(issuer.groups_claim, []) if issuer.groups_claim is not None else []
    listed = [groups] if isinstance(groups, str) else groups
    if not isinstance(listed, list) or len(listed) > _MOST_GROUPS or not all(isinstance(each, str) for each in listed):
        raise JwtError(f"its claim '{issuer.groups_claim}' is not a list of at most {_MOST_GROUPS} groups")
    full = issuer.prefix + name
    return Identity(full, (full, *(GROUP + each for each in listed)), float(claims["exp"]) + _LEEWAY)
