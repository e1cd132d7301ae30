"""Public keys of an issuer of JWTs, from a JWK set (RFC 7517). Only keys of asymmetric algorithms are used."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LARGEST_SET = 256 * 1024  # bytes
_MOST_KEYS = 100
_LONGEST_KID = 512
_SMALLEST_RSA, _LARGEST_RSA = 2048, 8192  # bits
_OF_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_OF_CURVE: Mapping[str, tuple[str, ...]] = {
    "secp256r1": ("ES256",),
    "secp384r1": ("ES384",),
    "secp521r1": ("ES512",),
}
ALGORITHMS = frozenset({*_OF_RSA, *(each for of_one in _OF_CURVE.values() for each in of_one), "EdDSA"})


@dataclass(frozen=True, slots=True)
class Key:
    """A public key.

    Attributes:
        kid: its id in the set, if it has one.
        public: the key itself.
        algorithms: those with which it verifies.
    """

    kid: str | None
    public: Any
    algorithms: frozenset[str]


def keys_of(content: bytes) -> tuple[Key, ...]:
    """The usable keys of a set; others are left out. Raises ValueError if this is no set, or none of them is usable."""
    if len(content) > LARGEST_SET:
        raise ValueError(f"the JWK set is larger than {LARGEST_SET} bytes")
    try:
        found = msgspec.json.decode(content)
        listed = found["keys"]
        if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
            raise ValueError(f"'keys' must be a list of at most {_MOST_KEYS} keys")
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        raise ValueError("it is not a JWK set: JSON with a list of 'keys'") from None
    keys = tuple(_usable(listed))
    if not keys:
        raise ValueError("the JWK set has no public key that verifies signatures")
    return keys


def _usable(listed: list[Any]) -> Iterator[Key]:
    for each in listed:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig" or each.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        kid = each.get("kid")
        try:
            public = jwt.PyJWK.from_dict(each).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        algorithms = _algorithms(public) & ({each["alg"]} if isinstance(each.get("alg"), str) else ALGORITHMS)
        if algorithms and (kid is None or (isinstance(kid, str) and len(kid) <= _LONGEST_KID)):
            yield Key(kid, public, algorithms)


def _algorithms(public: Any) -> frozenset[str]:
    """What a public key may verify; nothing for a private one, which does not belong into a set."""
    match public:
        case RSAPublicKey() if _SMALLEST_RSA <= public.key_size <= _LARGEST_RSA:
            return frozenset(_OF_RSA)
        case EllipticCurvePublicKey():
            return frozenset(_OF_CURVE.get(public.curve.name, ()))
        case Ed25519PublicKey():
            return frozenset({"EdDSA"})
        case _:
            return frozenset()
