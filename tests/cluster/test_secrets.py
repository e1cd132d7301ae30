"""Secrets on a real Mesos: they reach the containers that request them, and are visible nowhere else."""

import hashlib
import json
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.cli.client import WriteOptions
from tests.cluster.support import DEFAULT, Json, Scheduler, both_executors, container
from tests.cluster.traces import environments, seen, traces
from tests.fakes.vault import ROLE_ID, SECRET_ID, Vault, vault

BUSYBOX = {"kind": "DOCKER", "id": "busybox:1.35"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The secrets directory of the next scheduler, which logs at the most detailed level, and records."""
    folder = tmp_path / "secrets"
    folder.mkdir(0o700)
    monkeypatch.setenv("PODEXEC_SECRETS_SOURCE", f"directory:{folder}")
    monkeypatch.setenv("PODEXEC_LOG_LEVEL", "debug")
    monkeypatch.setenv("PODEXEC_RECORD", str(tmp_path / "recording.json"))
    return folder


@pytest.fixture
def scheduler(folder: Path, own_scheduler: Scheduler) -> Scheduler:
    """A scheduler with this directory."""
    assert folder.is_dir()
    return own_scheduler


def keep(folder: Path, name: str, value: str) -> str:
    """Write a secret atomically; returns the value's checksum as ``sha256sum`` prints it."""
    new = folder / ".new"
    new.touch(0o600)
    new.write_text(value)
    new.rename(folder / name)
    return hashlib.sha256(value.encode()).hexdigest()


def test_secrets_reach_their_containers_and_are_seen_nowhere_else(scheduler: Scheduler, folder: Path) -> None:
    """Secrets in the environment and as files, with and without an image; the containers print checksums."""
    in_variable, in_file = (f"canary-{uuid.uuid4().hex}" for _ in range(2))
    variable, file = keep(folder, "variable", in_variable), keep(folder, "file", in_file)
    show = "printf %s $PW | sha256sum; sha256sum < {}; echo shown; exec sleep 100"
    definition = {
        "id": "/secretive",
        "secrets": {"pw": {"source": "/variable"}, "key": {"source": "/file"}},
        "environment": {"PW": {"secret": "pw"}},
        "volumes": [{"name": "key", "secret": "key"}],
        "containers": [
            container("plain", show.format("keys/key"), volumeMounts=[{"name": "key", "mountPath": "keys/key"}]),
            container(
                "imaged",
                show.format("/run/keys/key"),
                image=BUSYBOX,
                volumeMounts=[{"name": "key", "mountPath": "/run/keys/key", "readOnly": True}],
            ),
        ],
    }
    status = scheduler.run(definition)
    for name in ("plain", "imaged"):
        lines = scheduler.output(status, name, "shown").splitlines()
        assert [line.split()[0] for line in lines[:2]] == [variable, file]
    places = dict(traces(scheduler, "/secretive"))
    for where in ("/state", "::status", "::versions", "/v2/events", "scheduler's log", ".db", "recording", "stderr"):
        assert [name for name, text in places.items() if where in name and b"secretive" in text], where
    assert [name for name, text in places.items() if "cmdline" in name and b"sleep\x00100\x00" in text]
    for canary in (in_variable, in_file):
        assert seen(canary, places.items()) == []
    # A variable is in the environment of the containers' processes, which are Mesos' launcher and the command.
    holders = {
        Path(words.split()[0].decode()).name for _, words, text in environments() if in_variable.encode() in text
    }
    assert holders <= {"mesos-containerizer", "sh", "sleep"}
    assert holders
    assert [name for name, _, text in environments() if in_file.encode() in text] == []


@pytest.mark.parametrize("executor_kind", [DEFAULT])
def test_with_mesos_own_executor_only_mesos_shows_values(scheduler: Scheduler, folder: Path) -> None:
    """It gets them in the task itself, which masters and agents show; podexec shows them nowhere."""
    canary = f"canary-{uuid.uuid4().hex}"
    checksum = keep(folder, "file", canary)
    definition = {
        "id": "/secretive",
        "secrets": {"key": {"source": "/file"}},
        "environment": {"KEY": {"secret": "key"}},
        "volumes": [{"name": "key", "secret": "key"}],
        "containers": [
            container("one", "sha256sum < key; exec sleep 100", volumeMounts=[{"name": "key", "mountPath": "key"}])
        ],
    }
    scheduler.output(scheduler.run(definition), "one", checksum)

    found = seen(canary, traces(scheduler, "/secretive"))

    assert "GET master/state" in found
    assert [place for place in found if not place.startswith(("GET master/", "GET agent/", "meta "))] == []


def test_a_missing_secret_is_told_and_delivered_once_it_is_there(scheduler: Scheduler, folder: Path) -> None:
    """The launch counts as failed; the next one after the back-off finds the secret."""
    definition = {
        "id": "/early",
        "secrets": {"pw": {"source": "/late"}},
        "containers": [
            container("waits", "printf %s $PW | sha256sum; exec sleep 100", environment={"PW": {"secret": "pw"}}),
            container("beside", "exec sleep 100"),
        ],
    }
    scheduler.client.add(definition)
    history = scheduler.wait(
        "a launch without its secret", lambda: scheduler.client.status("/early").get("terminationHistory")
    )
    assert history[0]["message"] == f"secret '/late' cannot be delivered: there is no file {folder}/late"
    assert {each["lastKnownState"] for each in history[0]["containers"]} == {"TASK_ERROR"}
    expected = keep(folder, "late", "hush")
    assert scheduler.output(scheduler.stable("/early"), "waits", "\n").split()[0] == expected


@both_executors
def test_a_changed_secret_comes_with_the_next_launch(scheduler: Scheduler, folder: Path) -> None:
    """Running containers keep their values."""
    old = keep(folder, "rotated", "old")
    shell = "sha256sum < key; until test -e go; do sleep 0.1; done; sha256sum < key; exit 1"
    definition = {
        "id": "/rotating",
        "secrets": {"key": {"source": "/rotated"}},
        "volumes": [{"name": "key", "secret": "key"}],
        "containers": [container("one", shell, volumeMounts=[{"name": "key", "mountPath": "key"}])],
    }
    first = scheduler.run(definition)
    scheduler.output(first, "one", old)
    new = keep(folder, "rotated", "new")
    sandbox = scheduler.sandbox(first, "one")
    (sandbox / "go").touch()

    def relaunched() -> Json | None:
        status = scheduler.client.status("/rotating")
        tasks = [each.get("containerId", "") for each in status["instances"][0].get("containers", ())]
        return status if status["status"] == "STABLE" and tasks[0].endswith(".2") else None

    second = scheduler.wait("the second launch", relaunched)
    scheduler.output(second, "one", new)
    assert (sandbox / "stdout").read_text().count(old) == 2


# -------------------------------------------------------------------------------- scopes


def replace_policy(file: Path, *sources: str) -> None:
    """Let /team-a use these sources, and nobody else any."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"secrets": [{"pods": ["/team-a/**"], "sources": list(sources)}]}))
    new.rename(file)


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The policy file of the next scheduler."""
    file = tmp_path / "policy.json"
    replace_policy(file, "/team-a/**")
    monkeypatch.setenv("PODEXEC_POLICY", str(file))
    return file


def test_a_pod_whose_scope_is_taken_away_does_not_get_the_value_again(
    policy: Path, folder: Path, scheduler: Scheduler
) -> None:
    """It keeps running; its next launch fails with the reason, and succeeds once the policy allows it again."""
    (folder / "team-a").mkdir(0o700)
    value = keep(folder / "team-a", "pw", "hush")
    definition = {
        "id": "/team-a/web",
        "secrets": {"pw": {"source": "/team-a/pw"}},
        "containers": [
            container("one", "printf %s $PW | sha256sum; exec sleep 100", environment={"PW": {"secret": "pw"}})
        ],
        "scheduling": {"backoff": {"backoff": 3000, "maxLaunchDelay": 3600}},
    }
    with pytest.raises(Exception, match="does not accept this pod"):
        scheduler.client.add(definition | {"id": "/team-b/web"})
    status = scheduler.run(definition)
    scheduler.output(status, "one", value)

    replace_policy(policy, "/shared/**")
    scheduler.wait("the new policy", lambda: "policy changed" in scheduler.log.read_text())
    assert scheduler.client.status("/team-a/web")["status"] == "STABLE"
    scheduler.client.kill("/team-a/web", [status["instances"][0]["id"]])
    reason = scheduler.wait(
        "a launch without its secret",
        lambda: [
            each["message"]
            for each in scheduler.client.status("/team-a/web").get("terminationHistory", ())
            if "secret" in each.get("message", "")
        ],
    )
    forbidden = "the policy does not let /team-a/web use secret '/team-a/pw'"
    assert reason == [f"secret '/team-a/pw' is not delivered: {forbidden}"]
    (waiting,) = scheduler.client.queue()
    assert waiting["delay"]["overdue"] is False
    assert waiting["podexec"]["lastTermination"] == reason[0]

    replace_policy(policy, "/team-a/pw")
    assert scheduler.output(scheduler.stable("/team-a/web"), "one", value).count(value) == 1


# --------------------------------------------------------------------------------- Vault


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Vault]:
    """The Vault of the next scheduler."""
    with vault() as fake:
        monkeypatch.setenv("PODEXEC_SECRETS_SOURCE", f"vault:{fake.url}")
        monkeypatch.setenv("VAULT_ROLE_ID", ROLE_ID)
        file = folder / "secret-id"
        file.touch(0o600)
        file.write_text(SECRET_ID)
        monkeypatch.setenv("VAULT_SECRET_ID_FILE", str(file))
        yield fake


