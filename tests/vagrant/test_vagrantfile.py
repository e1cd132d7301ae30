"""What Vagrant makes of vagrant/Vagrantfile, and what it says on hosts and of files with which that cannot work."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.vagrant.cluster import VAGRANT, delivered

_SECONDS = 120


def _vagrant(*words: str, home: Path, arch: str = "x86_64", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run vagrant on a host of that architecture."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VAGRANT_", "PODEXEC_"))}
    return subprocess.run(
        ["setarch", arch, "vagrant", *words],
        cwd=VAGRANT,
        env={**environment, "VAGRANT_HOME": str(home), "VAGRANT_DOTFILE_PATH": str(home / "state"), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def _changed(folder: Path, **changes: object) -> str:
    """A copy of cluster.yml with these keys changed, as `agents.count` with two underscores in place of the dot."""
    content = delivered()
    for key, value in changes.items():
        place, _, name = key.rpartition("__")
        (content[place] if place else content)[name] = value
    path = folder / "cluster.yml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.mark.parametrize(
    "changes",
    [{}, {"masters__count": 3, "agents__count": 1, "agents__memory": 1024}, {"libvirt__driver": "qemu"}],
    ids=["as delivered", "three masters", "software emulation"],
)
def test_the_vagrantfile_is_valid(tmp_path: Path, changes: dict[str, object]) -> None:
    done = _vagrant("validate", home=tmp_path, PODEXEC_CLUSTER=_changed(tmp_path, **changes))
    assert done.returncode == 0, done.stdout + done.stderr
    listed = _vagrant(
        "status", "--machine-readable", home=tmp_path, PODEXEC_CLUSTER=_changed(tmp_path, **changes)
    ).stdout
    machines = [line.split(",")[1] for line in listed.splitlines() if ",provider-name,libvirt" in line]
    wanted = {"masters__count": 1, "agents__count": 2} | changes
    assert machines == [
        f"{kind}-{number + 1}" for kind in ("master", "agent") for number in range(wanted[f"{kind}s__count"])
    ]


def _refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0, done.stdout
    assert "Vagrantfile:" not in done.stderr, "a stack of Ruby"
    return " ".join(done.stderr.split())


def test_another_processor_is_refused(tmp_path: Path) -> None:
    said = _refusal(_vagrant("validate", home=tmp_path, arch="i686"))
    assert "this host has a i686 processor, and Mesos' programs are for x86_64 only. Run the machines on" in said


def test_without_a_provider_it_says_what_to_install(tmp_path: Path) -> None:
    said = _refusal(_vagrant("validate", home=tmp_path, VAGRANT_NO_PLUGINS="1"))
    assert "no provider of virtual machines is installed. Install VirtualBox" in said


@pytest.mark.parametrize(
    ("words", "variables", "expected"),
    [
        (
            ["--provider=vmware_desktop"],
            {},
            "the provider vmware_desktop is not supported; use one of libvirt, virtualbox",
        ),
        (["--provider", "virtualbox"], {}, "the provider virtualbox is not installed. Install VirtualBox"),
        ([], {"VAGRANT_DEFAULT_PROVIDER": "docker"}, "the provider docker is not supported"),
    ],
)
def test_a_provider_that_cannot_be_used_is_refused_before_anything_starts(
    tmp_path: Path, words: list[str], variables: dict[str, str], expected: str
) -> None:
    assert expected in _refusal(_vagrant("up", *words, home=tmp_path, **variables))


def test_a_wrong_value_is_told_before_anything_starts(tmp_path: Path) -> None:
    path = _changed(tmp_path, agents__count=0)
    said = _refusal(_vagrant("up", home=tmp_path, PODEXEC_CLUSTER=path))
    assert f"podexec: {path}: agents.count must be an integer from 1 to 50, not 0." in said
