"""An issuer of JWTs, with keys of several types."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from scheduler.access.jwts import Issuer
from scheduler.access.keyring import Keyring
from scheduler.access.sources import source_of
from scheduler.model.json import Json

ISSUER, AUDIENCE = "https://issuer.test", "podexec"
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str | None, **more: Any) -> Json:
    """The public part of a private key, as a JWK."""
    algorithm = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    name = next((name for kind, name in algorithm.items() if isinstance(key, kind)), "EdDSA")
    made = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    return {**made, **({} if kid is None else {"kid": kid}), **more}


JWKS: Json = {"keys": [jwk(RSA, "rsa"), jwk(EC, "ec"), jwk(ED, "ed")]}


def claims(**more: Any) -> Json:
    """Claims of a valid token; those that are None are left out."""
    now = int(time.time())
    all_of_them = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 600} | more
    return {name: value for name, value in all_of_them.items() if value is not None}


def signed(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", **more: Any) -> str:
    """A token with these claims."""
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers=headers)


def issuer(folder: Path, jwks: Json = JWKS, **more: Any) -> Issuer:
    """The issuer, with its keys in a file."""
    file = folder / "jwks.json"
    file.write_text(json.dumps(jwks))
    described = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "username_claim": "sub",
        "groups_claim": "groups",
        "prefix": "oidc:",
    }
    return Issuer(Keyring(source_of(str(file))), **described | more)
