"""``--executor``: what it may be, and what a scheduler checks before agents get it."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest

from scheduler.cli import executor_file
from scheduler.cli.errors import CommandError
from scheduler.cli.executor import CheckedUri, Program, command_for, executor_for
from scheduler.model.json import Json
from tests.cli.conftest import Run
from tests.cli.test_scheduler import NOBODY, get, scheduler
from tests.fakes.server import Handler, Server
from tests.installation import install

STATIC = b"\x7fELF\2\1\1" + bytes(range(256)) * 4000
ZIPAPP = b"#!/bin/sh\nexec python3\nPK\3\4"
ANYWHERE = "0.0.0.0:0"


class _Files(Handler):
    server: "FileServer"

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if target := self.server.redirects.get(self.path):
            self.send_response(302)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status, body = self.server.files.get(self.path, (404, b"no"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class FileServer(Server):
    """Serves these files, and remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__(_Files)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.files: dict[str, tuple[int, bytes]] = {"/static": (200, STATIC), "/podexec.pyz": (200, ZIPAPP)}
        self.redirects: dict[str, str] = {}
        self.requests: list[str] = []


@pytest.fixture
def files() -> Iterator[FileServer]:
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ------------------------------------------------------------------------- commands


def test_a_static_file_is_started_by_itself(tmp_path: Path) -> None:
    """Not by a shell, which Mesos would look for in the agent's PATH."""
    file = tmp_path / "an executor"
    file.write_bytes(STATIC)
    command = executor_for(str(file), "python3", "info").command
    assert command is not None
    assert (command["shell"], command["value"], command["arguments"]) == (False, str(file), [str(file)])
    assert "uris" not in command


