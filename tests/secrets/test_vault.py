"""Vault as a source: what it reads, with which token, and what every failure says, which is never a value or token."""

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from scheduler.loop.ports import SecretError
from scheduler.secrets import open_source
from scheduler.secrets.base import LARGEST
from scheduler.secrets.vault import open_vault
from scheduler.secrets.vault.http import Server
from tests.fakes.certificates import Authority
from tests.fakes.heard import PATIENCE, Heard
from tests.fakes.vault import ROLE_ID, ROOT, SECRET_ID, Vault, vault

APPROLE = {"VAULT_ROLE_ID": ROLE_ID, "VAULT_SECRET_ID": SECRET_ID}
CANARY = "canary-4711"


@pytest.fixture
def server() -> Iterator[Vault]:
    """A server with the secret ``secret/team-a/db``."""
    with vault() as fake:
        fake.secrets["", "secret/team-a/db"] = {"value": CANARY, "password": "püsh", "number": 7}
        yield fake


def value(server: Vault, source: str, prefix: str = "", **environment: str) -> bytes:
    return open_vault(server.url + prefix, environment or APPROLE).value(source)


def refusal(server: Vault, source: str, prefix: str = "", **environment: str) -> str:
    """Why there is no value; neither that nor the logs, at any level, tell a value or token."""
    with pytest.raises(SecretError) as refused:
        value(server, source, prefix, **environment)
    tellable = f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!s}"
    assert not any(each in tellable for each in (CANARY, ROOT, SECRET_ID, "hvs."))
    return str(refused.value)


# ------------------------------------------------------------------------------ reading


def test_a_field_of_a_secret_is_read_at_each_time_anew(server: Vault) -> None:
    source = open_vault(server.url, APPROLE)

    assert source.value("/team-a/db") == source.value("team-a/db") == CANARY.encode()
    assert source.value("/team-a/db#password") == "püsh".encode()
    server.secrets["", "secret/team-a/db"] = {"value": "new"}
    assert source.value("/team-a/db") == b"new"
    _, path, headers = server.requests.all()[-1]
    assert path == "secret/data/team-a/db"
    assert (headers["X-Vault-Token"], headers["X-Vault-Request"]) == ("hvs.login-1", "true")


def test_an_engine_of_version_1_and_a_prefix(server: Vault) -> None:
    server.secrets["", "kv/shop/db"] = {"value": "one"}
    server.secrets["", "secret/shop/db"] = {"value": "two"}

    assert value(server, "/db", "/v1/kv/shop") == b"one"
    assert value(server, "/db", "/v1/secret/data/shop/") == b"two"


def test_a_namespace(server: Vault) -> None:
    server.secrets["ns1/ns2", "secret/db"] = {"value": "inner"}

    assert value(server, "/db", VAULT_NAMESPACE="ns1/ns2", **APPROLE) == b"inner"
    assert "no such secret" in refusal(server, "/db")


@pytest.mark.parametrize(
    "source", ["/team-a/../team-b/db", "/", "", "/team-a//db", "/./db", "/db/", "#password", "/a\nb", "/a\0b"]
)
def test_no_source_leads_elsewhere(server: Vault, source: str) -> None:
    assert "it is not a path in Vault" in refusal(server, source)
    assert not [each for each in server.requests.all() if each[1].startswith("secret/")]


def test_what_a_url_would_interpret_is_part_of_the_name(server: Vault) -> None:
    for source in ("/a?version=1", "/%2e%2e/b", "/a;b", "/a b"):
        refusal(server, source)
    paths = [path for _, path, _ in server.requests.all() if path.startswith("secret/")]
    assert paths == [
        "secret/data/a%3Fversion%3D1",
        "secret/data/%252e%252e/b",
        "secret/data/a%3Bb",
        "secret/data/a%20b",
    ]


# ----------------------------------------------------------------------------- failures


