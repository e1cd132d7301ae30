"""``podexec user``: who may use the API, from the file to the scheduler's answer."""

import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scheduler.access import file
from scheduler.access.passwords import matches, parsed
from scheduler.api.access import Access
from tests.api.app import app_over
from tests.cli.conftest import Run, serving
from tests.cli.test_scheduler import DEADLINE, scheduler
from tests.fakes.loop import FakeLoop
from tests.terminal import Terminal

POD = {"id": "/team-a/web", "containers": [{"name": "one", "resources": {"cpus": 0.1, "mem": 32}}]}


@pytest.fixture
def principals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file will be; the commands know it."""
    path = tmp_path / "principals.json"
    monkeypatch.setenv("PODEXEC_PRINCIPALS", str(path))
    return path


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_user_is_added_and_changed(run: Run, principals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "correct hörse\n")
    assert run("user", "add", "ada", "--password", "--group", "devs").code == 0
    assert stat.S_IMODE(principals.stat().st_mode) == 0o600
    assert "hörse" not in principals.read_text()
    more = ("--role", "operate", "--path", "/team-a/**", "--path", "/shared", "--group", "ops")
    for _ in range(2):
        assert run("user", "add", "ada", *more).code == 0
    found = file.load(principals)[0]
    assert matches("correct hörse", parsed(found.users["ada"].password or ""))
    assert found.users["ada"].groups == ("devs", "ops")
    assert [(each.subjects, each.paths) for each in found.rules] == [(("ada",), ("/team-a/**", "/shared"))]


@pytest.mark.parametrize(
    ("words", "typed", "reason"),
    [
        (("add", "a:b"), "", "name of user 'a:b'"),
        (("add", "ada", "--group", "x y"), "", "name of group"),
        (("add", "ada", "--role", "view"), "", "--path"),
        (("add", "ada", "--path", "/x"), "", "--role"),
        (("add", "ada", "--role", "view", "--path", "/x/*"), "", "'*'"),
        (("add", "ada", "--role", "king", "--path", "/x"), "", "king"),
        (("add", "ada", "--password"), "short\n", "8 to 1024"),
        (("add", "ada", "--password"), "", "8 to 1024"),
        (("add", "ada", "--password"), "x" * 2000, "8 to 1024"),
        (("add", "ada", "--password"), "with\x1b[2Jcontrol", "control characters"),
        (("token", "ada"), "", "does not exist"),
        (("revoke", "ada", "--yes"), "", "does not exist"),
        (("list",), "", "does not exist"),
    ],
)
def test_mistakes_change_nothing(
    run: Run, principals: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], typed: str, reason: str
) -> None:
    type_in(monkeypatch, typed)
    outcome = run("user", *words)
    assert outcome.code in (1, 2)
    assert reason in outcome.err
    assert not principals.exists()


def test_a_token_is_printed_once_and_only_its_digest_is_kept(run: Run, principals: Path) -> None:
    run("user", "add", "ada")
    made = run("user", "token", "ada", "--name", "ci", "--days", "1")
    assert made.code == 0
    token = made.out.strip()
    assert token.startswith("podexec_")
    assert token not in made.err + principals.read_text()
    again = run("user", "token", "ada", "--name", "ci")
    assert (again.code, again.out, "already has a token ci" in again.err) == (1, "", True)
    kept = file.load(principals)[0].users["ada"].tokens
    assert [each.name for each in kept] == ["ci"]
    assert 86_000 < kept[0].expires_at - time.time() <= 86_400
    run("user", "token", "ada", "--name", "forever", "--days", "0")
    assert file.load(principals)[0].users["ada"].tokens[1].expires is None


def test_a_password_is_typed_twice_and_not_shown(principals: Path) -> None:
    outer, inner = os.openpty()
    command = [sys.executable, "-P", "-m", "scheduler.cli.main", "user", "add", "ada", "--password"]
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
    os.close(inner)
    terminal = Terminal(outer)
    try:
        terminal.types("", "Password: ")
        terminal.types("correct horse\n", "Repeat for confirmation: ")
        terminal.types("another\n", "Password: ")
        terminal.types("correct horse\n", "Repeat for confirmation: ")
        terminal.types("correct horse\n", "User ada is in")
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(outer)
    assert "horse" not in terminal.shown
    assert matches("correct horse", parsed(file.load(principals)[0].users["ada"].password or ""))


def test_what_is_listed_contains_no_hashes(run: Run, principals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "correct horse")
    run("user", "add", "ada", "--password", "--role", "view", "--path", "/**")
    run("user", "token", "ada")
    content = json.loads(principals.read_text())["users"]["ada"]
    for words in (("list",), ("list", "--json")):
        outcome = run("user", *words)
        assert (outcome.code, "ada" in outcome.out, "default" in outcome.out) == (0, True, True)
        assert content["password"] not in outcome.out
        assert content["tokens"][0]["sha256"] not in outcome.out
    [shown] = json.loads(outcome.out)
    assert (shown["password"], shown["rules"]) == (True, ["logs, usage, view on /**"])


def test_a_token_or_a_whole_user_is_revoked(run: Run, principals: Path) -> None:
    run("user", "add", "ada", "--role", "view", "--path", "/a")
    run("user", "add", "bob", "--role", "view", "--path", "/b")
    run("user", "token", "ada", "--name", "one")
    run("user", "token", "ada", "--name", "two")
    assert run("user", "revoke", "ada", "one").code == 0
    assert [each.name for each in file.load(principals)[0].users["ada"].tokens] == ["two"]
    unknown = run("user", "revoke", "ada", "one")
    assert (unknown.code, "two" in unknown.err) == (1, True)
    assert run("user", "revoke", "ada").code == 2, "without a terminal it must be confirmed by --yes"
    assert run("user", "revoke", "ada", "--yes").code == 0
    found = file.load(principals)[0]
    assert (list(found.users), [each.subjects for each in found.rules]) == (["bob"], [("bob",)])
    assert run("user", "revoke", "ada", "--yes").code == 1


@pytest.mark.parametrize("spoil", ["mode", "content"])
def test_an_unusable_file_is_not_replaced(run: Run, principals: Path, spoil: str) -> None:
    run("user", "add", "ada")
    if spoil == "mode":
        principals.chmod(0o644)
    else:
        principals.write_text("{")
    before = principals.read_bytes()
    outcome = run("user", "add", "bob")
    assert (outcome.code, "cannot be used" in outcome.err) == (1, True)
    assert principals.read_bytes() == before


def podexec(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-P", "-m", "scheduler.cli.main", *words]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def test_from_the_file_over_the_scheduler_to_the_command_and_back(run: Run, principals: Path, tmp_path: Path) -> None:
    """A token gives what the rules say, in the scheduler that runs already; it is on no command line and in no log."""
    definition = tmp_path / "pod.json"
    definition.write_text(json.dumps(POD))
    run("user", "add", "ada", "--role", "operate", "--path", "/team-a/**")
    run("user", "add", "bob")
    token = run("user", "token", "ada").out.strip()
    with scheduler(more=("--principals", str(principals))) as process:
        url = process.event("serving")["url"]
        without = podexec("pod", "list", PODEXEC_URL=url)
        assert (without.returncode, "PODEXEC_TOKEN" in without.stderr) == (1, True)
        hers = {"PODEXEC_URL": url, "PODEXEC_TOKEN": token}
        added = podexec("pod", "add", str(definition), **hers)
        assert added.returncode == 0, added.stderr
        assert "/team-a/web" in podexec("pod", "list", **hers).stdout
        refused = podexec("pod", "remove", "/team-b/web", "--yes", **hers)
        assert (refused.returncode, "ada lacks 'operate' on /team-b/web" in refused.stderr) == (1, True)
        his = run("user", "token", "bob").out.strip()
        deadline = time.monotonic() + DEADLINE
        while (seen := podexec("pod", "list", PODEXEC_URL=url, PODEXEC_TOKEN=his)).returncode:
            assert time.monotonic() < deadline, seen.stderr
        assert "team-a" not in seen.stdout
        events = subprocess.Popen(
            [sys.executable, "-P", "-m", "scheduler.cli.main", "events"],
            env=os.environ | hers,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        run("user", "revoke", "ada", "default")
        while (seen := podexec("pod", "list", **hers)).returncode == 0:
            assert time.monotonic() < deadline, "the revoked token is still accepted"
        assert "revoked" in seen.stderr
        _, told = events.communicate(timeout=DEADLINE)
        assert events.returncode == 1, told
        process.end(signal.SIGTERM)
    for secret in (token, his):
        assert secret not in str(process.seen)
        assert secret not in seen.stderr


def test_a_token_in_the_environment_is_sent_and_the_whole_header_takes_its_place(
    run: Run, monkeypatch: pytest.MonkeyPatch, principals: Path
) -> None:

    run("user", "add", "ada")
    token = run("user", "token", "ada").out.strip()
    loop = FakeLoop()
    with serving(app_over(loop, Access(principals=principals))) as url:
        monkeypatch.setenv("PODEXEC_TOKEN", token)
        assert run("pod", "list", "--url", url.replace("//", "//me:wrong@")).code == 0
        monkeypatch.setenv("PODEXEC_AUTHORIZATION", "token=abc")
        refused = run("pod", "list", "--url", url)
        assert (refused.code, "PODEXEC_TOKEN" in refused.err) == (1, True)
        monkeypatch.delenv("PODEXEC_AUTHORIZATION")
        monkeypatch.setenv("PODEXEC_TOKEN", "tökén")
        broken = run("pod", "list", "--url", url)
        assert (broken.code, "PODEXEC_TOKEN" in broken.err, "tökén" in broken.err) == (2, True, False)
        loop.bus.close()
