"""The options for the API's own side: names, TLS, proxies; and variables that are empty."""

import json
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from scheduler.cli import process as serving
from scheduler.cli.configuration import Serving
from tests.cli.conftest import Run
from tests.cli.test_scheduler import DEADLINE, NOBODY, scheduler
from tests.fakes.certificates import Authority, Certificate


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Serving]:
    """Collects the configurations that would be served; nothing is started."""
    calls: list[Serving] = []
    monkeypatch.setattr(serving, "serve", calls.append)
    return calls


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The authority of the API and of its clients."""
    return Authority(tmp_path)


def tls(certificate: Certificate) -> tuple[str, ...]:
    """The options for a certificate."""
    return "--tls-cert-file", str(certificate.file), "--tls-key-file", str(certificate.key)


# ----------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("words", "allowed", "refused"),
    [
        ((), ["localhost", "127.0.0.1", "::1"], ["evil.example", "machine", "machine.example.com"]),
        (("--listen", "10.1.2.3:80"), ["machine", "machine.example.com"], ["example.com"]),
        (("--listen", "[::]:80"), ["machine", "machine.example.com"], ["example.com"]),
        (("--listen", "API.example.com:80"), ["api.example.com"], ["example.com"]),
        (("--hostname", "me.example.com"), ["me.example.com"], ["example.com"]),
        (("--hostname", "fd00::7"), ["fd00::7"], ["example.com"]),
        (("--webui-url", "https://ui.example.com:8443/a"), ["ui.example.com"], ["example.com"]),
        (("--executor-base-url", "https://proxy.example.com/a"), ["proxy.example.com"], ["example.com"]),
        (("--allowed-hosts", "a.example, b.example:8443"), ["a.example", "b.example"], ["c.example"]),
        (("--allowed-hosts", "*"), ["anything.example"], []),
        (("--hostname", "not_a host", "--webui-url", "nothing"), ["localhost"], ["nothing"]),
    ],
)
def test_the_names_of_the_api(
    run: Run,
    started: list[Serving],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    allowed: list[str],
    refused: list[str],
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "machine.example.com")
    outcome = run("scheduler", "--master", NOBODY, "--insecure", *words)
    assert outcome.code == 0, outcome.err
    hosts = started[0].hosts
    assert [each for each in allowed if not hosts.allows(each)] == []
    assert [each for each in refused if hosts.allows(each)] == []


def test_pages_of_the_web_ui_and_of_allowed_hosts_are_the_apis_own(run: Run, started: list[Serving]) -> None:
    words = ("--webui-url", "https://ui.example.com:8443/a", "--allowed-hosts", "a.example", "--hostname", "me.example")
    assert run("scheduler", "--master", NOBODY, *words).code == 0
    assert {(each.host, each.port) for each in started[0].hosts.pages} == {
        ("ui.example.com", 8443),
        ("a.example", None),
    }


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (("--allowed-hosts", "http://a.example"), "'http://a.example' is not HOST or HOST:PORT"),
        (("--allowed-hosts", "a b"), "--allowed-hosts"),
        (("--trusted-proxies", "10.0.0.0/8,proxy"), "'proxy' does not appear to be an IPv4 or IPv6"),
        (("--trusted-proxies", "10.0.0.1/8"), "has host bits set"),
        (("--tls-key-file", __file__), "--tls-cert-file"),
        (("--tls-client-ca-file", __file__), "--tls-cert-file"),
        (("--tls-cert-file", "none"), "none"),
        (("--tls-cert-file", __file__), "cannot be used"),
    ],
)
def test_wrong_options_end_with_2(run: Run, words: tuple[str, ...], meaning: str) -> None:
    outcome = run("scheduler", "--master", NOBODY, *words)
    assert outcome.code == 2
    assert meaning in outcome.err


def test_proxies_are_a_list_of_networks(run: Run, started: list[Serving]) -> None:
    assert run("scheduler", "--master", NOBODY, "--trusted-proxies", "10.0.0.0/8, ::1").code == 0
    assert list(map(str, started[0].proxies)) == ["10.0.0.0/8", "::1/128"]


# ------------------------------------------------------------------------ plain HTTP


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:80", ":80", "[::]:80", "10.1.2.3:80", "api.example.com:80", "[fd00::7]:80"]
)
def test_plain_http_is_for_loopback_unless_the_operator_insists(
    run: Run, started: list[Serving], authority: Authority, listen: str
) -> None:
    outcome = run("scheduler", "--master", NOBODY, "--listen", listen)
    assert outcome.code == 2
    assert f"{listen} would be open to the network in plain HTTP" in outcome.err
    assert "--tls-cert-file" in outcome.err
    assert "--insecure" in outcome.err
    unit = run("systemd-unit", "--master", NOBODY, "--listen", listen)
    assert (unit.code, unit.out) == (2, "")
    assert started == []
    for more in (("--insecure",), tls(authority.certify("api"))):
        assert run("scheduler", "--master", NOBODY, "--listen", listen, *more).code == 0
    assert [each.scheme for each in started] == ["http", "https"]


def test_a_local_cluster_is_not_open_to_others_either(run: Run) -> None:
    """Whoever reaches the API of ``podexec up`` as root is root on this machine."""
    outcome = run("up", "--listen", "0.0.0.0:0")
    assert (outcome.code, outcome.out) == (2, "")
    assert "anyone who reaches 0.0.0.0:0 could do anything" in outcome.err
    assert "--insecure" in outcome.err


@pytest.mark.parametrize("listen", ["127.0.0.1:80", "127.7.7.7:80", "[::1]:80", "localhost:80"])
def test_loopback_may_have_plain_http(run: Run, started: list[Serving], listen: str) -> None:
    assert run("scheduler", "--master", NOBODY, "--listen", listen).code == 0
    assert started[0].api_tls is None


@pytest.mark.parametrize(
    ("listen", "more", "told"),
    [
        ("0.0.0.0:0", ("--insecure", "--executor", "default"), 1),
        ("127.0.0.1:0", (), 0),
        ("127.0.0.1:0", ("--insecure",), 0),
    ],
)
def test_plain_http_for_others_is_warned_of_once(listen: str, more: tuple[str, ...], told: int) -> None:
    with scheduler(listen=listen, more=more) as process:
        process.event("serving")
        process.end(15)
    warnings = [line for line in process.seen if "the API has no TLS" in line]
    assert len(warnings) == told
    assert all("--tls-cert-file" in line for line in warnings)


# ------------------------------------------------------------------------------- TLS


def test_a_scheduler_with_tls_has_https_in_all_its_urls(authority: Authority) -> None:
    certificate = authority.certify("api", f"IP:127.0.0.1,DNS:{socket.gethostname()}")
    words = (*tls(certificate), "--hostname", "127.0.0.1")
    context = ssl.create_default_context(cafile=authority.file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with scheduler(listen="0.0.0.0:0", more=words) as process:
        executor = process.event("agents fetch the executor")["uri"]
        url = process.event("serving")["url"]
        assert url.startswith("https://127.0.0.1:")
        assert executor.startswith(f"{url}/executor/")
        with urllib.request.urlopen(f"{url}/v2/info", timeout=DEADLINE, context=context) as answer:
            assert answer.headers["X-Marathon-Leader"] == url
            assert json.load(answer)["marathon_config"]["webui_url"] == url
        with urllib.request.urlopen(executor, timeout=DEADLINE, context=context) as answer:
            assert answer.status == 200
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            urllib.request.urlopen(url.replace("https", "http"), timeout=DEADLINE)
        assert process.end(15) == 0, process.seen


def test_agents_cannot_fetch_the_executor_where_clients_need_certificates(authority: Authority) -> None:
    words = (*tls(authority.certify("api")), "--tls-client-ca-file", str(authority.file))
    with scheduler(listen="0.0.0.0:0", more=words) as process:
        assert process.end() == 2
    assert "--executor-base-url" in "".join(process.seen)


def test_files_of_tls_are_read_by_the_unit(run: Run, authority: Authority) -> None:
    certificate = authority.certify("api")
    unit = run("systemd-unit", "--master", NOBODY, "--listen", "0.0.0.0:443", *tls(certificate))
    assert unit.code == 0, unit.err
    assert str(certificate.key) in unit.out


@pytest.mark.parametrize(("is_trusted", "has_certificate"), [(True, True), (True, False), (False, True)])
def test_commands_use_the_files_in_the_environment(
    run: Run, authority: Authority, monkeypatch: pytest.MonkeyPatch, is_trusted: bool, has_certificate: bool
) -> None:
    own = authority.certify("user")
    for name, file, is_given in (
        ("PODEXEC_CA_FILE", authority.file, is_trusted),
        ("PODEXEC_CERT_FILE", own.file, has_certificate),
        ("PODEXEC_KEY_FILE", own.key, has_certificate),
    ):
        if is_given:
            monkeypatch.setenv(name, str(file))
    words = (*tls(authority.certify("api")), "--tls-client-ca-file", str(authority.file))
    with scheduler(more=words) as process:
        url = process.event("serving")["url"]
        outcomes = [run("pod", "list", "--url", url), run("pod", "exec", "web", "--url", url, "--", "true")]
    if is_trusted and has_certificate:
        assert (outcomes[0].code, outcomes[0].err) == (0, "")
        assert "Pod '/web' does not exist" in outcomes[1].err
    else:
        assert [each.code for each in outcomes] == [1, 1]
        assert all(f"no scheduler answers at {url}" in each.err for each in outcomes), outcomes
        assert all("PODEXEC_CA_FILE" in each.err and "PODEXEC_CERT_FILE" in each.err for each in outcomes)


@pytest.mark.parametrize(
    ("variables", "meaning"),
    [
        ({"PODEXEC_CA_FILE": __file__}, "no CA certificates"),
        ({"PODEXEC_CERT_FILE": __file__}, "cannot be used"),
        ({"PODEXEC_KEY_FILE": __file__}, "a key needs its certificate"),
    ],
)
def test_files_that_commands_cannot_use(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], meaning: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    outcome = run("pod", "list", "--url", "https://127.0.0.1:1")
    assert (outcome.code, meaning in outcome.err) == (2, True)
    assert run("pod", "list", "--url", "http://127.0.0.1:1").code == 1, "plain HTTP needs none of them"


# -------------------------------------------------------------------- empty variables


@pytest.mark.parametrize(
    "name",
    [
        "PODEXEC_HTTP_CREDENTIALS",
        "PODEXEC_MESOS_AUTHENTICATION_PRINCIPAL",
        "PODEXEC_MESOS_AUTHENTICATION_SECRET_FILE",
        "PODEXEC_MESOS_AUTHENTICATION_TOKEN_FILE",
        "PODEXEC_MESOS_AUTHENTICATION_SERVICE_ACCOUNT_FILE",
        "PODEXEC_MESOS_AGENT_AUTHENTICATION_PRINCIPAL",
        "PODEXEC_MESOS_AGENT_AUTHENTICATION_SECRET_FILE",
        "PODEXEC_MESOS_TLS",
        "PODEXEC_MESOS_CA_FILE",
        "LIBPROCESS_SSL_CA_FILE",
        "PODEXEC_TLS_CERT_FILE",
        "PODEXEC_TLS_CLIENT_CA_FILE",
    ],
)
def test_a_protection_is_not_off_because_its_variable_is_empty(
    run: Run, started: list[Serving], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "")
    for command in ("scheduler", "systemd-unit"):
        outcome = run(command, "--master", NOBODY)
        assert outcome.code == 2
        assert f"{name} is set, but empty: give it a value, or unset it" in outcome.err
    assert started == []


def test_the_command_line_comes_before_an_empty_variable(
    run: Run, started: list[Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODEXEC_HTTP_CREDENTIALS", "")
    assert run("scheduler", "--master", NOBODY, "--http-credentials", "me:secret").code == 0
    assert started[0].access.credentials == "me:secret"


def test_empty_lists_of_what_is_allowed_allow_nothing(
    run: Run, started: list[Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODEXEC_ALLOW_INSIDE", "")
    monkeypatch.setenv("PODEXEC_ENABLE_FEATURES", "")
    monkeypatch.setenv("PODEXEC_HOSTNAME", "")
    assert run("scheduler", "--master", NOBODY).code == 0
    assert started[0].allowed_inside == frozenset()
    assert started[0].settings.features == frozenset()
    assert started[0].identity.hostname is None
