"""What an agent gets when it pulls: an added image, or a registry's, in the form that Mesos accepts."""

from __future__ import annotations

import io
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from localmesos.images import names
from localmesos.images.adding import add
from localmesos.images.errors import ImageError
from localmesos.images.pulling import (
    VARIABLE,
    Settings,
    check_registry,
    connection_variables,
    docker_registry_flag,
    understand,
)
from localmesos.images.reaching import Reaching
from localmesos.images.registry import Registry
from localmesos.images.store import ImageStore

from .fake_registry import BASIC, Answer, FakeRegistry, fake_registry
from .image_files import AMD64, DOCKER, OCI, Image, digest, docker_save, index, reference, tar, write

ONE = Image(compression="gzip")
OTHER = Image(layers=[tar({"z": b"z" * 5000})], compression="gzip")
MANIFEST, INDEX = f"{OCI}.manifest.v1+json", f"{OCI}.index.v1+json"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry."""
    with fake_registry() as found:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[FakeRegistry]:
    """Another server."""
    with fake_registry() as found:
        yield found


def curl(
    folder: Path,
    registry: str,
    url: str,
    *,
    to: Path | None = None,
    authorization: str | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[bytes]:
    """Call the program as an agent does."""
    headers = [] if authorization is None else ["-H", f"Authorization: {authorization}"]
    accept = ["-H", f"Accept: {DOCKER}.distribution.manifest.v2+json"]
    kind = (
        ["-L", "-i", "--raw", "--http1.1", *accept]
        if to is None
        else ["-w", "%{http_code}\n%{redirect_url}", "-o", str(to)]
    )
    settings = Settings(str(folder), registry, None, environment)
    return subprocess.run(
        [sys.executable, "-P", "-m", "localmesos.libexec.curl", "-s", "-S", *kind, *headers, "-y", "60", url],
        env={VARIABLE: settings.dump(), "PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )


def manifest_in(output: bytes) -> dict[str, object]:
    """The manifest in an answer, which has the form that Mesos accepts."""
    head, _, body = output.partition(b"\r\n\r\n")
    kind = f"{DOCKER}.distribution.manifest.v2+json"
    assert head.decode().split("\r\n") == ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    found: dict[str, object] = json.loads(body)
    assert found["mediaType"] == kind
    return found


# ------------------------------------------------------------------------- the program


def test_an_added_image_takes_precedence_and_others_come_from_the_registry(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    """An OCI image of the registry reaches Mesos in Docker's form."""
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar(*docker_save({"web:1": OTHER})))
    add(ImageStore(tmp_path / "store"), archive)
    registry.put("web", "1", ONE)
    registry.put("web", "2", ONE)
    flag = docker_registry_flag(registry.url)
    added = manifest_in(curl(tmp_path / "store", registry.url, f"{flag}/v2/web/manifests/1").stdout)
    assert added["layers"][0]["digest"] == digest(OTHER.blobs()[0])
    assert not registry.requests
    pulled = manifest_in(curl(tmp_path / "store", registry.url, f"{flag}/v2/web/manifests/2").stdout)
    assert [each["digest"] for each in pulled["layers"]] == [digest(blob) for blob in ONE.blobs()]  # type: ignore[attr-defined]
    for image, layer in ((OTHER, OTHER.blobs()[0]), (ONE, ONE.blobs()[1]), (ONE, ONE.config)):
        target = tmp_path / digest(layer)
        done = curl(tmp_path / "store", registry.url, f"{flag}/v2/web/blobs/{digest(layer)}", to=target)
        assert (done.stdout, done.returncode) == (b"200\n", 0), done.stderr
        assert target.read_bytes() == layer, image


def test_a_problem_is_one_line_for_the_pods_message(registry: FakeRegistry, tmp_path: Path) -> None:
    """The agent shows standard error; credentials are not in it."""
    registry.require("Bearer right", f'Bearer realm="{registry.url}/token",service="x"')
    url = f"{registry.url}/v2/web/manifests/1"
    done = curl(tmp_path, registry.url, url, authorization=BASIC)
    assert done.returncode == 22
    assert not done.stdout
    assert done.stderr.decode() == (
        f"{registry.url} refuses the credentials of image.pullConfig for a token for web: "
        f"check the entry for {registry.address}\n"
    )


