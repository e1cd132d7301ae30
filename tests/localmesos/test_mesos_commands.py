"""Command lines of a cluster's members."""

from __future__ import annotations

from pathlib import Path

import pytest

from localmesos import commands
from localmesos.assembly import Options, plan
from localmesos.errors import ClusterError
from localmesos.images.pulling import VARIABLE, Settings
from localmesos.level import choose

from .test_mesos_level import FULL


def test_a_users_flag_wins_and_none_takes_a_flag_away() -> None:
    words = commands.flag_arguments({"port": "1", "quiet": True, "zk": "x"}, {"port": "2", "quiet": False, "zk": None})
    assert words == ("--port=2", "--no-quiet")


def test_flags_may_be_spelled_with_dashes() -> None:
    assert commands.flag_arguments({"work_dir": "a"}, {"--work-dir": "b"}) == ("--work_dir=b",)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ("cpus:1;mem:2", "cpus:1;mem:2;ports:[1-2]"),
        ("cpus:1;ports:[5-6]", "cpus:1;ports:[5-6]"),
        ("cpus(role):1;ports(role):[5-6]", "cpus(role):1;ports(role):[5-6]"),
        ('[{"name": "cpus"}]', '[{"name": "cpus"}]'),
    ],
)
def test_an_agent_gets_ports_where_the_user_names_none(resources: str, expected: str) -> None:
    assert commands.with_ports(resources, "[1-2]") == expected


@pytest.mark.parametrize(("kind", "level"), [("master", "linux"), ("agent", "linux-v2"), ("agent", "posix")])
def test_nothing_of_the_users_environment_reaches_mesos(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, level: str
) -> None:
    """Only an agent that runs images has a curl of its own, and what that needs."""
    monkeypatch.setenv("MESOS_PORT", "1")
    monkeypatch.setenv("LIBPROCESS_IP", "192.0.2.1")
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    choice = choose(FULL, level)
    planned = plan("name", tmp_path, choice, Options(registry="https://registry.example/team"))
    found = commands.environment(planned, kind)
    assert not [name for name in found if name.startswith(("MESOS_", "LIBPROCESS_", "http"))]
    if (kind, level) != ("agent", "linux-v2"):
        assert (found["PATH"], VARIABLE in found) == (commands.TASK_PATH, False)
        return
    assert found["PATH"] == f"{tmp_path}/libexec:{commands.TASK_PATH}"
    settings = Settings.load(found[VARIABLE])
    assert (settings.registry, settings.network) == ("https://registry.example/team", None)
    assert settings.environment["https_proxy"] == "http://proxy.example"
    assert commands.linux_flags(planned, 1, tmp_path)["docker_registry"] == "http://registry.example:443"


def test_a_registry_that_is_none_is_refused_before_anything_is_done() -> None:
    with pytest.raises(ClusterError, match="is not the URL of a registry"):
        Options(registry="registry.example")


def test_a_missing_zookeeper_is_named_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="apt-get install zookeeper"):
        commands.zookeeper(tmp_path, "127.0.0.1:2181", tmp_path / "absent.jar")
