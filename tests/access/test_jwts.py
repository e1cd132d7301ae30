"""JWTs: which are believed. Each attack on a verifier of JWTs that is known is refused, with its reason."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scheduler.access.jwts import LARGEST, Identity, Issuer, JwtError, verified
from tests.access.jwts import AUDIENCE, EC, ED, ISSUER, JWKS, OTHER_RSA, RSA, claims, issuer, jwk, signed


def who(token: str, of: Issuer) -> Identity:
    """Whom a token names."""
    return asyncio.run(verified(token, of))


def why(token: str, of: Issuer) -> str:
    """Why a token is refused."""
    with pytest.raises(JwtError) as refused:
        who(token, of)
    return str(refused.value)


def handmade(header: Any, payload: Any, signature: bytes = b"") -> str:
    """A token of any parts."""
    parts = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, payload)]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (*parts, signature)).decode()


def with_signature(header: Any, payload: Any, key: rsa.RSAPrivateKey) -> str:
    """A token of any parts that is signed nevertheless."""
    body = handmade(header, payload).rpartition(".")[0]
    signature = jwt.get_algorithm_by_name("RS256").sign(body.encode(), key)
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def with_hmac(header: Any, key: bytes) -> str:
    """A token that is signed with a secret: a public key, in the place of one."""
    body = handmade(header, claims()).rpartition(".")[0]
    mac = hmac.digest(key, body.encode(), hashlib.sha256)
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.fixture
def of(tmp_path: Path) -> Issuer:
    """An issuer with a key of each type."""
    return issuer(tmp_path)


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "rsa"), (RSA, "PS512", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed"), (RSA, "RS384", None)],
)
def test_a_token_of_the_issuer_names_its_user_and_groups(of: Issuer, key: Any, algorithm: str, kid: str | None) -> None:
    token = signed(key, algorithm, kid, groups=["devs", "Domain Admins"], aud=["other", AUDIENCE])
    found = who(token, of)
    assert (found.name, found.subjects) == ("oidc:ada", ("oidc:ada", "group:devs", "group:Domain Admins"))
    assert found.expires > time.time() + 500


def test_the_claims_for_user_and_groups_can_be_chosen(tmp_path: Path) -> None:
    chosen = issuer(tmp_path, username_claim="email", groups_claim="role")
    assert who(signed(email="ada@x.test", role="devs"), chosen).subjects == ("oidc:ada@x.test", "group:devs")
    assert who(signed(uid="bot", groups=["x"]), issuer(tmp_path, username_claim="uid", groups_claim=None)).subjects == (
        "oidc:bot",
    )


def test_a_token_of_dcos_names_a_service_account(tmp_path: Path) -> None:
    """It names neither an issuer nor an audience, and often no key."""
    dcos = issuer(tmp_path, issuer=None, audience=None, username_claim="uid", groups_claim=None, prefix="dcos:")
    token = jwt.encode({"uid": "bot", "exp": int(time.time()) + 60}, RSA, algorithm="RS256")
    assert who(token, dcos).subjects == ("dcos:bot",)
    assert "signed" in why(jwt.encode({"uid": "bot", "exp": int(time.time()) + 60}, OTHER_RSA, algorithm="RS256"), dcos)


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", None, 0, ["RS256"], {}])
def test_a_token_without_a_signature_is_refused(of: Issuer, algorithm: Any) -> None:
    for signature in (b"", b"x"):
        assert "algorithm" in why(handmade({"alg": algorithm, "kid": "rsa"}, claims(), signature), of)


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_not_a_secret_to_sign_with(of: Issuer, name: str) -> None:
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for key in (pem, pem.strip(), json.dumps(JWKS["keys"][0]).encode(), b""):
        assert "algorithm" in why(with_hmac({"alg": name, "kid": "rsa", "typ": "JWT"}, key), of)


def test_a_secret_in_the_key_set_is_not_used(tmp_path: Path) -> None:
    secret = {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(b"0" * 32).decode(), "alg": "HS256"}
    of = issuer(tmp_path, {"keys": [secret, *JWKS["keys"]]})
    assert "algorithm" in why(with_hmac({"alg": "HS256", "kid": "shared"}, b"0" * 32), of)


@pytest.mark.parametrize(
    "kid", ["../../../dev/null", "/etc/passwd", "' OR 1=1 --", "http://evil.test/jwks", "ec", "", "x" * 5000, "\x00"]
)
def test_the_key_id_selects_a_key_and_nothing_else(of: Issuer, kid: str) -> None:
    """It is no path, query or URL; that of another key does not help either."""
    assert "signed" in why(signed(OTHER_RSA, kid=kid), of)
    assert "signed" in why(signed(RSA, kid=kid), of)


def test_a_key_that_the_token_brings_along_is_not_used(of: Issuer) -> None:
    for more in (
        {"jwk": jwk(OTHER_RSA, "rsa")},
        {"jku": "http://127.0.0.1:1/jwks"},
        {"x5u": "http://127.0.0.1:1/chain", "x5c": ["AAAA"]},
    ):
        forged = jwt.encode(claims(), OTHER_RSA, algorithm="RS256", headers={"kid": "rsa", **more})
        assert "signed" in why(forged, of)


def test_extensions_that_must_be_understood_are_refused(of: Issuer) -> None:
    token = jwt.encode(claims(), RSA, algorithm="RS256", headers={"kid": "rsa", "crit": ["x"], "x": 1})
    assert why(token, of)


def test_a_key_verifies_only_the_algorithms_of_its_type_and_use(tmp_path: Path) -> None:
    small = rsa.generate_private_key(65537, 1024)
    keys = [
        jwk(RSA, "only-512", alg="RS512"),
        jwk(OTHER_RSA, "to-encrypt", use="enc"),
        jwk(small, "small"),
        jwk(EC, "ec"),
        jwk(ec.generate_private_key(ec.SECP384R1()), "p384"),
        {"kty": "RSA", "kid": "broken", "n": "?", "e": 1},
        "not a key",
    ]
    of = issuer(tmp_path, {"keys": keys})
    assert who(signed(RSA, "RS512", "only-512"), of).name == "oidc:ada"
    for token in (
        signed(RSA, "RS256", "only-512"),
        signed(OTHER_RSA, "RS256", "to-encrypt"),
        with_signature({"alg": "RS256", "kid": "small"}, json.dumps(claims()).encode(), small),
        signed(RSA, "RS512", "ec"),
        signed(EC, "ES256", "p384"),
        signed(RSA, "RS256", "broken"),
    ):
        assert "signed" in why(token, of)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": int(time.time()) - 40}, "expired"),
        ({"exp": None}, "no claim 'exp'"),
        ({"nbf": int(time.time()) + 86_400}, "not valid yet"),
        ({"iat": int(time.time()) + 86_400}, "not valid yet"),
        ({"aud": "other"}, "audience"),
        ({"aud": ["other"]}, "audience"),
        ({"aud": []}, "'aud'"),
        ({"aud": None}, "no claim 'aud'"),
        ({"iss": "https://evil.test"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "no claim 'iss'"),
        ({"sub": None}, "'sub'"),
        ({"sub": ""}, "'sub'"),
        ({"sub": "x" * 300}, "'sub'"),
        ({"sub": "a\x1b[2Jb"}, "'sub'"),
        ({"groups": {"a": 1}}, "'groups'"),
        ({"groups": ["a", 1]}, "'groups'"),
        ({"groups": [str(number) for number in range(1001)]}, "'groups'"),
    ],
)
def test_a_token_with_other_claims_is_refused(of: Issuer, changed: dict[str, Any], reason: str) -> None:
    assert reason in why(signed(**changed), of)


def test_clocks_may_differ_a_little(of: Issuer) -> None:
    now = int(time.time())
    assert who(signed(exp=now - 5), of).name == who(signed(nbf=now + 5, iat=now + 5), of).name == "oidc:ada"


@pytest.mark.parametrize("exp", ['"soon"', "1e999", "-1e999", "NaN", "null", "[]", "true", "1" * 5000])
def test_numbers_that_are_none_do_not_break_anything(of: Issuer, exp: str) -> None:
    header = json.dumps({"alg": "RS256", "kid": "rsa"}).encode()
    payload = json.dumps(claims(exp=0)).replace('"exp": 0', f'"exp": {exp}').encode()
    assert why(with_signature(header, payload, RSA), of)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "....",
        "é.é.é",
        signed()[:-10],
        handmade(b"[" * 10_000, b"{}"),
        handmade(b"{}", b"{}"),
        handmade([], {}),
        handmade({"alg": "RS256", "kid": 7}, {}),
        handmade({"alg": "RS256", "kid": "rsa"}, b"[" * 10_000, b"x"),
        "x" * (LARGEST + 1),
        signed(more="x" * LARGEST),
    ],
)
def test_what_is_no_token_is_refused(of: Issuer, token: str) -> None:
    assert why(token, of)
