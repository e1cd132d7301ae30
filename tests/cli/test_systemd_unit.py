"""``podexec systemd-unit``, as systemd itself reads what it prints."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from scheduler.cli.unit_file import quoted
from tests.access.jwts import JWKS
from tests.access.principals import write
from tests.cli.conftest import Run

MASTER = ("--master", "zk://10.0.0.1:2181,10.0.0.2:2181/mesos")
PROGRAM = "/opt/podexec/bin/podexec"
_START = f"Command Line: {PROGRAM} ".encode()  # in what systemd prints of all units
_NOBODY = 65534


@pytest.fixture
def run(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``podexec systemd-unit`` as an installed command, with a master."""
    monkeypatch.setattr(sys, "argv", [PROGRAM])
    return lambda *words: run("systemd-unit", *MASTER, *words)


def settings(unit: str) -> dict[str, list[str]]:
    """The values of each key of a unit."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def command_of(unit: str) -> list[str]:
    """The words of ExecStart that need no quotes."""
    (line,) = settings(unit)["ExecStart"]
    return line.split()


def as_systemd_reads(unit: str) -> list[str]:
    """The words after PROGRAM, out of what systemd's test mode prints: in quotes, with C escapes."""
    command = ["/lib/systemd/systemd", "--test", "--system", "--unit=podexec.service"]
    if os.geteuid() == 0:  # systemd's test mode refuses root
        command = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *command]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        Path(folder, "podexec.service").write_text(unit)
        units = {"SYSTEMD_UNIT_PATH": f"{folder}:"}  # in addition to the system's
        done = subprocess.run(command, capture_output=True, env=units, timeout=60, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if _START in line]
    assert len(lines) == 1, done.stderr.decode(errors="replace")
    words = re.findall(rb'"((?:\\.|[^"\\])*)"|([^\s"]+)', lines[0].partition(_START)[2])
    return [re.sub(rb"\\([0-7]{3}|.)", _unescaped, b"".join(word)).decode().replace("$$", "$") for word in words]


def _unescaped(found: re.Match[bytes]) -> bytes:
    plain = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"s": b" "}
    text = found[1]
    return bytes([int(text, 8)]) if len(text) == 3 else plain.get(text, text)


def test_systemd_accepts_the_unit(run: Run, tmp_path: Path) -> None:
    unit = tmp_path / "podexec.service"
    program = tmp_path / "podexec"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit.write_text(run("--run-as", "daemon").out.replace(PROGRAM, str(program)))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_has_the_given_options_and_a_store_that_lasts(run: Run) -> None:
    outcome = run("--mesos-role", "web", "--disable-maintenance-mode", "--no-mesos-tls")
    assert (outcome.code, outcome.err) == (0, "")
    words = command_of(outcome.out)
    assert words[:4] == [PROGRAM, "scheduler", *MASTER]
    assert set(words[4:]) == {
        *("--store", "sqlite:////var/lib/podexec/podexec.db", "--mesos-role", "web"),
        *("--disable-maintenance-mode", "--no-mesos-tls"),
    }
    assert settings(outcome.out)["User"] == ["podexec"]


def test_an_option_set_by_a_variable_is_in_the_unit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODEXEC_FRAMEWORK_NAME", "pods")
    words = command_of(run().out)
    assert words[words.index("--framework-name") + 1] == "pods"


WORDS = (
    *(
        "",
        " ",
        ";",
        "a b",
        "$HOME",
        "${HOME}",
        "$$",
        "%h",
        "%%",
        '"',
        "'",
        "it's",
        "\\",
        "\\n",
        "a\nb",
        "\t",
        "\x1b[31m",
    ),
    *("é漢字", "\u202e", "\u2028", "#x", "-", "=", "x;y", "@x", "a" * 3000, "[markup]"),
)


def test_systemd_reads_every_word_as_it_was_given() -> None:
    unit = f"[Service]\nExecStart={PROGRAM} {' '.join(map(quoted, WORDS))}\n"
    assert as_systemd_reads(unit) == list(WORDS)


