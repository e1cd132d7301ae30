"""Images as people have them, on a real Mesos: from a registry, with and without credentials, and from an archive.

The registry is Debian's docker-registry on loopback, filled by Debian's skopeo. The images are made here, with what
makes images difficult: several layers, one of them twice, whiteouts, absolute links, an entrypoint, a user.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
import yaml

from localmesos import Cluster
from localmesos.images.busybox import BUSYBOX, FILES, FOLDERS
from scheduler.cli.client import WriteOptions
from tests.cluster.support import HTTP, Json, Scheduler, container, environment_without_podexec, wait_for
from tests.cluster.traces import environments, seen, traces
from tests.localmesos.image_files import AMD64, OCI, Image, digest, index, layout, named, oci, reference, tar, write
from tests.ports import free_port

README = Path(__file__).parents[2] / "README.md"
USER, PASSWORD = "joe", "s3cret [x]"
HTPASSWD = "joe:$2b$05$kU4ULMcxRGl1DjMGrDFpm.6BtYl.kkRQbke7eaQ5mYk0IL8MrQLYK\n"  # of that password, by bcrypt
PODEXEC = [sys.executable, "-P", "-m", "scheduler.cli.main", "cluster", "image"]
ENOUGH = {"cpus": 0.1, "mem": 64}
OFTEN = {"delaySeconds": 0, "intervalSeconds": 2, "timeoutSeconds": 1}


def nginx(page: str) -> Image:
    """A web server whose page is put together from layers."""
    base: dict[str, bytes | None] = dict.fromkeys(FOLDERS)
    base |= {name: text.encode() for name, text in FILES.items()}
    base |= {"bin/busybox": BUSYBOX.read_bytes(), "www": None, "www/old": b"old", "www/full": None, "www/full/a": b"a"}
    applets = {f"bin/{name}": "/bin/busybox" for name in ("sh", "httpd", "id", "sleep", "cat", "ls", "env", "pwd")}
    again = tar({"srv": None, "srv/again": b"again" * 3000})
    return Image(
        layers=[
            tar(base, applets),
            again,
            tar({"www/.wh.old": b"", "www/full/.wh..wh..opq": b"", "www/full/b": b"b", "srv/.wh.again": b""}),
            tar({"www/index.html": page.encode()}, {"www/absolute.html": "/www/index.html"}),
            again,
        ],
        compression="gzip",
        process={
            "Entrypoint": ["/bin/sh", "-c", 'exec httpd -f -p "$PORT" -h "$0"'],
            "Cmd": ["/www"],
            "Env": ["PATH=/bin", "PORT=80"],
            "WorkingDir": "/www",
            "Volumes": None,
            "ExposedPorts": {"80/tcp": {}},
        },
    )


@contextmanager
def registry(folder: Path, *, private: bool) -> Iterator[str]:
    """Run docker-registry; the value is its HOST:PORT."""
    address, log = f"127.0.0.1:{free_port()}", folder / "log"
    (folder / "htpasswd").write_text(HTPASSWD)
    settings: Json = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
    }
    if private:
        settings["auth"] = {"htpasswd": {"realm": "private, very", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    with log.open("wb") as file:
        process = subprocess.Popen(
            ("docker-registry", "serve", str(folder / "config.yml")), stdout=file, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"docker-registry answers; its log is {log}", lambda: _answers(f"http://{address}/v2/"))
        yield address
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return HTTP.get(url).status_code in (200, 401)
    except httpx2.TransportError:
        return False


def push(folder: Path, files: dict[str, bytes], address: str, name: str, *options: str) -> None:
    """Push an image to a registry."""
    write(folder, files)
    (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    command = ["skopeo", "--policy", str(folder / "policy.json"), "copy", "--all", "--dest-tls-verify=false", *options]
    done = subprocess.run(
        [*command, f"oci:{folder}:it", f"docker://{address}/{name}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Two registries: one for everybody, with an image for several platforms, and one that requires credentials."""
    with ExitStack() as stack:
        public, private = (
            stack.enter_context(registry(tmp_path_factory.mktemp(name), private=name == "private"))
            for name in ("public", "private")
        )
        image, arm = nginx("public\n"), Image(platform={"os": "linux", "architecture": "arm64"})
        several = index(
            reference(arm.manifest(), f"{OCI}.manifest.v1+json", platform=arm.platform),
            reference(image.manifest(), f"{OCI}.manifest.v1+json", platform=AMD64),
        )
        content = image.content() | arm.content() | {digest(several): several}
        files = layout(content, index(named(several, "it", f"{OCI}.index.v1+json")))
        push(tmp_path_factory.mktemp("layout"), files, public, "nginx:1")
        push(tmp_path_factory.mktemp("layout"), oci(arm, "it"), public, "arm:1")
        credentials = ("--dest-creds", f"{USER}:{PASSWORD}", "--format", "v2s2")
        push(tmp_path_factory.mktemp("layout"), oci(nginx("private\n"), "it"), private, "team/nginx:1", *credentials)
        yield public, private


