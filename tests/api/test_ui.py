"""The files of the web interface: headers, caching, and what is answered without them."""

import gzip
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from scheduler.api import errors
from scheduler.api.access import Access
from scheduler.api.ui import FILES, POLICY, ui_routes
from tests.api.app import Api
from tests.fakes.loop import FakeLoop

SCRIPT = b"export const a = 1;" * 200


def served(folder: Path) -> TestClient:
    """An app with the interface of this folder."""
    app = Starlette(routes=[*ui_routes(folder)])
    errors.install(app)
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """An interface with a page and a script."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>podexec</title>")
    (tmp_path / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (tmp_path / "sources.sha256").write_text("0")
    return tmp_path


@pytest.mark.parametrize("path", ["/", "/ui"])
def test_both_lead_to_the_page_wherever_a_proxy_has_it(files: Path, path: str) -> None:
    answer = served(files).get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, "ui/")


def test_the_page_is_asked_for_each_time_and_its_files_are_kept(files: Path) -> None:
    client = served(files)
    page, script = client.get("/ui/"), client.get("/ui/assets/index-abc.js")
    assert page.headers["cache-control"] == "no-cache"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert page.headers["content-type"].startswith("text/html")
    assert script.headers["content-type"].startswith("text/javascript")
    for answer in (page, script):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_policy_is_strict() -> None:
    rules = dict(each.split(" ", 1) for each in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert rules["frame-ancestors"] == "'none'"


def test_a_file_is_compressed_for_clients_that_accept_it(files: Path) -> None:
    client = served(files)
    with client.stream("GET", "/ui/assets/index-abc.js", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join(answer.iter_raw())) == SCRIPT
    plain = client.get("/ui/assets/index-abc.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == SCRIPT


@pytest.mark.parametrize("name", ["sources.sha256", "assets/", "assets/none.js", "../ui.py", "%2e%2e/ui.py", "%00"])
def test_nothing_else_is_served(files: Path, name: str) -> None:
    assert served(files).get(f"/ui/{name}").status_code == 404


def test_without_files_the_page_says_what_is_missing(tmp_path: Path) -> None:
    answer = served(tmp_path / "nothing").get("/ui/")
    assert answer.status_code == 404
    assert "needs Node.js" in answer.text
    assert served(tmp_path).get("/ui/assets/x.js").status_code == 404


def test_the_interface_needs_no_credentials_and_nothing_else_is_open(loop: FakeLoop) -> None:
    api = Api(loop, Access("me:secret"))
    for path in ("/", "/ui", "/ui/"):
        assert api("GET", path).status_code in (200, 302), path
    for path in ("/uix", "/ui/../v2/pods", "/session", "/v2/pods"):
        assert api("GET", path).status_code in (401, 404), path
        assert "pods" not in answer_text(api("GET", path))


def answer_text(answer: httpx2.Response) -> str:
    """Its body, unless it repeats the path."""
    return "" if answer.status_code == 404 else answer.text


def test_what_is_built_names_no_other_host() -> None:
    page = (FILES / "index.html").read_text()
    assert "http:" not in page
    assert "https:" not in page
    assert "<script>" not in page
    assert "style=" not in page
