"""The option's value and the source it names, variables as a source, and sources of other packages."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.loop.ports import SecretError
from scheduler.secrets import open_source
from scheduler.secrets.base import LARGEST
from scheduler.secrets.environment import EnvironmentSource

_PACKAGE = """
from scheduler.loop.ports import SecretError

class Keeper:
    def __init__(self, argument):
        if argument == "refused":
            raise SecretError("no keeper there")
        self.argument = argument

    def value(self, source):
        if source == "absent":
            raise SecretError("the keeper has none")
        if source == "broken":
            raise RuntimeError("token hush is wrong")
        return {"text": "hush", "large": b"x" * (1024 * 1024 + 1)}.get(source, f"{self.argument}>{source}".encode())
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with the secret sources ``keeper`` and ``missing``."""
    (tmp_path / "keeper_for_podexec.py").write_text(_PACKAGE)
    metadata = tmp_path / "keeper_for_podexec-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: keeper-for-podexec\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[podexec.secret_sources]\nkeeper = keeper_for_podexec:Keeper\nmissing = keeper_for_podexec:None_\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("keeper_for_podexec", None)


@pytest.mark.parametrize(
    ("source", "variable"),
    [
        ("/db/password", "PODEXEC_SECRET_DB_PASSWORD"),
        ("db/password", "PODEXEC_SECRET_DB_PASSWORD"),
        ("/db.main//pass-word/", "PODEXEC_SECRET_DB_MAIN_PASS_WORD"),
        ("Api2Key", "PODEXEC_SECRET_API2KEY"),
    ],
)
def test_a_variable_is_named_by_the_source_in_capitals(
    source: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "hush")
    found = open_source("environment")
    assert found is not None
    assert found.value(source) == b"hush"


def test_the_prefix_can_be_given() -> None:
    source = EnvironmentSource("MINE_", {b"MINE_A": b"\xff", b"PODEXEC_SECRET_A": b"other"})
    assert source.value("/a") == b"\xff"


def test_a_variable_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINE_A", raising=False)
    source = open_source("environment:MINE_")
    assert source is not None
    with pytest.raises(SecretError, match=r"has no variable MINE_A$"):
        source.value("/a")
    with pytest.raises(SecretError, match="no letter or digit"):
        source.value("/")


def test_references_need_no_source() -> None:
    assert open_source("reference") is None


@pytest.mark.usefixtures("package")
def test_a_package_brings_a_source() -> None:
    source = open_source("keeper:https://keeper:8200/x")
    assert source is not None
    assert source.value("/db") == b"https://keeper:8200/x>/db"
    with pytest.raises(SecretError, match=r"^the keeper has none$"):
        source.value("absent")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("broken", "'keeper' failed with RuntimeError"),
        ("text", "'keeper' returned str, not bytes"),
        ("large", f"larger than {LARGEST} bytes"),
    ],
)
def test_a_fault_of_a_package_is_an_error_of_the_secret_and_tells_no_text(name: str, meaning: str) -> None:
    source = open_source("keeper")
    assert source is not None
    with pytest.raises(SecretError, match=meaning) as refused:
        source.value(name)
    assert "hush" not in str(refused.value)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", "use one of directory, environment, keeper, missing, reference, vault"),
        ("keychain:x", "'keychain' is not a known source of secrets"),
        ("directory", "directory:PATH"),
        ("directory:", "directory:PATH"),
        ("reference:x", "accepts no argument after a colon"),
        ("environment:1X", "'1X' cannot begin a variable's name"),
        ("environment:A=", "'A=' cannot begin a variable's name"),
        ("keeper:refused", "no keeper there"),
        ("vault:refused", "must name a server"),
        ("missing", "'missing' .* cannot be loaded"),
    ],
)
def test_a_wrong_option_says_what_is_wrong(text: str, meaning: str) -> None:
    with pytest.raises(SecretError, match=meaning):
        open_source(text)