@pytest.fixture(scope="module")
def scheduler(
    executor: Path, registries: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scheduler]:
    """A scheduler on a cluster with the first registry, and the secrets for the second."""
    public, private = registries
    cluster = Cluster.up(
        f"images-{os.getpid()}",
        registry=f"http://{public}",
        default_executor=executor,
        agent_flags={"executor_reregistration_timeout": "1secs"},
        owner_pid=os.getpid(),
    )
    scheduler = Scheduler(cluster, tmp_path_factory.mktemp("images"), executor, "images")
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PODEXEC_SECRET_RIGHT", docker_config(private, PASSWORD))
            environment.setenv("PODEXEC_SECRET_WRONG", docker_config(private, "wrong"))
            environment.setenv("PODEXEC_LOG_LEVEL", "debug")
            environment.setenv("PODEXEC_RECORD", str(scheduler.log.parent / "recording.json"))
            scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


@pytest.fixture(autouse=True)
def no_pods_left(scheduler: Scheduler) -> Iterator[None]:
    """Whatever a test leaves is removed."""
    yield
    scheduler.remove_all()
    for image in scheduler.cluster.images:
        scheduler.cluster.remove_image(image.name)


def docker_config(address: str, password: str) -> str:
    """A Docker config.json."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps({"auths": {address: {"auth": auth}}})


def web_pod(pod_id: str, image: str, **more: object) -> Json:
    """A pod that runs what its image says, with an endpoint."""
    server = {
        "name": "server",
        "resources": ENOUGH,
        "image": {"kind": "DOCKER", "id": image, **more},
        "endpoints": [{"name": "http", "containerPort": 80, "hostPort": 0, "protocol": ["tcp"]}],
        "healthCheck": {"http": {"endpoint": "http", "path": "/"}, **OFTEN},
    }
    return {"id": pod_id, "networks": [{"mode": "container"}], "containers": [server]}


def with_secret(pod: Json, source: str) -> Json:
    """The pod with credentials for its image's registry."""
    pod["containers"][0]["image"]["pullConfig"] = {"secret": "registry"}
    return {**pod, "secrets": {"registry": {"source": source}}}


def page(scheduler: Scheduler, status: Json, path: str = "") -> str:
    """What the first instance's server answers."""
    instance = status["instances"][0]
    port = next(each for each in instance["containers"] if each["name"] == "server")["endpoints"][0][
        "allocatedHostPort"
    ]
    url = f"http://{instance['agentHostname']}:{port}/{path}"

    def probe() -> str | None:
        answer = HTTP.get(url)
        return answer.text if answer.status_code == 200 else None

    return scheduler.wait(f"{url} answers", probe)


def failure(scheduler: Scheduler, pod: Json) -> str:
    """The message of a pod whose container cannot be launched."""

    def probe() -> str | None:
        history = scheduler.client.status(pod["id"]).get("terminationHistory")
        return str(history[-1]["message"]) if history else None

    scheduler.client.add(pod)
    message = scheduler.wait(f"{pod['id']} has failed", probe)
    scheduler.client.remove(pod["id"], WriteOptions(force=True))
    return message


