"""The pytest plugin as a stranger uses it: options, lifetimes, reports of failures, clusters that are left up."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from localmesos import Cluster, package, remains, vanishing
from tests.cluster.support import wait_for
from tests.harness.conftest import Project, left_up


def test_projects_without_pods_load_nothing_of_it(project: Project) -> None:
    """Their runs take no longer, need no root, and warn of nothing."""
    result = project(
        """
        import sys

        def test_nothing():
            loaded = {"scheduler", "localmesos", "psutil", "httpx2", "rich", "websockets"} & set(sys.modules)
            podexec = sorted(name for name in sys.modules if name.startswith("podexec"))
            assert (loaded, podexec) == (set(), ["podexec", "podexec.testing", "podexec.testing.plugin"])
        """
    )
    result.assert_outcomes(passed=1)


# A cluster cannot have an unknown level: nothing is started.
LEVEL = "--podexec-level=full"
USES = {
    "podexec": "def test_it(podexec): pass",
    "mesos_cluster": "def test_it(mesos_cluster): pass",
    "podexec_factory": "def test_it(podexec_factory): podexec_factory(agents=2)",
    "mesos_cluster_factory": "def test_it(mesos_cluster_factory): mesos_cluster_factory()",
}


@pytest.mark.parametrize("use", USES)
def test_a_machine_that_cannot_run_mesos_skips_with_the_reason(use: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(USES[use])
    result = pytester.runpytest_inprocess("-rs", LEVEL)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines("SKIPPED*podexec: there is no level 'full'; it must be one of linux, linux-v2, posix")


def test_with_required_it_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(USES["podexec"])
    result = pytester.runpytest_inprocess("--podexec-required", LEVEL)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*podexec: there is no level 'full'*")


def test_the_configuration_file_has_the_same_options(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\npodexec_level = full\npodexec_required = true\n")
    pytester.makepyfile(USES["podexec"])
    pytester.runpytest_inprocess().assert_outcomes(errors=1)


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("localmesos.apt.missing", "this machine lacks g++; on Debian: apt-get install * g++"),
        ("platform.machine", "a local Mesos runs only on Linux x86_64, and this is linux aarch64.*"),
        ("os.geteuid", "this machine cannot run level linux: not root with CAP_SYS_ADMIN and CAP_NET_ADMIN"),
    ],
)
def test_what_is_missing_is_named(
    missing: str, reason: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"localmesos.apt.missing": ("python3-venv", "g++"), "platform.machine": "aarch64", "os.geteuid": 1000}
    monkeypatch.setattr(missing, lambda **_: answers[missing])
    monkeypatch.setattr("localmesos.package.is_built", lambda: False)
    pytester.makepyfile(USES["mesos_cluster"])
    result = pytester.runpytest_inprocess("-rs", "--podexec-level=linux")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(f"SKIPPED*podexec: {reason}")


def test_mesos_that_cannot_be_downloaded_skips_too(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_progress: object) -> Path:
        raise package.PackageError("the package index does not answer")

    monkeypatch.setattr(package, "ensure", fail)
    pytester.makepyfile(USES["podexec_factory"])
    result = pytester.runpytest_inprocess("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines("SKIPPED*podexec: the package index does not answer")


@pytest.mark.parametrize(
    ("arguments", "settings", "reason"),
    [
        (["--podexec-keep", "--podexec-master=127.0.0.1:5050"], "", "*--podexec-keep excludes --podexec-master"),
        ([], "podexec_keep = sometimes", "*podexec_keep is 'sometimes'; it must be one of never, failed, always"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], settings: str, reason: str, pytester: pytest.Pytester
) -> None:
    pytester.makeini(f"[pytest]\n{settings}\n")
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(reason)


REPORT = r"""
import pods

def test_before(podexec):
    podexec.run(pods.pod("/before", "echo not of the test that fails; exec sleep 1000"))

def test_it(podexec):
    podexec.run(pods.pod("/shown", "printf 'a \\033[31mred word\\n'; seq 5000 >&2; exec sleep 1000"))
    podexec.run(pods.pod("/again"))
    while "5000" not in podexec.pod("/shown").logs():
        pass
    assert podexec.pods() == []

def test_after(podexec):
    assert {pod.id for pod in podexec.pods()} == {"/again", "/shown"}
    assert "echo new" in str(podexec.run(pods.pod("/again", "echo new; exec sleep 1000")).definition)
"""


def test_a_failure_shows_what_everything_wrote_during_the_test_and_keeps_the_cluster(project: Project) -> None:
    result = project(REPORT, "--podexec-keep-failed")
    (cluster,) = left_up(result)
    try:
        result.assert_outcomes(passed=2, failed=1)
        text = result.stdout.str()
        shown = re.findall(r"^-+ podexec: (.*?) -+$", text, re.MULTILINE)
        names = rf"{cluster.name} |\.instance-[0-9a-f-]{{36}}|instance-|\.[0-9a-f-]{{36}}|\.1\b"
        kinds = {re.sub(names, "", each) for each in shown}
        container = "agent-1 container shown.main"
        expected = {f"{container} stdout", f"{container} stderr", "agent-1 executor shown stderr"}
        assert expected | {"agent-1", "master-1", "scheduler"} <= kinds, text
        assert "a \\x1b[31mred word" in text
        assert "\x1b[31mred" not in text
        assert "not of the test that fails" not in text
        assert "… (more before this)\n4941\n" in text, "of a long output the end is shown"
        assert not [line for line in result.outlines if len(line) > 9000]

        (url,) = re.findall(r"its API is (http:\S+)", text)
        (look,) = re.findall(r"look at it: (.+ pod list .*)", text)
        assert "/shown" in subprocess.run(look, shell=True, check=True, capture_output=True, text=True).stdout
        assert url in look
        (remove,) = re.findall(r"remove it: +(.+ cluster down .*)", text)
        state = cluster.state
        assert cluster.leader()
        subprocess.run(remove, shell=True, check=True, capture_output=True)
        assert remains.listing(state) == []
    finally:
        cluster.down()


LIFETIMES = """
import pods
import pytest
from podexec.testing import HarnessError, wait_for

