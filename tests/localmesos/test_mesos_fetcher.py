"""mesos-fetcher, started as by an agent, with every kind of URI."""

from __future__ import annotations

import gzip
import io
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from localmesos.launcher import build

from .conftest import WebServer


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """An empty sandbox."""
    folder = tmp_path / "sandbox"
    folder.mkdir()
    return folder


def item(value: str, action: str = "BYPASS_CACHE", **uri: Any) -> dict[str, Any]:
    """One item to fetch, as the agent passes it."""
    named = {"cache_filename": "c1-" + value.rpartition("/")[2]} if action != "BYPASS_CACHE" else {}
    return {"uri": {"value": value, **uri}, "action": action, **named}


def run(sandbox: Path, *items: dict[str, Any], **info: Any) -> subprocess.CompletedProcess[str]:
    """Run the program with nothing but the agent's variable."""
    text = json.dumps({"sandbox_directory": str(sandbox), "items": list(items), **info})
    command = [sys.executable, "-P", "-m", "localmesos.libexec.fetcher"]
    return subprocess.run(command, env={"MESOS_FETCHER_INFO": text}, capture_output=True, text=True, check=False)


def fetch(sandbox: Path, *items: dict[str, Any], **info: Any) -> None:
    """Run the program, which must succeed."""
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
    fetch(sandbox, item(f"file://localhost{tmp_path}/source", output_file="two"))
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


@pytest.mark.parametrize(
    "second",
    [
        {"output_file": "lnk/escaped"},
        {"output_file": "../outside/escaped"},
        {"value": "a.tar.gz"},
        {"value": "file.gz", "output_file": "lnk/file.gz"},
    ],
)
def test_nothing_is_written_through_what_an_earlier_archive_has_left(
    second: dict[str, Any], sandbox: Path, tmp_path: Path, web: WebServer
) -> None:
    """Neither a fetched nor an unpacked file leads out."""
    (tmp_path / "outside").mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("lnk")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside")
        archive.addfile(link)
    web.files |= {"/link.tar": buffer.getvalue(), "/a.tar.gz": tar_gz("lnk/escaped", b"data", 0o644)}
    web.files |= {"/file": b"text", "/file.gz": gzip.compress(b"text")}
    name = second.pop("value", "file")
    done = run(sandbox, item(f"{web.url}/link.tar"), item(f"{web.url}/{name}", **second))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Failed to fetch '{web.url}/{name}': ")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar", "a.zip", "a.gz", "a.txz"])
def test_a_damaged_archive_is_told_in_one_line(name: str, sandbox: Path, web: WebServer) -> None:
    web.files[f"/{name}"] = tar_gz("x", os.urandom(5000), 0o644)[:-2000]
    done = run(sandbox, item(f"{web.url}/{name}"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Failed to fetch '{web.url}/{name}': the archive is damaged: ")


def test_a_download_that_ends_early_has_failed(sandbox: Path) -> None:
    """A truncated file is an error."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}/file"

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

        thread = threading.Thread(target=answer)
        thread.start()
        done = run(sandbox, item(uri))
        thread.join()
    assert done.returncode == 1
    assert "the connection ended 6 bytes before the end of the file" in done.stderr


def test_a_folder_or_a_device_is_no_file_to_fetch(sandbox: Path, tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        done = run(sandbox, item(str(path), output_file="x"))
        assert (done.returncode, "is not a file" in done.stderr) == (1, True)


@pytest.mark.parametrize("name", ["deep/", "deep/."])
def test_no_file_is_written_to_the_name_of_a_folder(name: str, sandbox: Path, tmp_path: Path) -> None:
    """As upstream; an archive from the cache is only unpacked, not copied."""
    (tmp_path / "source").write_text("x")
    done = run(sandbox, item(str(tmp_path / "source"), output_file=name))
    assert done.returncode == 1
    assert f"'{name}' names a folder, not a file" in done.stderr
    (tmp_path / "a.tgz").write_bytes(tar_gz("inside", b"x", 0o644))
    cache = tmp_path / "cache"
    fetch(sandbox, item(str(tmp_path / "a.tgz"), "DOWNLOAD_AND_CACHE", output_file=name), cache_directory=str(cache))
    assert (sandbox / "inside").read_bytes() == b"x"


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


def test_as_it_is_installed_root_fetches_as_the_user_of_the_task(sandbox: Path, tmp_path: Path, web: WebServer) -> None:
    """The installed file imports nothing from the current folder or from folders named in variables."""
    build.install_helpers(tmp_path)
    for module in ("json.py", "localmesos.py", "sitecustomize.py"):
        (tmp_path / module).write_text("raise SystemExit('imported')")
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    for folder in (sandbox, *sandbox.parents):  # the folders of pytest are closed to others
        if "/pytest-of-" in str(folder):
            folder.chmod(0o755)
    os.chown(sandbox, user.pw_uid, user.pw_gid)
    web.files["/file"] = b"text"
    text = json.dumps({"sandbox_directory": str(sandbox), "items": [item(f"{web.url}/file")], "user": user.pw_name})
    done = subprocess.run(
        [str(tmp_path / "mesos-fetcher")],
        cwd=tmp_path,
        env={"MESOS_FETCHER_INFO": text, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (sandbox / "file").stat().st_uid == user.pw_uid