def podexec(scheduler: Scheduler, *arguments: str, code: int = 0) -> str:
    """Stdout of `podexec cluster image`, or its stderr if it must fail."""
    done = subprocess.run(
        [*PODEXEC, *arguments, "--name", scheduler.cluster.name],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment_without_podexec(),
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def test_the_readmes_own_example_runs(scheduler: Scheduler) -> None:
    """As it stands: nginx:1 comes from the cluster's registry, where it is an image for several platforms."""
    [example] = re.findall(r"```yaml\n(id: /web\n.*?)```", README.read_text(), re.DOTALL)
    status = scheduler.run(yaml.safe_load(example))
    assert page(scheduler, status) == "public\n"


def test_a_private_image_is_pulled_with_the_pods_credentials(scheduler: Scheduler, registries: tuple[str, str]) -> None:
    """Its name has the registry's host; the credentials are seen nowhere but in the scheduler's own environment."""
    pod = with_secret(web_pod("/private", f"{registries[1]}/team/nginx:1"), "right")
    assert page(scheduler, scheduler.run(pod)) == "private\n"
    places = dict(traces(scheduler, "/private"))
    for where in ("/state", "::status", "/v2/events", "scheduler's log", "recording", "stderr"):
        assert [name for name, text in places.items() if where in name and b"private" in text], where
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for hidden in (PASSWORD, auth, docker_config(registries[1], PASSWORD)):
        assert seen(hidden, places.items()) == []
    holders = [words for _, words, environment in environments() if auth.encode() in environment]
    assert holders
    # Others are the schedulers of these tests in other processes.
    assert [words for words in holders if b"scheduler.cli.main scheduler" not in words] == []


def test_what_cannot_be_pulled_is_told_by_the_pod(scheduler: Scheduler, registries: tuple[str, str]) -> None:
    """Each message says what to do."""
    public, private = registries
    team = f"{private}/team/nginx"
    # Not the image that the agent may have: Mesos gives it to every pod, whatever its credentials.
    wrong = failure(scheduler, with_secret(web_pod("/wrong", f"{team}:1", forcePull=True), "wrong"))
    assert f"refuses the credentials of image.pullConfig for team/nginx:1 of http://{private}" in wrong
    assert f"check the entry for {private}" in wrong
    without = failure(scheduler, web_pod("/without", f"{team}:1", forcePull=True))
    assert f"let image.pullConfig name a secret with a Docker config.json that has an entry for {private}" in without
    absent = failure(scheduler, web_pod("/absent", "nginx:2"))
    assert f"there is no image nginx:2 of http://{public}: check its name and tag" in absent
    down = failure(scheduler, web_pod("/down", f"127.0.0.1:{free_port()}/nginx:1"))
    assert "cannot be reached (Connection refused): check its address and that it runs" in down
    platform = failure(scheduler, web_pod("/platform", "arm:1"))
    assert "arm:1 of http://" in platform
    assert "is for 'linux/arm64', not for linux/amd64" in platform


def test_an_added_image_takes_precedence_and_its_removal_ends_that(scheduler: Scheduler, tmp_path: Path) -> None:
    """Also if the agent had pulled the registry's, and after the agent has been restarted."""
    for number, name in enumerate(("nginx:1", "quay.example/team/nginx:1")):
        archive = tmp_path / f"{number}.tar"
        archive.write_bytes(tar(oci(nginx(f"added {number}\n"), name)))
    assert page(scheduler, scheduler.run(web_pod("/first", "nginx:1"))) == "public\n"
    scheduler.remove_all()
    assert podexec(scheduler, "add", str(tmp_path / "0.tar")) == "nginx:1\n"
    assert podexec(scheduler, "add", str(tmp_path / "1.tar"), "quay.example/web:1") == "quay.example/web:1\n"
    assert [each["name"] for each in json.loads(podexec(scheduler, "list", "--json"))] == [
        "nginx:1",
        "quay.example/web:1",
    ]
    assert "quay.example/web:1  sha256:" in podexec(scheduler, "list")
    assert page(scheduler, scheduler.run(web_pod("/second", "nginx:1"))) == "added 0\n"
    scheduler.remove_all()
    scheduler.cluster.restart_agent("agent-1")
    scheduler.cluster.wait_registered()
    status = scheduler.run(web_pod("/third", "quay.example/web:1"))
    assert page(scheduler, status, "absolute.html") == "added 1\n"
    scheduler.remove_all()
    assert podexec(scheduler, "remove", "docker.io/library/nginx:1") == "nginx:1\n"
    assert "no image nginx:1 was added" in podexec(scheduler, "remove", "nginx:1", code=1)
    assert page(scheduler, scheduler.run(web_pod("/fourth", "nginx:1"))) == "public\n"


def test_a_containers_files_are_those_of_all_layers(scheduler: Scheduler, tmp_path: Path) -> None:
    """What a layer removes is gone, what a later one has again is there, and no other program is on the PATH."""
    scheduler.cluster.add_image(write(tmp_path, oci(nginx("layers\n"))), "layers:1")
    show = "ls /www /www/full; cat /srv/again; echo; pwd; echo $PATH; echo told; exec sleep 1000"
    image = {"kind": "DOCKER", "id": "layers:1"}
    only = container("only", show, image=image)
    plain = container("plain", "echo $PATH; echo told; exec sleep 1000")
    status = scheduler.run({"id": "/layers", "containers": [only, plain]})
    shown = scheduler.output(status, "only", "told").splitlines()
    assert shown[:6] == ["/www:", "absolute.html", "full", "index.html", "", "/www/full:"]
    assert shown[6:] == ["b", "again" * 3000, "/www", "/bin", "told"]
    assert "podexec" not in scheduler.output(status, "plain", "told")


def test_a_damaged_archive_changes_nothing(scheduler: Scheduler, tmp_path: Path) -> None:
    """The command says what is wrong with it, whatever is in its name."""
    archive = tmp_path / "a [b] \x1b[31m.tar"
    archive.write_bytes(tar(oci(nginx("x"), "broken:1"))[:-40_000])
    assert "cannot be read: the archive" in podexec(scheduler, "add", str(archive), code=1)
    assert podexec(scheduler, "list", "--json").strip() == "[]"
