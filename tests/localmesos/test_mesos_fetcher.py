"""mesos-fetcher, started as the agent starts it: from every kind of URI into the sandbox."""

from __future__ import annotations

import gzip
import io
import json
import os
import pwd
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from localmesos.launcher import build
from localmesos.libexec import fetcher

from .conftest import WebServer

PROGRAM = Path(fetcher.__file__)


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """An empty sandbox."""
    folder = tmp_path / "sandbox"
    folder.mkdir()
    return folder


def item(value: str, action: str = "BYPASS_CACHE", **uri: Any) -> dict[str, Any]:
    """One thing to fetch, as the agent writes it."""
    named = {"cache_filename": "c1-" + value.rpartition("/")[2]} if action != "BYPASS_CACHE" else {}
    return {"uri": {"value": value, **uri}, "action": action, **named}


def run(sandbox: Path, *items: dict[str, Any], **info: Any) -> subprocess.CompletedProcess[str]:
    """Start the program with nothing but the agent's one variable."""
    text = json.dumps({"sandbox_directory": str(sandbox), "items": list(items), **info})
    command = [sys.executable, str(PROGRAM)]
    return subprocess.run(command, env={"MESOS_FETCHER_INFO": text}, capture_output=True, text=True, check=False)


def fetch(sandbox: Path, *items: dict[str, Any], **info: Any) -> None:
    """Start the program, which has to succeed."""
    done = run(sandbox, *items, **info)
    assert done.returncode == 0, done.stderr


def tar_gz(name: str, data: bytes, mode: int) -> bytes:
    """An archive with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), mode
        archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def zip_archive(name: str, data: bytes, mode: int) -> bytes:
    """An archive with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, data)
    return buffer.getvalue()


def test_a_file_comes_over_http_under_the_name_of_its_path(sandbox: Path, web: WebServer) -> None:
    web.files["/some/file.txt?version=2"] = b"text"
    fetch(sandbox, item(f"{web.url}/some/file.txt?version=2"))
    assert (sandbox / "file.txt").read_bytes() == b"text"


def test_a_file_is_copied_from_a_path_and_from_a_file_uri(sandbox: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("text")
    fetch(sandbox, item(str(tmp_path / "source"), output_file="deep/one"), item(f"file://{tmp_path}/source"))
    assert (sandbox / "deep" / "one").read_text() == (sandbox / "source").read_text() == "text"


def test_a_relative_path_is_taken_from_the_frameworks_home(sandbox: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("text")
    fetch(sandbox, item("source"), frameworks_home=str(tmp_path))
    assert (sandbox / "source").read_text() == "text"
    assert "no --frameworks_home" in run(sandbox, item("source")).stderr


def test_an_executable_is_made_executable_and_not_unpacked(sandbox: Path, web: WebServer) -> None:
    web.files["/tool.tar.gz"] = tar_gz("inside", b"data", 0o644)
    fetch(sandbox, item(f"{web.url}/tool.tar.gz", executable=True))
    assert os.access(sandbox / "tool.tar.gz", os.X_OK)
    assert not (sandbox / "inside").exists()


@pytest.mark.parametrize(("name", "make"), [("a.tar.gz", tar_gz), ("a.tgz", tar_gz), ("a.zip", zip_archive)])
def test_an_archive_is_unpacked_with_its_modes(name: str, make: Any, sandbox: Path, web: WebServer) -> None:
    web.files[f"/{name}"] = make("folder/tool", b"data", 0o755)
    fetch(sandbox, item(f"{web.url}/{name}"))
    assert (sandbox / "folder" / "tool").read_bytes() == b"data"
    assert os.access(sandbox / "folder" / "tool", os.X_OK)


def test_a_compressed_file_is_unpacked(sandbox: Path, web: WebServer) -> None:
    web.files["/notes.txt.gz"] = gzip.compress(b"text")
    fetch(sandbox, item(f"{web.url}/notes.txt.gz"))
    assert (sandbox / "notes.txt").read_bytes() == b"text"


def test_an_archive_is_left_alone_where_extract_is_off(sandbox: Path, web: WebServer) -> None:
    web.files["/a.zip"] = zip_archive("tool", b"data", 0o755)
    fetch(sandbox, item(f"{web.url}/a.zip", extract=False))
    assert [path.name for path in sandbox.iterdir()] == ["a.zip"]


def test_an_archive_can_not_write_outside_of_the_sandbox(sandbox: Path, web: WebServer) -> None:
    web.files["/a.tar.gz"] = tar_gz("../escaped", b"data", 0o644)
    assert run(sandbox, item(f"{web.url}/a.tar.gz")).returncode != 0
    assert not (sandbox.parent / "escaped").exists()


def test_the_cache_is_filled_once_and_used_again(sandbox: Path, tmp_path: Path, web: WebServer) -> None:
    web.files["/file"] = b"text"
    web.files["/a.zip"] = zip_archive("tool", b"data", 0o755)
    cache = str(tmp_path / "cache")
    for action in ("DOWNLOAD_AND_CACHE", "RETRIEVE_FROM_CACHE"):
        fetch(sandbox, item(f"{web.url}/file", action), item(f"{web.url}/a.zip", action), cache_directory=cache)
        assert (sandbox / "file").read_bytes() == b"text"
        assert (sandbox / "tool").read_bytes() == b"data"
        shutil.rmtree(sandbox)
        sandbox.mkdir()
    assert sorted(web.requested) == ["/a.zip", "/file"]


def test_a_missing_file_ends_it_with_the_uri(sandbox: Path, web: WebServer) -> None:
    done = run(sandbox, item(f"{web.url}/absent"), item(f"{web.url}/never-asked"))
    assert done.returncode == 1
    assert f"Failed to fetch '{web.url}/absent': HTTP Error 404" in done.stderr
    assert web.requested == ["/absent"]


@pytest.mark.parametrize(("uri", "said"), [("hdfs://host/file", "hdfs is not supported"), ("http://host/", "no file")])
def test_a_uri_that_can_not_be_fetched_is_named(uri: str, said: str, sandbox: Path) -> None:
    done = run(sandbox, item(uri))
    assert done.returncode == 1
    assert said in done.stderr


def test_root_fetches_as_the_user_of_the_task(sandbox: Path, web: WebServer) -> None:
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    for folder in (sandbox, *sandbox.parents[:3]):  # the folders of pytest are closed to others
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    os.chown(sandbox, user.pw_uid, user.pw_gid)
    web.files["/file"] = b"text"
    text = json.dumps({"sandbox_directory": str(sandbox), "items": [item(f"{web.url}/file")], "user": user.pw_name})
    done = subprocess.run(
        [build.interpreter(), str(PROGRAM)],
        env={"MESOS_FETCHER_INFO": text},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (sandbox / "file").stat().st_uid == user.pw_uid
