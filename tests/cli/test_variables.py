"""`--var NAME=VALUE`: what `${NAME}` in a file of definitions stands for."""

import json
from pathlib import Path
from typing import Any

import pytest

from scheduler.cli import definitions
from scheduler.cli.errors import CommandError
from scheduler.cli.variables import Variables
from tests.cli.conftest import Run

SHELL = "echo ${GREETING} to ${HOME} from ${MESOS_TASK_ID:-nobody} $$ ${}"


def read(path: Path, text: str, *words: str) -> Any:
    """The one definition in a file."""
    path.write_text(text)
    variables = Variables(words)
    [document] = definitions.read(str(path), variables=variables)
    variables.require_used()
    return document


@pytest.mark.parametrize("name", ["pod.json", "pod.yaml"])
def test_only_named_variables_are_replaced(tmp_path: Path, name: str) -> None:
    text = json.dumps({"id": "/${TEAM}/web", "shell": SHELL, "${TEAM}": ["${TEAM}${TEAM}", 3, None, True]})
    assert read(tmp_path / name, text, "TEAM=a", "GREETING=") == {
        "id": "/a/web",
        "shell": SHELL.replace("${GREETING}", ""),
        "${TEAM}": ["aa", 3, None, True],
    }


def test_yaml_without_quotes_is_typed_by_the_value(tmp_path: Path) -> None:
    text = """
scaling:
  instances: ${N}
environment: {A: "${N}", B: 'x${N}'}
tagged: !!str ${N}
text: |
  ${N} lines
"""
    found = read(tmp_path / "pod.yaml", text, "N=3")
    assert found == {
        "scaling": {"instances": 3},
        "environment": {"A": "3", "B": "x3"},
        "tagged": "3",
        "text": "3 lines\n",
    }


@pytest.mark.parametrize(
    "value", ['", "id": "/evil', "a\nid: /evil", "*x", "{b: c}", "[1]", "\x1b[2J", "${N}", "é" * 9]
)
@pytest.mark.parametrize("name", ["pod.json", "pod.yaml"])
def test_a_value_adds_nothing_but_text(tmp_path: Path, name: str, value: str) -> None:
    found = read(tmp_path / name, '{"id": "/a", "text": "${N}", "plain": "x${N}"}', f"N={value}")
    assert found == {"id": "/a", "text": value, "plain": f"x{value}"}


def test_a_value_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAG", "1.2=3")
    assert read(tmp_path / "pod.json", '{"id": "/a", "tag": "${TAG}"}', "TAG")["tag"] == "1.2=3"


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("ABSENT_HERE", "--var ABSENT_HERE: there is no such environment variable; write --var ABSENT_HERE=VALUE"),
        ("OTHER=1", r"--var: no definition contains \$\{OTHER\}"),
        ("=1", "--var must be NAME=VALUE or NAME, with a NAME of letters, digits and _, not '=1'"),
        ("1A=1", "not '1A=1'"),
        ("A B=1", "not 'A B=1'"),
        ("Ä=1", "not 'Ä=1'"),
        ("A\n=1", r"not 'A\\n=1'"),
    ],
)
def test_a_wrong_variable(tmp_path: Path, word: str, why: str) -> None:
    with pytest.raises(CommandError, match=why) as refused:
        read(tmp_path / "pod.json", '{"id": "/a"}', word)
    assert refused.value.code == 2


def test_values_do_not_fill_the_memory(tmp_path: Path) -> None:
    text = json.dumps({"id": "/a", "text": "${A}" * 1000})
    with pytest.raises(CommandError, match="the values add more than 8 MiB to the definition"):
        read(tmp_path / "pod.json", text, f"A={'x' * 100_000}")


def test_commands_have_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(
        "id: /${TEAM}/web\ncontainers:\n"
        "- {name: a, exec: {command: {shell: 'echo ${HOME}'}}, resources: {cpus: 0.1, mem: 32}}\n"
        "scaling:\n  kind: fixed\n  instances: ${N}\n"
    )
    words = ("--var", "TEAM=shop", "--var", "N=2")
    valid = run("pod", "validate", str(file), *words)
    assert (valid.code, valid.out) == (0, f"{file}: /shop/web is valid\n")
    assert '"echo ${HOME}"' in run("pod", "render", str(file), *words).out
    missing = run("pod", "validate", str(file), "--var", "TEAM=shop")
    assert (missing.code, f"{file}:6: /scaling/instances" in missing.out) == (1, True), missing.out
    for command in ("validate", "render"):
        unused = run("pod", command, str(file), *words, "--var", "MISSPELLED=1")
        assert (unused.code, "no definition contains ${MISSPELLED}" in unused.err) == (2, True), unused.err