def test_values_of_vault_reach_their_containers_and_its_token_nobody(server: Vault, own_scheduler: Scheduler) -> None:
    """It is sealed at first, which the pod tells."""
    canary = f"canary-{uuid.uuid4().hex}"
    server.secrets["", "secret/team/db"] = {"password": canary}
    server.sealed = True
    definition = {
        "id": "/vaulted",
        "secrets": {"pw": {"source": "/team/db#password"}},
        "volumes": [{"name": "key", "secret": "pw"}],
        "containers": [
            container(
                "one",
                "printf %s $PW | sha256sum; sha256sum < key; echo shown; exec sleep 100",
                environment={"PW": {"secret": "pw"}},
                volumeMounts=[{"name": "key", "mountPath": "key"}],
            )
        ],
    }
    own_scheduler.client.add(definition)
    history = own_scheduler.wait(
        "a launch without its secret", lambda: own_scheduler.client.status("/vaulted").get("terminationHistory")
    )
    assert "Vault is sealed or down for maintenance (HTTP 503 for " in history[0]["message"]
    server.sealed = False

    lines = own_scheduler.output(own_scheduler.stable("/vaulted"), "one", "shown").splitlines()

    assert {line.split()[0] for line in lines[:2]} == {hashlib.sha256(canary.encode()).hexdigest()}
    places = dict(traces(own_scheduler, "/vaulted"))
    for secret in (canary, SECRET_ID, *(token for token in server.tokens if "login" in token)):
        assert seen(secret, places.items()) == []


