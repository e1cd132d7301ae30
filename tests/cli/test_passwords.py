"""A password in a URL, wherever one may be given, appears in no output, log, answer or recording."""

import json
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from scheduler.cli.configuration import Serving, configuration
from scheduler.cli.parameters import PARAMETERS, Parameter
from tests.cli.conftest import Run
from tests.cli.test_hostile_server import COMMANDS, answering, http
from tests.cli.test_scheduler import NOBODY, scheduler, started  # noqa: F401 - a fixture

HUSH = "h4sh"
WITH_HUSH = f"http://me:{HUSH}@127.0.0.1:1/x"
TEXTS = [each for each in PARAMETERS if each.kind in (str, str | None) and each.name != "log_level"]


@pytest.mark.parametrize(
    "url",
    [
        WITH_HUSH,
        f"http://me:{HUSH}@127.0.0.1:99999",
        f"http://me:a/{HUSH}@127.0.0.1:1",
        f"http://me:a@{HUSH}@127.0.0.1:1",
        f"http://me:{HUSH}@[::1",
        f"ftp://me:{HUSH}@127.0.0.1",
        f"http://me:{HUSH}@bad host/",
        f"http://{HUSH}@\x1b/",
    ],
    ids=repr,
)
def test_the_url_of_the_api_is_shown_without_it(
    url: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a client of each kind: of requests, of streams and of the WebSocket."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PODEXEC_URL", url)
    for words in (("pod", "list"), ("events",), ("pod", "logs"), ("pod", "cp"), ("pod", "exec")):
        outcome = run(*words, *COMMANDS[words])
        assert outcome.code in (1, 2)
        assert HUSH not in outcome.out + outcome.err, words
        assert "Traceback" not in outcome.err
    with answering(http("401 x", {"message": f"not {url}"})) as server:
        refused = run("pod", "list", "--url", server.replace("//", f"//me:{HUSH}@"))
    assert (refused.code, HUSH in refused.err) == (1, False)


def test_help_shows_none_that_the_environment_holds(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODEXEC_URL", WITH_HUSH)
    for option in TEXTS:
        monkeypatch.setenv(f"PODEXEC_{option.name.upper()}", WITH_HUSH)
    for words in (*COMMANDS, ("scheduler",), ("systemd-unit",), ("up",)):
        assert HUSH not in run(*words, "--help").out


@pytest.mark.parametrize("words", [("pod", "list"), ("pod", "exec", "web", "-c", "one", "--", "sh")], ids=" ".join)
def test_that_of_a_proxy_neither(words: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for proxy in (WITH_HUSH, f"http://me:{HUSH}@127.0.0.1:99999", f"socks9://me:{HUSH}@127.0.0.1:1"):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        outcome = run(words[0], words[1], "--url", "http://podexec.test:1", *words[2:])
        assert (outcome.code in (1, 2), HUSH in outcome.out + outcome.err) == (True, False), outcome


@pytest.mark.parametrize("option", TEXTS, ids=lambda each: each.name)
def test_no_option_of_the_scheduler_shows_it(
    option: Parameter,
    run: Run,
    started: list[Serving],  # noqa: F811
) -> None:
    """Whether the option is refused or accepted; also in a systemd unit, and in /v2/info."""
    for value in (WITH_HUSH, f"zk://me:{HUSH}@h1:1,h2:2/mesos"):
        given = (option.flag, value) if option.name == "master" else ("--master", NOBODY, option.flag, value)
        for command in ("scheduler", "systemd-unit"):
            outcome = run(command, *given)
            assert HUSH not in outcome.out + outcome.err, command
    for serving in started:
        assert HUSH not in json.dumps(configuration(serving, serving.identity, 512))


def test_what_mesos_shows_to_everybody_has_none(run: Run) -> None:
    outcome = run("scheduler", "--master", NOBODY, "--webui-url", WITH_HUSH)
    assert (outcome.code, "must not contain credentials" in outcome.err) == (2, True)
    outcome = run("scheduler", "--master", f"me:{HUSH}@h1:5050")
    assert (outcome.code, HUSH in outcome.err, "credentials" in outcome.err) == (2, False, True)


def test_a_running_scheduler_tells_none(tmp_path: Path) -> None:
    """In its log, in what it answers, and in its recording."""
    options = ("--executor", WITH_HUSH, "--log-level", "debug", "--record", str(tmp_path / "recording"))
    with scheduler(f"zk://me:{HUSH}@127.0.0.1:1/mesos", more=options) as process:
        address = process.event("serving")["url"]
        for path in ("/v2/info", "/metrics", "/v2/leader", f"/nothing?x={WITH_HUSH}"):
            try:
                with urllib.request.urlopen(f"{address}{path}", timeout=60) as answer:
                    said = answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    said = error.read()
            assert HUSH.encode() not in said, path
        assert process.end(signal.SIGTERM) == 0
    assert [line for line in process.seen if HUSH in line] == []
    assert HUSH.encode() not in (tmp_path / "recording").read_bytes()
