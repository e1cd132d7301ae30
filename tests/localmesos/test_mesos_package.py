"""Download and build of Mesos: only the expected bytes, only once, with errors that say what to do."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from localmesos import package
from localmesos.launcher import build
from localmesos.package import EGG, PackageError

from .conftest import WebServer


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return package.cache_folder()


def test_building_a_second_time_does_nothing() -> None:
    first = package.ensure()
    lines: list[str] = []
    assert package.ensure(lines.append) == first
    assert lines == []
    assert (first / "bin" / "mesos-agent").resolve() == first / "libexec" / "mesos"
    for helper in build.HELPER_NAMES.values():
        interpreter, isolated = (first / "libexec" / helper).read_bytes().splitlines()[0].decode().split()
        assert Path(interpreter.removeprefix("#!")).is_file()
        assert isolated == "-I"


def test_other_sources_mean_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.fingerprint()
    (tmp_path / "fetcher.py").write_text("changed")
    monkeypatch.setattr(build, "HELPERS", tmp_path)
    assert build.fingerprint() != before


def test_a_file_in_the_cache_that_is_another_is_refused(empty_cache: Path) -> None:
    empty_cache.mkdir(parents=True)
    (empty_cache / EGG).write_bytes(b"something else")
    with pytest.raises(PackageError, match=r"not the expected file: its SHA-256 is"):
        package.ensure()
    assert not list(empty_cache.glob("build*"))


def test_an_index_with_another_file_of_the_name_is_refused_and_nothing_is_kept(
    empty_cache: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/mesos.scheduler/"] = f'<a href="/files/{EGG}">{EGG}</a>'.encode()
    web.files["/mesos-scheduler/"] = web.files["/mesos.scheduler/"]
    web.files[f"/files/{EGG}"] = b"something else"
    monkeypatch.setenv("PIP_INDEX_URL", web.url)
    with pytest.raises(PackageError, match="not the expected file"):
        package.ensure()
    assert f"/files/{EGG}" in web.requested
    assert [path.name for path in empty_cache.iterdir()] == ["lock"]


@pytest.mark.parametrize("page", [None, b"<a href='other.whl'>other-1.0-py3-none-any.whl</a>"])
def test_an_index_without_the_package_is_named(
    page: bytes | None, empty_cache: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if page is not None:
        web.files["/mesos.scheduler/"] = web.files["/mesos-scheduler/"] = page
    monkeypatch.setenv("PIP_INDEX_URL", web.url)
    with pytest.raises(PackageError, match=rf"{web.url} has no .*PIP_INDEX_URL.*by hand"):
        package.ensure()


def test_no_network_is_said_with_the_index_and_the_way_around(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens on the port "discard"
    with pytest.raises(PackageError, match=r"cannot download .* from the package index http://127.0.0.1:9.*by hand"):
        package.ensure()


def test_another_platform_is_refused_with_the_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(PackageError, match=r"only on Linux x86_64.*--master"):
        package.ensure()


def test_a_missing_compiler_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build.BuildError, match=r"apt-get install g\+\+ binutils"):
        build.build(build.ORIGINAL_PATH, tmp_path / "prefix", package.silent)


def test_a_library_without_the_patched_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match="0 times, not once"):
        build.build(b"no such path", tmp_path / "prefix", package.silent)


def test_pips_environment_wins_over_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://one.invalid/simple")
    monkeypatch.setenv("PIP_CERT", "/some/where.pem")
    assert package.pip_settings() == {"index-url": "http://one.invalid/simple", "cert": "/some/where.pem"}