def test_what_is_not_there_is_told_by_its_path(server: Vault) -> None:
    server.secrets["", "secret/gone"] = None
    server.secrets["", "secret/large"] = {"value": "x" * (LARGEST + 1)}

    assert "no such secret" in (missing := refusal(server, "/none"))
    assert f"{server.url}/v1/secret/data/none" in missing
    assert refusal(server, "/gone") == "the current version of /v1/secret/data/gone in Vault was deleted"
    assert "has no field 'user'" in refusal(server, "/team-a/db#user")
    assert "the field 'number' of /v1/secret/data/team-a/db in Vault is not a string" in refusal(
        server, "/team-a/db#number"
    )
    assert "no such secret" in refusal(server, "/team-a/db", "/v1/secret")


def test_a_value_has_a_limit(server: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    server.secrets["", "secret/large"] = {"value": "x" * (LARGEST + 1), "full": "x" * LARGEST}
    for name, text in APPROLE.items():
        monkeypatch.setenv(name, text)
    source = open_source(f"vault:{server.url}")
    assert source is not None

    assert len(source.value("/large#full")) == LARGEST
    with pytest.raises(SecretError, match=f"larger than {LARGEST} bytes"):
        source.value("/large")


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, "Vault refuses the request (HTTP 400"),
        (403, "check the policies of the token"),
        (412, "not up to date yet"),
        (429, "limits the number of requests"),
        (472, "standby for disaster recovery"),
        (473, "standby"),
        (500, "Vault failed (HTTP 500"),
        (502, "Vault failed (HTTP 502"),
        (503, "sealed or down for maintenance"),
        (204, "Vault refuses the request (HTTP 204"),
    ],
)
def test_a_status_is_told_with_its_path_and_without_the_text_of_the_server(
    server: Vault, status: int, meaning: str
) -> None:
    source = open_vault(server.url, APPROLE)
    source.value("/team-a/db")
    server.answers = [(status, {"errors": [f"{CANARY} {ROOT}"]})] * 3

    with pytest.raises(SecretError) as refused:
        source.value("/team-a/db")

    assert meaning in str(refused.value)
    assert f"{server.url}/v1/" in str(refused.value)
    assert CANARY not in str(refused.value)


def test_a_redirect_is_not_followed(server: Vault) -> None:
    with vault() as other:
        for status in (301, 302, 307, 308):
            source = open_vault(server.url, APPROLE)
            source.value("/team-a/db")
            server.answers = [(status, "")]
            with pytest.raises(SecretError, match="redirects to another one, to which no token is sent"):
                source.value("/team-a/db")
        assert other.requests.all() == []


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", '{"data": 3}', '{"data": {"data": 3}}', '{"data": {}}', "[" * 9999]
)
def test_what_is_no_answer_of_vault(server: Vault, body: str) -> None:
    source = open_vault(server.url, APPROLE)
    source.value("/team-a/db")
    server.answers = [(200, body)]

    with pytest.raises(SecretError, match=r"does not answer like Vault|does not have the form of a secret"):
        source.value("/team-a/db")


def test_an_endless_answer_is_cut_off(server: Vault) -> None:
    source = open_vault(server.url, APPROLE)
    source.value("/team-a/db")
    server.answers = [(200, "x" * (9 * 1024 * 1024))]

    with pytest.raises(SecretError, match="answers with more than 8388608 bytes"):
        source.value("/team-a/db")