def test_the_agent_finds_out_what_the_program_can() -> None:
    """It does so once, with these arguments."""
    command = [sys.executable, "-P", "-m", "localmesos.libexec.curl", "--http1.1", "-V"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_a_proxy_and_certificates_of_the_start_are_used(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent's own environment has none of them."""
    monkeypatch.setenv("HTTP_PROXY", registry.url)
    monkeypatch.setenv("no_proxy", "other.example")
    variables = connection_variables()
    assert {"HTTP_PROXY", "no_proxy"} <= variables.keys()
    registry.answers["http://registry.example/v2/web/manifests/1"] = Answer(ONE.manifest())
    registry.answers[f"http://registry.example/v2/web/blobs/{digest(ONE.config)}"] = Answer(ONE.config)
    proxied = {"http_proxy": registry.url}
    done = curl(tmp_path, "http://registry.example", "http://registry.example/v2/web/manifests/1", **proxied)
    assert manifest_in(done.stdout), done.stderr


def test_a_registry_on_loopback_is_asked_without_a_proxy(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy could reach it."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed.getsockname()[1]}")
    registry.put("web", "1", ONE)
    pull(registry.url, ONE)


# ------------------------------------------------------------------------- which registry

PUBLIC = names.PUBLIC_REGISTRY


@pytest.mark.parametrize(
    ("registry", "url", "name", "asked", "entry"),
    [
        (PUBLIC, "http://registry-1.docker.io:443/v2/library/nginx/manifests/1", "nginx:1", PUBLIC, "docker.io"),
        (PUBLIC, "http://registry-1.docker.io:443/v2/team/tool/manifests/1", "team/tool:1", PUBLIC, "docker.io"),
        (PUBLIC, "https://docker.io/v2/library/nginx/manifests/1", "nginx:1", PUBLIC, "docker.io"),
        (PUBLIC, "https://quay.example/v2/a/b/c/manifests/x", "quay.example/a/b/c:x", "https://quay.example", None),
        (PUBLIC, "https://localhost:5000/v2/a/manifests/x", "localhost:5000/a:x", "http://localhost:5000", None),
        (PUBLIC, "https://127.0.0.1:5000/v2/a/manifests/x", "127.0.0.1:5000/a:x", "http://127.0.0.1:5000", None),
        ("https://r.example:1/p", "http://r.example:1/v2/nginx/manifests/1", "nginx:1", "https://r.example:1/p", None),
        (
            "https://r.example:1/p",
            "https://r.example:1/v2/q/a/manifests/1",
            "r.example:1/q/a:1",
            "https://r.example:1",
            None,
        ),
        ("https://r.example", "http://r.example:443/v2/a/manifests/1", "a:1", "https://r.example", "r.example:443"),
        ("http://r.example", "http://r.example:80/v2/a/manifests/1", "a:1", "http://r.example", "r.example:80"),
        ("http://r.example", "https://r.example/v2/a/manifests/1", "r.example/a:1", "http://r.example", "r.example"),
        ("http://r.example", "https://docker.io/v2/library/a/manifests/1", "a:1", PUBLIC, "docker.io"),
    ],
)
def test_a_url_of_the_agent_names_an_image_and_its_registry(
    registry: str, url: str, name: str, asked: str, entry: str | None
) -> None:
    """Names without a host belong to the cluster's registry, whose URLs begin with http:// for the agent."""
    found = understand(url, registry)
    assert (names.joined(found.host, found.repository, found.reference), found.registry) == (name, asked)
    assert found.entry == (entry or urlsplit(url).netloc)
    if url.startswith("http:"):
        assert url.startswith(f"{docker_registry_flag(registry)}/")


def test_a_url_that_is_none_of_the_api_is_refused() -> None:
    with pytest.raises(ImageError, match="not a URL of a registry's manifest"):
        understand("http://r.example/v1/images", "http://r.example")


@pytest.mark.parametrize(
    "url", ["registry", "ftp://x", "http://", "http://x:port", "http://x/?a", "http://x y", "http://x\n"]
)
def test_a_registry_must_be_a_url(url: str) -> None:
    with pytest.raises(ImageError, match=r"must be http\(s\)://HOST"):
        check_registry(url)


def test_a_registry_has_no_credentials() -> None:
    """They would be seen in the list of processes, and in the cluster's status."""
    with pytest.raises(ImageError, match=r"pods name theirs in image\.pullConfig") as caught:
        check_registry("https://joe:s3cret@registry.example")
    assert "s3cret" not in str(caught.value)


def test_an_image_is_found_by_its_digest(tmp_path: Path) -> None:
    """Of the repository that was named, and no other."""
    store = ImageStore(tmp_path / "store")
    files = write(tmp_path / "layout", {"oci-layout": b"{}", **_layout(ONE)})
    add(store, files, "team/one:1")
    assert store.manifest_by_digest("team/one", digest(ONE.manifest())) is not None
    assert store.manifest_by_digest("other", digest(ONE.manifest())) is None


def _layout(image: Image) -> dict[str, bytes]:
    blobs = {f"blobs/sha256/{name.removeprefix('sha256:')}": data for name, data in image.content().items()}
    return {"index.json": index(reference(image.manifest(), MANIFEST)), **blobs}


# ------------------------------------------------------------------------- registries


def pull(url: str, image: Image, repository: str = "web", tag: str = "1", authorization: str | None = None) -> None:
    """Pull a whole image, which must be this one."""
    registry = Registry(url, authorization=authorization)
    manifest = registry.manifest(repository, tag)
    assert manifest.config.digest == digest(image.config)
    for blob in (image.config, *image.blobs()):
        file = io.BytesIO()
        registry.save(repository, digest(blob), file)
        assert file.getvalue() == blob


@pytest.mark.parametrize("docker", [True, False])
@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_both_formats_are_pulled(registry: FakeRegistry, compression: str, *, docker: bool) -> None:
    """Also with layers that Docker cannot compress like that."""
    image = Image(compression=compression)
    registry.put("web", "1", image, docker=docker)
    pull(registry.url, image)


def test_an_index_is_asked_for_and_resolved(registry: FakeRegistry) -> None:
    """The image of this platform is pulled by its digest."""
    arm = Image(platform={"os": "linux", "architecture": "arm64"})
    several = index(
        reference(arm.manifest(), MANIFEST, platform=arm.platform), reference(ONE.manifest(), MANIFEST, platform=AMD64)
    )
    registry.put("web", "unused", ONE)
    registry.put_document("web", "1", several, INDEX)
    pull(registry.url, ONE)
    assert INDEX in str(registry.accepts[0])
    assert f"{DOCKER}.distribution.manifest.list.v2+json" in str(registry.accepts[0])


def test_images_may_be_below_a_path(registry: FakeRegistry) -> None:
    """A repository that begins with the path is not put below it again."""
    registry.put("team/mirror/web", "1", ONE)
    pull(f"{registry.url}/team/mirror/", ONE)
    pull(f"{registry.url}/team/mirror/", ONE, repository="team/mirror/web")


def test_credentials_are_sent_when_they_are_asked_for(registry: FakeRegistry) -> None:
    """Not before."""
    registry.put("web", "1", ONE)
    pull(registry.url, ONE, authorization=BASIC)
    assert {authorization for _, authorization in registry.requests} == {None}
    registry.require(BASIC, 'Basic realm="a, b"')
    pull(registry.url, ONE, authorization=BASIC)


def test_a_token_is_fetched_where_the_registry_says_and_reused(registry: FakeRegistry, elsewhere: FakeRegistry) -> None:
    """With the service and scope that the registry names."""
    registry.put("team/web", "1", ONE)
    challenge = f'Bearer realm="{elsewhere.url}/token?x=1",service="a b",scope="repository:team/web:pull"'
    registry.require("Bearer right", challenge)
    elsewhere.issue_tokens("right", BASIC)
    pull(registry.url, ONE, repository="team/web", authorization=BASIC)
    assert elsewhere.requests == [("/token?x=1&scope=repository%3Ateam%2Fweb%3Apull&service=a+b", BASIC)]


def test_a_token_without_credentials_is_for_everybody(registry: FakeRegistry, elsewhere: FakeRegistry) -> None:
    """As on the public registry."""
    registry.put("web", "1", ONE)
    registry.require("Bearer anonymous", f'Bearer realm="{elsewhere.url}/token",service="x"')
    elsewhere.issue_tokens("anonymous", None)
    pull(registry.url, ONE)


def test_credentials_do_not_follow_to_another_server(registry: FakeRegistry, elsewhere: FakeRegistry) -> None:
    """Registries redirect to stores of content; on the same server they are sent again."""
    registry.put("web", "1", ONE)
    registry.require(BASIC, "Basic")
    first, second = ONE.blobs()
    elsewhere.answers["/content"] = Answer(first)
    registry.answers["/moved"] = Answer(second)
    for blob, place in ((first, f"{elsewhere.url}/content"), (second, f"{registry.url}/moved")):
        registry.answers[f"/v2/web/blobs/{digest(blob)}"] = Answer(status=307, headers={"Location": place})
    pull(registry.url, ONE, authorization=BASIC)
    assert elsewhere.requests == [("/content", None)]
    assert ("/moved", BASIC) in registry.requests


BLOB = f"/v2/web/blobs/{digest(ONE.config)}"
TAG = "/v2/web/manifests/1"
REFUSED: list[tuple[str, dict[str, Answer], str]] = [
    ("no image", {TAG: Answer(b"{}", 404)}, "there is no image web:1 of .*: check its name and tag, or add"),
    ("no repository without credentials", {TAG: Answer(b"{}", 403)}, "requires credentials, or has no such image"),
    ("a challenge of no kind", {TAG: Answer(b"", 401)}, "requires credentials"),
    ("an unknown challenge", {TAG: Answer(b"", 401, {"WWW-Authenticate": "Negotiate"})}, "requires credentials"),
    ("a limit", {TAG: Answer(b"", 429)}, "limits how many images"),
    ("a failure", {TAG: Answer(b"", 503)}, "with status 503: see its log"),
    ("no JSON", {TAG: Answer(b"<html>")}, "is not JSON"),
    ("a text", {TAG: Answer(b'"x"')}, "is not a JSON object"),
    ("deep JSON", {TAG: Answer(b"[" * 100_000)}, "is not JSON"),
    ("an old schema", {TAG: Answer(b'{"schemaVersion": 1, "mediaType": "[v1]"}')}, r"of type '\[v1\]', which is not"),
    ("nothing of an image", {TAG: Answer(b"{}")}, "configuration of web:1 .* is not a reference"),
    ("too much", {TAG: Answer(b" " * (8 * 1024 * 1024 + 1))}, "more than 8388608 bytes"),
    ("an early end", {TAG: Answer(b"{}", announced=100)}, "is not|interrupted"),
    ("a damaged configuration", {BLOB: Answer(b"[]")}, "is not a JSON object"),
    (
        "another platform",
        {BLOB: Answer(b'{"os": "linux", "architecture": "arm"}')},
        "is for 'linux/arm', not for linux/amd64",
    ),
    (
        "a redirect to a file",
        {TAG: Answer(b"", 302, {"Location": "file:///etc/passwd"})},
        "status 302|cannot be reached",
    ),
    ("redirects without end", {TAG: Answer(b"", 302, {"Location": TAG})}, "status 302"),
    (
        "only other platforms",
        {TAG: Answer(index(reference(b"", MANIFEST, platform={"os": "a\x1b", "architecture": "b"})))},
        "but for 'a",
    ),
    ("an index of itself", {TAG: Answer(index(reference(b"", INDEX, platform=AMD64)))}, "there is no image"),
]


@pytest.mark.parametrize(("answers", "message"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_a_registry_refuses_or_damages_is_told(
    registry: FakeRegistry, answers: dict[str, Answer], message: str
) -> None:
    """In one line that can be shown anywhere."""
    registry.put("web", "1", ONE)
    registry.answers.update(answers)
    with pytest.raises(ImageError, match=message) as caught:
        Registry(registry.url).manifest("web", "1")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("answer", [Answer(b"other"), Answer(ONE.config[:-1], announced=len(ONE.config)), Answer(b"")])
def test_content_without_its_digest_is_refused(registry: FakeRegistry, answer: Answer) -> None:
    """Also if the connection ends early."""
    registry.answers[BLOB] = answer
    with pytest.raises(ImageError, match=r"does not have that digest: it is damaged or incomplete|interrupted"):
        Registry(registry.url).save("web", digest(ONE.config), io.BytesIO())


def test_a_manifest_without_its_digest_is_refused(registry: FakeRegistry) -> None:
    """It was asked for by digest."""
    registry.put("web", digest(b"other"), ONE)
    with pytest.raises(ImageError, match="does not have its digest"):
        Registry(registry.url).manifest("web", digest(b"other"))


def test_wrong_credentials_are_told_from_missing_ones(registry: FakeRegistry) -> None:
    """With what to check; the value is in neither message."""
    registry.require("Basic right", "Basic")
    with pytest.raises(ImageError, match=rf"requires credentials.*entry for {registry.address}"):
        Registry(registry.url).manifest("web", "1")
    with pytest.raises(ImageError, match=r"refuses the credentials of image\.pullConfig") as caught:
        Registry(registry.url, authorization=BASIC).manifest("web", "1")
    assert BASIC not in str(caught.value)


@pytest.mark.parametrize("token", [b'{"token": "a\\nb"}', b'{"token": 5}', b"{}", b"nothing"])
def test_a_token_that_is_none_is_refused(registry: FakeRegistry, elsewhere: FakeRegistry, token: bytes) -> None:
    registry.require("Bearer right", f'Bearer realm="{elsewhere.url}/token"')
    elsewhere.guard = lambda _path, _authorization: Answer(token)
    with pytest.raises(ImageError, match=r"issues no token|is not JSON"):
        Registry(registry.url).manifest("web", "1")


def test_a_registry_that_is_down_is_told() -> None:
    """With what to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ImageError, match=r"cannot be reached \(Connection refused\).*cluster image add"):
        Registry(f"http://127.0.0.1:{port}").manifest("web", "1")
    problem = Reaching(f"http://127.0.0.1:{port}").problem()
    assert problem is not None
    assert "cannot be pulled now" in problem


def test_a_registry_that_never_answers_does_not_hold_anything_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a pull nor a start."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ImageError, match="no answer in time"):
            Registry(url, stall_seconds=0.1).manifest("web", "1")
        monkeypatch.setattr("localmesos.images.reaching.SECONDS", 0.1)
        assert Reaching(url).problem() is not None


@pytest.mark.parametrize("status", [200, 401])
def test_a_registry_that_answers_is_no_problem(registry: FakeRegistry, status: int) -> None:
    """Also if it asks for credentials."""
    registry.answers["/v2/"] = Answer(b"{}", status)
    assert Reaching(registry.url).problem() is None


def test_another_server_is_not_a_registry(registry: FakeRegistry) -> None:
    problem = Reaching(registry.url).problem()
    assert problem is not None
    assert "is not a registry: it answers" in problem


# ------------------------------------------------------------------------- HTTPS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=registry"
        " -addext subjectAltName=IP:127.0.0.1 -keyout key -out cert && cat key cert > both",
        shell=True,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "both"


def test_a_registry_with_https_needs_a_trusted_certificate(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: FakeRegistry
) -> None:
    """Without one the message says how to trust it; its credentials stay within HTTPS."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with fake_registry(tls) as registry:
        registry.put("web", "1", ONE)
        url = f"https://{registry.address}"
        with pytest.raises(ImageError, match=r"certificate of the registry .* is not trusted .*SSL_CERT_FILE"):
            Registry(url).manifest("web", "1")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        pull(url, ONE)
        registry.require("Bearer right", f'Bearer realm="{elsewhere.url}/token"')
        with pytest.raises(ImageError, match="not protected by HTTPS"):
            Registry(url, authorization=BASIC).manifest("web", "1")
        assert not elsewhere.requests


def test_a_registry_without_https_is_told_from_one_that_is_down(registry: FakeRegistry) -> None:
    """With the option that helps."""
    with pytest.raises(ImageError, match=f"does not use HTTPS: start the cluster with --registry {registry.url}"):
        Registry(f"https://{registry.address}").manifest("web", "1")