def test_systemd_starts_the_scheduler_with_the_given_words(run: Run) -> None:
    unit = run("--framework-name", 'my "pods" for 100 % of $USERS').out
    read = as_systemd_reads(unit)
    assert read[read.index("--framework-name") + 1] == 'my "pods" for 100 % of $USERS'


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--http-credentials", "ada:s3cret"), "PODEXEC_HTTP_CREDENTIALS=…"),
        (("--master", "zk://ada:s3cret@10.0.0.1:2181/mesos"), "PODEXEC_MASTER=…"),
        (("--executor-base-url", "https://ada:s3cret@example.com/"), "PODEXEC_EXECUTOR_BASE_URL=…"),
    ],
)
def test_secrets_are_not_printed(run: Run, words: tuple[str, ...], line: str) -> None:
    outcome = run(*words)
    assert outcome.code == 0
    assert words[0] not in command_of(outcome.out)
    assert "s3cret" not in outcome.out + outcome.err
    assert f"{words[0]} contains a secret" in outcome.err
    assert f"add the line {line} to /etc/podexec/podexec.env" in outcome.err


def test_a_secret_in_a_variable_is_not_printed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODEXEC_HTTP_CREDENTIALS", "ada:s3cret")
    outcome = run()
    assert "s3cret" not in outcome.out + outcome.err
    assert "PODEXEC_HTTP_CREDENTIALS=…" in outcome.err


def test_files_are_found_from_any_folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("secret", "executor.pyz"):
        Path(name).write_text("x\n")
    words = ("--mesos-authentication-principal", "p", "--mesos-authentication-secret-file", "secret")
    found = command_of(run(*words, "--executor", "executor.pyz").out)
    assert found[found.index("--mesos-authentication-secret-file") + 1] == str(tmp_path / "secret")
    assert found[found.index("--executor") + 1] == str(tmp_path / "executor.pyz")


def test_the_files_of_access_control_are_found_from_any_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "principals.json", {})
    Path("jwks.json").write_text(json.dumps(JWKS))
    words = ("--oidc-issuer", "https://issuer.test", "--oidc-audience", "podexec", "--oidc-jwks", "jwks.json")
    found = command_of(run("--principals", "principals.json", *words, "--dcos-jwks", "https://leader.test/jwks").out)
    assert found[found.index("--principals") + 1] == str(tmp_path / "principals.json")
    assert found[found.index("--oidc-jwks") + 1] == str(tmp_path / "jwks.json")
    assert found[found.index("--dcos-jwks") + 1] == "https://leader.test/jwks"


def test_what_the_scheduler_writes_elsewhere_is_writable(run: Run) -> None:
    unit = settings(run("--store", "sqlite:////srv/pod exec/pods.db", "--record", "/home/ada/recording").out)
    assert unit["ReadWritePaths"] == ["/home/ada", '"/srv/pod exec"']
    assert unit["ProtectHome"] == ["read-only"]
    unit = settings(run("--record", "recording").out)
    assert "ReadWritePaths" not in unit
    assert unit["ProtectHome"] == ["yes"]


@pytest.mark.parametrize(("port", "capabilities"), [(443, "CAP_NET_BIND_SERVICE"), (8080, ""), (1024, ""), (0, "")])
def test_a_privileged_port_needs_a_capability(run: Run, port: int, capabilities: str) -> None:
    unit = settings(run("--listen", f"0.0.0.0:{port}", "--insecure").out)
    assert unit["CapabilityBoundingSet"] == [capabilities]
    assert unit.get("AmbientCapabilities", [""]) == [capabilities]


@pytest.mark.parametrize("user", ["", "a b", "x\ny", "%u", "-x", "ada\n"])
def test_an_impossible_user_is_refused(run: Run, user: str) -> None:
    outcome = run("--run-as", user)
    assert outcome.code == 2
    assert "--run-as" in outcome.err
    assert outcome.out == ""


def test_wrong_options_are_refused_as_by_the_scheduler(run: Run) -> None:
    outcome = run("--listen", "nowhere")
    assert outcome.code == 2
    assert "'nowhere' is not HOST:PORT" in outcome.err
    assert outcome.out == ""