@pytest.fixture(scope="module")
def shared(podexec):
    pod = podexec.run(pods.pod("/shared"))
    yield pod
    assert pod.status["status"] == "STABLE"  # it is there until the fixture has ended

seen = {}

def test_one(podexec, shared, podexec_factory):
    podexec.run(pods.pod("/own"))
    assert {pod.id for pod in podexec.pods()} == {"/own", "/shared"}
    other = podexec_factory(cluster=podexec.cluster, scheduler_options=["--mesos-role", "other"])
    assert other.run(pods.pod("/shared")).definition["role"] == "other"
    seen["other"] = other
    with podexec_factory(cluster=podexec.cluster) as third:
        assert third.pods() == []
    with pytest.raises(HarnessError, match="not running"):
        third.pods()
    podexec.kill_agent(shared.agent())
    podexec.kill_scheduler()

def test_two(podexec, shared, mesos_cluster):
    assert podexec.cluster is mesos_cluster
    assert [pod.id for pod in podexec.pods()] == ["/shared"]
    shared.wait_stable()
    assert mesos_cluster.agents[0].alive
    with pytest.raises(HarnessError, match="not running"):
        seen["other"].pods()
    assert [each["name"] for each in frameworks(mesos_cluster) if each["active"]] == [frameworks_name(podexec)]

def frameworks(cluster):
    from localmesos.watching import get_json
    return get_json(cluster.wait_leader().address, "/frameworks")["frameworks"]

def frameworks_name(podexec):
    return podexec.client.info()["name"]
"""


def test_everything_lives_as_long_as_the_test_or_fixture_that_made_it(project: Project) -> None:
    """And what a test kills is started again when it ends."""
    project(LIFETIMES).assert_outcomes(passed=2)


WORKERS = """
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_it(number, mesos_cluster):
    assert mesos_cluster.agents[0].alive
"""


def test_workers_have_clusters_of_their_own_and_the_controller_says_what_they_leave(project: Project) -> None:
    result = project(WORKERS, "-n2", "--dist=each", "--podexec-keep", "--podexec-level=posix")
    clusters = left_up(result)
    try:
        result.assert_outcomes(passed=4)
        assert sorted(re.sub("[0-9a-f]{8}$", "", cluster.name) for cluster in clusters) == ["test-gw0-", "test-gw1-"]
        assert [cluster.level for cluster in clusters] == ["posix", "posix"]
        addresses = [member.address for cluster in clusters for member in cluster.state.members]
        assert len(set(addresses)) == 4
    finally:
        for cluster in clusters:
            cluster.down()


EXISTING = """
import pods

def test_a_pod(podexec):
    assert podexec.run(pods.web("/web")).endpoint("http").get("/").text == "hello\\n"
    assert podexec.run(pods.pod("/silent", "echo said; exec sleep 1000")).logs() == "said\\n"
    assert False, "for the report"

def test_an_agent(podexec, mesos_cluster): pass

def test_two_agents(podexec_factory): podexec_factory(agents=2)
"""


def test_an_existing_cluster_is_used_and_left_as_it_was(project: Project) -> None:
    with Cluster.up(f"existing-{secrets.token_hex(4)}", owner_pid=os.getpid()) as cluster:
        result = project(EXISTING, f"--podexec-master={cluster.master}")
        result.assert_outcomes(failed=1, skipped=2)
        text = result.stdout.str()
        assert re.search(r"-+ podexec: /silent containers -+\nsaid\n", text), text
        assert re.search(r"-+ podexec: /silent executors -+\n", text), text
        reason = "*podexec: it needs a local Mesos*, and --podexec-master names an existing cluster"
        result.stdout.fnmatch_lines([reason, reason])
        work = cluster.agents[0].folder / "run" / "containers"
        assert list(work.iterdir()) == [], "no container is left"


def test_a_process_that_is_killed_takes_its_child_with_it(tmp_path: Path) -> None:
    """As the scheduler on an existing cluster."""
    child = [sys.executable, "-P", "-m", "podexec.testing.child"]
    program = f"[*{child}, str(os.getpid()), '/bin/sleep', '600']"
    code = f"import os, subprocess; print(subprocess.Popen({program}).pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        command = Path(f"/proc/{pid}/cmdline")
        wait_for("the program", lambda: command.read_bytes().startswith(b"/bin/sleep"))
        parent.kill()
    wait_for("its end", lambda: not vanishing.read(command))  # a zombie has no command line