def test_a_server_that_sends_byte_by_byte_is_given_up_and_not_asked_again_at_once() -> None:
    """Calls to Mesos wait for secrets: a hundred launches must not wait one after the other."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted: list[socket.socket] = []

        def drip() -> None:
            connection, _ = listening.accept()
            accepted.append(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not stop.wait(0.05):
                connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        slow = Server(f"http://127.0.0.1:{listening.getsockname()[1]}", whole=0.5)
        with pytest.raises(SecretError, match="does not answer: TimeoutError"):
            slow.ask("GET", "/v1/secret/data/a", ROOT)
        with pytest.raises(SecretError, match="did not answer a moment ago"):
            slow.ask("GET", "/v1/secret/data/a", ROOT)
        stop.set()
        thread.join()
        for each in accepted:
            each.close()


def test_nobody_there(server: Vault) -> None:
    source = open_vault("http://127.0.0.1:1", APPROLE)
    with pytest.raises(SecretError, match=r"^http://127\.0\.0\.1:1 does not answer: ConnectError$"):
        source.value("/a")


def test_no_log_at_any_level_has_a_value_or_token(server: Vault, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        assert value(server, "/team-a/db", **APPROLE) == CANARY.encode()
        refusal(server, "/none", **APPROLE)
    told = caplog.text + str(logs)
    assert not any(each in told for each in (CANARY, ROOT, SECRET_ID, "hvs."))


# ---------------------------------------------------------------------------------- TLS


def test_the_server_is_verified_by_its_authority(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    with vault(authority.server(authority.certify("vault"))) as server:
        server.secrets["", "secret/a"] = {"value": CANARY}
        assert open_vault(server.url, APPROLE | {"VAULT_CACERT": str(authority.file)}).value("/a") == CANARY.encode()
        asked = len(server.requests.all())
        for untrusted in ({}, {"VAULT_CACERT": str(other.file)}):
            with pytest.raises(SecretError, match=r"does not answer: .*: its certificate is not trusted: "):
                open_vault(server.url, APPROLE | untrusted).value("/a")
        wrong_name = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(SecretError, match="certificate is not trusted: Hostname mismatch"):
            open_vault(wrong_name, APPROLE | {"VAULT_CACERT": str(authority.file)}).value("/a")
        asks = [each for each in server.requests.all()[asked:] if "login" in each[1]]
        assert asks == []


# ------------------------------------------------------------------------------- tokens


def test_a_token_is_renewed_before_it_ends(server: Vault) -> None:
    server.lasts(ROOT, 6)
    source = open_vault(server.url, {"VAULT_TOKEN": ROOT})

    def renewals(seen: list[Any]) -> bool:
        return len([path for _, path, _ in seen if path == "auth/token/renew-self"]) >= 2

    server.requests.wait_for(renewals, "two renewals")
    assert source.value("/team-a/db") == CANARY.encode()


def test_a_token_that_cannot_be_renewed_is_told(server: Vault) -> None:
    server.renewable = False
    server.lasts(ROOT, 3600)
    told: Heard[Any] = Heard()
    with capture_logs(processors=[lambda _logger, _name, line: told.add(dict(line)) or line]):
        source = open_vault(server.url, {"VAULT_TOKEN": ROOT})
        told.wait_for(
            lambda seen: "the token for Vault cannot be renewed" in [each["event"] for each in seen], "a warning"
        )
        assert source.value("/team-a/db") == CANARY.encode()
    assert ROOT not in str(told.all())


def test_a_token_is_renewed_as_long_as_its_source_is_used(server: Vault) -> None:
    server.lasts(ROOT, 3600)
    before = set(threading.enumerate())
    source = open_vault(server.url, {"VAULT_TOKEN": ROOT})
    server.requests.wait_for(lambda seen: "auth/token/renew-self" in [path for _, path, _ in seen], "a renewal")
    (renewing,) = [each for each in threading.enumerate() if each not in before and each.name == "vault-token"]

    del source

    renewing.join(PATIENCE)
    assert not renewing.is_alive()


def test_a_token_that_is_not_valid(server: Vault) -> None:
    assert "Vault denies it" in refusal(server, "/team-a/db", VAULT_TOKEN="hvs.other")


def test_a_token_reads_what_its_policies_allow(server: Vault) -> None:
    server.tokens["hvs.team-b"] = ("secret/data/team-b/db",)

    assert "Vault denies it" in refusal(server, "/team-a/db", VAULT_TOKEN="hvs.team-b")


def test_a_file_with_a_token_is_read_each_time(server: Vault, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{ROOT}\n")
    source = open_vault(server.url, {"VAULT_TOKEN_FILE": str(file)})
    assert source.value("/team-a/db") == CANARY.encode()

    server.expire(ROOT)
    server.tokens["hvs.renewed"] = None
    file.write_text("hvs.renewed")

    assert source.value("/team-a/db") == CANARY.encode()
    file.unlink()
    with pytest.raises(SecretError, match=r"VAULT_TOKEN_FILE: cannot read .*: FileNotFoundError"):
        source.value("/team-a/db")


def test_an_approle_logs_in_once_and_again_when_its_token_is_refused(server: Vault, tmp_path: Path) -> None:
    file = tmp_path / "secret-id"
    file.write_text(f"{SECRET_ID}\n")
    server.life = 3600
    source = open_vault(server.url, {"VAULT_ROLE_ID": ROLE_ID, "VAULT_SECRET_ID_FILE": str(file)})
    assert source.value("/team-a/db") == source.value("/team-a/db") == CANARY.encode()
    assert logins(server) == 1

    server.expire("hvs.login-1")

    assert source.value("/team-a/db") == CANARY.encode()
    assert logins(server) == 2


def test_a_token_near_its_end_is_replaced_without_being_tried(server: Vault) -> None:
    server.life = 5
    source = open_vault(server.url, APPROLE)
    source.value("/team-a/db")
    source.value("/team-a/db")

    assert logins(server) == 2


def test_a_wrong_approle_is_refused_once(server: Vault) -> None:
    wrong = {"VAULT_ROLE_ID": ROLE_ID, "VAULT_SECRET_ID": "wrong"}

    assert "/v1/auth/approle/login" in refusal(server, "/team-a/db", **wrong)
    assert logins(server) == 1


def test_a_role_without_access_logs_in_twice_at_most(server: Vault) -> None:
    source = open_vault(server.url, APPROLE)
    source.value("/team-a/db")
    server.tokens["hvs.login-1"] = ()
    server.answers = []

    def deny(path: str) -> None:
        server.answers = [(403, {}), (200, {"auth": {"client_token": "hvs.x", "lease_duration": 60}}), (403, {})]
        with pytest.raises(SecretError, match="Vault denies it"):
            source.value(path)

    deny("/team-a/db")
    assert logins(server) == 2


def logins(server: Vault) -> int:
    return len([path for _, path, _ in server.requests.all() if path == "auth/approle/login"])


# ------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("url", "environment", "meaning"),
    [
        ("", {"VAULT_TOKEN": "t"}, "must name a server"),
        ("vault:8200", {"VAULT_TOKEN": "t"}, "must name a server"),
        ("https://vault:port", {"VAULT_TOKEN": "t"}, "must name a server"),
        ("https://vault/v1/a?x=1", {"VAULT_TOKEN": "t"}, "must name a server"),
        ("https://me:hush@vault", {"VAULT_TOKEN": "t"}, "credentials do not belong into the URL"),
        ("http://vault:8200", {"VAULT_TOKEN": "t"}, "http:// is for this machine only"),
        ("https://vault/secret", {"VAULT_TOKEN": "t"}, "must begin with /v1/"),
        ("https://vault", {}, "set one of the variables VAULT_TOKEN, VAULT_TOKEN_FILE and VAULT_ROLE_ID"),
        ("https://vault", {"VAULT_TOKEN": "t", "VAULT_ROLE_ID": "r"}, "set one of the variables"),
        ("https://vault", {"VAULT_TOKEN": "two words"}, "VAULT_TOKEN has no token"),
        ("https://vault", {"VAULT_TOKEN_FILE": "/nowhere"}, "cannot read /nowhere"),
        ("https://vault", {"VAULT_ROLE_ID": "r"}, "needs one of VAULT_SECRET_ID and VAULT_SECRET_ID_FILE"),
        ("https://vault", {"VAULT_TOKEN": "t", "VAULT_CACERT": "/nowhere"}, "VAULT_CACERT: cannot read /nowhere"),
    ],
)
def test_a_wrong_option_says_what_is_wrong(url: str, environment: dict[str, str], meaning: str) -> None:
    with pytest.raises(SecretError, match=meaning) as refused:
        open_vault(url, environment)
    assert "hush" not in str(refused.value)
