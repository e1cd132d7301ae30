"""The lock of the packages that `make setup` installs: complete, within the ranges of setup.cfg, and enforced."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.audit.report import CLEAN, UNKNOWN, VULNERABLE, Report
from tools.lock.environment import FROM_LOCK, PIP_INSTALL
from tools.lock.requirements import DEV, ROOT, RUNTIME, TOOLS, for_python, locked, wanted

FILES = (RUNTIME, DEV, TOOLS)
OLD = "the lock does not fit setup.cfg: make lock ARGS=--keep"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_lock_has_what_is_required_in_the_range_that_is_stated(file: Path) -> None:
    versions = locked(file)
    for requirement in map(Requirement, wanted()[file]):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement}: {OLD}"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, {version} is locked: {OLD}"


def test_podexec_requires_the_same_versions_with_and_without_development() -> None:
    runtime, dev = locked(RUNTIME), locked(DEV)
    assert {name: dev.get(name) for name in runtime} == runtime


def test_these_tests_run_with_the_locked_versions_and_no_requirement_is_missing() -> None:
    needed = set(requirements("podexec", {"", "dev"}))
    installed = {name: metadata.version(name) for name in needed}
    assert len(needed) > 50
    assert installed == {name: locked(DEV).get(name) for name in needed}, f"run make setup, or {OLD}"


def requirements(name: str, extras: set[str], seen: set[tuple[str, str]] | None = None) -> Iterator[str]:
    """What an installed package requires on this Python, and what that requires, by normalised names."""
    seen = set() if seen is None else seen
    for requirement in map(Requirement, metadata.requires(name) or ()):
        found = canonicalize_name(requirement.name)
        if not any(requirement.marker is None or requirement.marker.evaluate({"extra": each}) for each in extras):
            continue
        yield found
        key = (found, ",".join(sorted(requirement.extras)))
        if key not in seen:
            seen.add(key)
            yield from requirements(found, {"", *requirement.extras}, seen)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_package_has_a_digest_and_no_place_is_stated(file: Path) -> None:
    """The lock is for every index, so it names none."""
    text = re.sub(r"^#.*\n", "", file.read_text(), flags=re.MULTILINE)
    digest = "    --hash=sha256:[0-9a-f]{64}"
    entry = rf"[a-z0-9-]+==[^ /\\]+( ; [\w'<>=!. ()]+)? \\\n({digest} \\\n)*{digest}\n"
    assert re.fullmatch(f"({entry})+", text), f"unexpected in {file.name}: {re.sub(entry, '', text)[:500]}"


def test_each_release_of_python_gets_its_own_versions(tmp_path: Path) -> None:
    """A bundle for another Python than the one that makes it."""
    lock = tmp_path / "lock.txt"
    digest = f"\\\n    --hash=sha256:{'0' * 64}\n"
    conditions = {"1": "python_full_version < '3.11.5'", "2": "python_full_version >= '3.11.5'"}
    lock.write_text(
        "".join(f"a=={version} ; {condition} {digest}" for version, condition in conditions.items())
        + f"b==1 {digest}c==1 ; sys_platform == 'win32' {digest}"
    )
    assert [for_python(lock, release) for release in ("3.11.2", "3.13.0")] == [
        f"a==1 {digest}b==1 {digest}",
        f"a==2 {digest}b==1 {digest}",
    ]
    assert len(re.findall("^[a-z]", for_python(RUNTIME, "3.11.2"), re.MULTILINE)) > 25


def test_setup_installs_nothing_else() -> None:
    make = ["make", "--dry-run", "--always-make", "setup", "VENV=nowhere"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)
    installs = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all("--no-deps" in line for line in installs), "pip must not look for requirements itself"
    assert " ".join(FROM_LOCK[1:-1]) in installs[0]
    assert "--no-build-isolation" in installs[1], "the build runs with the locked setuptools"


def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    """As if the index, or somebody on the way, served another file under that name."""
    entry = re.search(r"^six==.*?(?=^\S)", RUNTIME.read_text(), re.MULTILINE | re.DOTALL)
    assert entry is not None
    lock = tmp_path / "lock.txt"
    lock.write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", entry[0]))
    command = [sys.executable, *PIP_INSTALL, "--no-cache-dir", "--target", str(tmp_path / "into"), *FROM_LOCK]
    done = subprocess.run([*command, str(lock)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "into").exists()


def answer(name: str, *vulnerabilities: str) -> str:
    """Of one package, what pip-audit writes."""
    vulns = ", ".join(f'{{"id": "{each}", "fix_versions": ["2.0"]}}' for each in vulnerabilities)
    return f'{{"name": "{name}", "version": "1.5", "vulns": [{vulns}]}}'


SKIPPED = '{"name": "b", "skip_reason": "not found"}'


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ([answer("a"), answer("b")], CLEAN, "no known vulnerabilities in 2 packages"),
        ([answer("a", "PYSEC-1"), answer("b")], VULNERABLE, "a 1.5: PYSEC-1; fixed in: 2.0"),
        ([answer("a", "PYSEC-1"), SKIPPED], VULNERABLE, "NOT AUDITED: b"),
        ([answer("a"), SKIPPED], UNKNOWN, "NOT AUDITED: b"),
        ([answer("a")], UNKNOWN, "only 1 of 2 packages are audited"),
    ],
)
def test_an_audit_says_what_it_could_not_find_out(answers: list[str], status: int, said: str) -> None:
    report = Report()
    report.add(f'{{"dependencies": [{", ".join(answers)}]}}', ["a", "b"])
    assert report.status == status
    assert said in "\n".join(report.lines())


@pytest.mark.parametrize("output", ["", "no JSON", "[]", '{"fixes": []}'])
def test_an_audit_without_an_answer_is_none(output: str) -> None:
    report = Report()
    report.add(output, ["a"])
    assert report.status == UNKNOWN