def test_a_static_file_is_fetched_as_an_executable_and_kept() -> None:
    command = command_for(Program("http://h/x/executor-1?y=2", is_static=True), "python3", "info").command
    assert command is not None
    assert (command["shell"], command["value"], command["arguments"]) == (False, "./executor-1", ["./executor-1"])
    assert command["uris"] == [
        {"value": "http://h/x/executor-1?y=2", "extract": False, "executable": True, "cache": True}
    ]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("http://h/x#sha256=abc", "64 hexadecimal digits"),
        ("http://h/x#md5=" + "0" * 64, "64 hexadecimal digits"),
        ("hdfs://h/x#sha256=" + "0" * 64, "only an http or https URI"),
        ("/no/such/file", "there is no file /no/such/file; build it with"),
        ("/", "cannot read /: Is a directory"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_contacted(run: Run, value: str, complaint: str) -> None:
    outcome = run("scheduler", "--master", NOBODY, "--executor", value)
    assert (outcome.code, complaint in outcome.err, "--executor" in outcome.err) == (2, True, True), outcome.err


# ---------------------------------------------------------------------- checked URIs


@pytest.mark.parametrize(("path", "content"), [("/static", STATIC), ("/podexec.pyz", ZIPAPP)])
def test_the_file_at_a_uri_is_checked_and_its_kind_is_known(files: FileServer, path: str, content: bytes) -> None:
    asked = CheckedUri(files.url + path, sha256(content))
    assert executor_file.checked(asked) == Program(files.url + path, content is STATIC, sha256(content))


def test_another_file_is_refused_with_both_checksums(files: FileServer) -> None:
    with pytest.raises(CommandError) as refused:
        executor_file.checked(CheckedUri(f"{files.url}/static", "0" * 64))
    assert {"0" * 64, sha256(STATIC), f"{files.url}/static"} <= set(str(refused.value).replace(",", "").split())


def test_redirects_are_followed_a_few_times(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it is tried again"))
    files.redirects = {"/latest": f"{files.url}/static", "/circle": f"{files.url}/circle"}
    assert executor_file.checked(CheckedUri(f"{files.url}/latest", sha256(STATIC))).is_static
    with pytest.raises(CommandError, match=f"cannot fetch {files.url}/circle: .*redirects"):
        executor_file.checked(CheckedUri(f"{files.url}/circle", sha256(STATIC)))
    assert files.requests.count("/circle") == 6


def test_a_redirect_away_from_https_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.scheme == "https":
            return httpx2.Response(302, headers={"Location": "http://files.test/static"})
        return httpx2.Response(200, stream=httpx2.ByteStream(STATIC))

    client = partial(httpx2.Client, transport=httpx2.MockTransport(answer))
    monkeypatch.setattr("scheduler.cli.executor_file.httpx2.Client", client)
    assert executor_file.checked(CheckedUri("http://files.test/static", sha256(STATIC))).is_static
    with pytest.raises(CommandError, match="redirects to http, which anybody can change"):
        executor_file.checked(CheckedUri("https://files.test/static", sha256(STATIC)))


# ------------------------------------------------------------- what agents do with it


def start_on_agent(command: Json, folder: Path, path: str = os.defpath) -> subprocess.CompletedProcess[str]:
    """Run an executor's command in a sandbox as Mesos does."""
    words = ["sh", "-c", command["value"]] if command["shell"] else command["arguments"]
    program = shutil.which("sh" if command["shell"] else command["value"])
    more = {"cwd": folder, "env": {"PATH": path}, "capture_output": True, "text": True}
    return subprocess.run(words, executable=program, check=False, **more)


@pytest.mark.parametrize("is_static", [True, False])
def test_an_agent_starts_only_the_file_that_the_scheduler_has_checked(tmp_path: Path, is_static: bool) -> None:
    """Mesos' fetcher checks nothing: a server, or somebody on the way, can send agents another file."""
    content = "#!/bin/sh\necho started\n"
    (tmp_path / "python3").write_text(content)  # stands for Python, which would run the zipapp
    (tmp_path / "python3").chmod(0o755)
    sandbox = tmp_path / "a sandbox"
    sandbox.mkdir()
    fetched = sandbox / "podexec"
    fetched.write_text(content)
    fetched.chmod(0o755)
    program = Program("http://files.test/podexec", is_static, sha256(content.encode()))
    command = command_for(program, str(tmp_path / "python3"), "info").command
    assert command is not None
    assert start_on_agent(command, sandbox).stdout == "started\n"
    fetched.write_text(f"{content}rm -rf /nowhere\n")
    refused = start_on_agent(command, sandbox)
    assert (refused.returncode, refused.stdout) == (126, "")
    (line,) = refused.stderr.splitlines()
    assert {sha256(content.encode()), sha256(fetched.read_bytes())} <= set(line.replace(",", "").split())


def test_an_agent_that_cannot_check_its_executor_does_not_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.cli.executor._TOOLS", str(tmp_path))
    fetched = tmp_path / "podexec"
    fetched.write_text("#!/bin/sh\necho started\n")
    fetched.chmod(0o755)
    program = Program("http://files.test/podexec", is_static=True, sha256=sha256(fetched.read_bytes()))
    command = command_for(program, "python3", "info").command
    assert command is not None
    assert start_on_agent(command, tmp_path).stdout == "started\n"
    refused = start_on_agent(command, tmp_path, path=str(tmp_path))
    assert (refused.returncode, refused.stdout) == (127, "")
    assert "sha256sum does not work on this agent" in refused.stderr.splitlines()[-1]


def test_the_checksum_is_in_the_log_and_in_info(files: FileServer, tmp_path: Path) -> None:
    on_agents = tmp_path / "executor"
    on_agents.write_bytes(STATIC)
    for executor, event in (
        (f"{files.url}/static#sha256={sha256(STATIC)}", "agents fetch the executor"),
        (str(on_agents), "the executor is on the agents"),
    ):
        with scheduler(more=("--executor", executor)) as process:
            assert process.event(event)["sha256"] == sha256(STATIC)
            url = process.event("serving")["url"]
            info = get(f"{url}/v2/info?embed=podexec")[1]
            assert info["podexec"]["config"]["executor_sha256"] == sha256(STATIC)


def test_an_executor_that_nobody_checks_is_warned_of(files: FileServer) -> None:
    uri = f"{files.url}/podexec.pyz"
    with scheduler(more=("--executor", uri.replace("//", "//me:hush@"))) as process:
        warning = process.event("agents fetch an executor that is not verified")
    assert (warning["uri"], "#sha256=" in warning["advice"], files.requests) == (uri, True, [])


@pytest.mark.parametrize(("status", "body"), [(404, b""), (500, STATIC)])
def test_an_error_of_the_server_is_said_at_once(files: FileServer, status: int, body: bytes) -> None:
    files.files["/static"] = (status, body)
    with pytest.raises(CommandError, match=f"cannot fetch {files.url}/static: HTTP {status}"):
        executor_file.checked(CheckedUri(f"{files.url}/static", sha256(STATIC)))
    assert files.requests == ["/static"]


def test_a_server_that_sends_too_slowly_is_not_waited_for(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_file, "_LONGEST", -1.0)
    with pytest.raises(CommandError, match=r"static sent only \d+ bytes in"):
        executor_file.checked(CheckedUri(f"{files.url}/static", sha256(STATIC)))


def test_passwords_in_a_uri_are_not_shown(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"{files.url}/static".replace("//", "//me:hush@")
    with pytest.raises(CommandError, match="not 0000") as refused:
        executor_file.checked(CheckedUri(uri, "0" * 64))
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("uri", ["http://", "http://[::1/x", "http://127.0.0.1:port/x"])
def test_a_uri_that_is_none_is_refused_at_once(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it is tried again"))
    with pytest.raises(CommandError, match="cannot fetch"):
        executor_file.checked(CheckedUri(uri, "0" * 64))


def test_a_file_without_end_is_not_read_to_its_end(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_file, "_LARGEST", 1000)
    with pytest.raises(CommandError, match="this is not an executor"):
        executor_file.checked(CheckedUri(f"{files.url}/static", sha256(STATIC)))


def test_a_server_that_is_not_there_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    with pytest.raises(CommandError, match=r"cannot fetch http://127.0.0.1:1/x: .*refused.* \(attempt 6\)"):
        executor_file.checked(CheckedUri("http://127.0.0.1:1/x", "0" * 64))
    assert waited == sorted(waited)
    assert len(waited) == 5


def test_a_server_that_comes_back_is_enough(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address is another one at the first attempt."""
    missing = executor_file._digest

    def digest(uri: str, shown: str) -> tuple[bytes, str]:
        monkeypatch.setattr(executor_file, "_digest", missing)
        return missing("http://127.0.0.1:1/static", shown)

    monkeypatch.setattr(executor_file, "_digest", digest)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert executor_file.checked(CheckedUri(f"{files.url}/static", sha256(STATIC))).is_static


def test_a_scheduler_does_not_start_with_another_file(files: FileServer) -> None:
    with scheduler(more=("--executor", f"{files.url}/static#sha256={'0' * 64}")) as process:
        assert process.end() == 1
    assert any(sha256(STATIC) in line for line in process.seen), process.seen
    assert files.requests == ["/static"]


def test_render_shows_a_checked_executor(run: Run, files: FileServer, tmp_path: Path) -> None:
    pod = tmp_path / "pod.json"
    pod.write_text(json.dumps({"id": "/a", "containers": [{"name": "b", "resources": {}}]}))
    uri = f"{files.url}/static"
    outcome = run("pod", "render", str(pod), "--executor", f"{uri}#sha256={sha256(STATIC).upper()}")
    command = json.loads(outcome.out)["launch_group"]["executor"]["command"]
    assert (command["arguments"][-1].rpartition("; ")[2], command["uris"][0]["value"]) == ("exec ./static", uri)
    outcome = run("pod", "render", str(pod), "--executor", "auto")
    assert (outcome.code, "auto needs a running scheduler" in outcome.err) == (2, True)


# ----------------------------------------------------------------------------- auto


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose static executor this is, for schedulers that are started."""
    return install(tmp_path / "installed", monkeypatch)


def executor_in_info(url: str) -> str:
    kind: str = get(f"{url}/v2/info")[1]["marathon_config"]["executor"]
    return kind


def test_where_others_can_reach_the_api_they_get_the_executor_there(packaged: Path) -> None:
    packaged.write_bytes(STATIC)
    with scheduler(
        listen=ANYWHERE, more=("--insecure", "--hostname", "127.0.0.1", "--http-credentials", "me:hush")
    ) as process:
        told = process.event("agents fetch the executor")
        url = process.event("serving")["url"]
        assert (told["uri"], told["static"]) == (f"{url}/executor/{sha256(STATIC)}", True)
        with urllib.request.urlopen(told["uri"], timeout=20) as answer:
            assert answer.read() == STATIC


def test_on_a_loopback_address_the_agents_own_executor_is_the_default(packaged: Path) -> None:
    packaged.write_bytes(STATIC)
    with scheduler() as process:
        url = process.event("serving")["url"]
        assert executor_in_info(url) == "default"


def test_auto_on_a_loopback_address_is_refused_unless_it_is_said_how_agents_reach_it(packaged: Path) -> None:
    packaged.write_bytes(STATIC)
    with scheduler(more=("--executor", "auto")) as process:
        assert process.end() == 1
    assert any("--executor-base-url" in line for line in process.seen), process.seen
    more = ("--executor", "auto", "--executor-base-url", "https://proxy.test/podexec/")
    with scheduler(more=more) as process:
        uri = process.event("agents fetch the executor")["uri"]
        assert uri == f"https://proxy.test/podexec/executor/{sha256(STATIC)}"
        assert executor_in_info(process.event("serving")["url"]) == "auto"


def test_an_installation_without_the_static_executor_serves_the_zipapp_and_says_so(packaged: Path) -> None:
    assert not packaged.exists()
    with scheduler(listen=ANYWHERE, more=("--insecure", "--hostname", socket.gethostname())) as process:
        warning = process.event("this installation has no static executor: serving the zipapp")
        assert "Python 3.11" in warning["needs"]
        told = process.event("agents fetch the executor")
        assert told["static"] is False
        path = told["uri"].partition("/executor/")[2]
        url = process.event("serving")["url"]
        with urllib.request.urlopen(f"{url}/executor/{path}", timeout=20) as answer:
            assert answer.read().startswith(b"#!/bin/sh")


def test_the_next_release_serves_its_own_executor_and_not_the_one_before(packaged: Path, tmp_path: Path) -> None:
    """Agents that have not fetched the former one get 404: their launch fails, and is repeated with the new one."""
    seen = []
    for content in (STATIC, STATIC + b"next"):
        packaged.unlink(missing_ok=True)
        packaged.write_bytes(content)
        with scheduler(store=f"sqlite:///{tmp_path}/store.db", listen=ANYWHERE, more=("--insecure",)) as process:
            seen.append(process.event("agents fetch the executor")["uri"].rpartition("/")[2])
            url = process.event("serving")["url"]
            codes = [_status(f"{url}/executor/{each}") for each in seen]
    assert seen == [sha256(STATIC), sha256(STATIC + b"next")]
    assert codes == [404, 200]


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