def test_the_file_of_a_secret_is_only_in_the_memory_of_its_agent(scheduler: Scheduler, folder: Path) -> None:
    """No copy is on a disk, others cannot reach it, and it is gone with the container."""
    canary = f"canary-{uuid.uuid4().hex}"
    keep(folder, "file", canary)
    definition = {
        "id": "/kept",
        "secrets": {"key": {"source": "/file"}},
        "volumes": [{"name": "key", "secret": "key"}],
        "containers": [container("one", "cat key; exec sleep 100", volumeMounts=[{"name": "key", "mountPath": "key"}])],
    }
    definition["containers"][0]["exec"]["command"]["shell"] = "sha256sum < key; exec sleep 100"
    scheduler.output(scheduler.run(definition), "one", "-")

    def copies() -> list[Path]:
        places = (agent.work_dir.parent / "run" for agent in scheduler.cluster.agents)
        return [file for place in places for file in place.rglob("*") if _contains(file, canary)]

    found = copies()
    assert found
    assert [str(file) for file in found if not _is_private(file)] == []
    scheduler.client.remove("/kept", WriteOptions(force=True))
    scheduler.wait("the file is gone", lambda: not copies())


def _is_private(file: Path) -> bool:
    """Whether others cannot read the file, or not reach it."""
    is_reachable = all(folder.stat().st_mode & stat.S_IXOTH for folder in file.parents)
    return not (is_reachable and file.stat().st_mode & stat.S_IROTH)


def _contains(file: Path, secret: str) -> bool:
    try:
        return file.is_file() and secret.encode() in file.read_bytes()
    except OSError:
        return False
