"""Command lines of a cluster's members."""

from __future__ import annotations

from pathlib import Path

import pytest

from localmesos import commands
from localmesos.errors import ClusterError


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


def test_nothing_of_the_users_environment_reaches_mesos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESOS_PORT", "1")
    monkeypatch.setenv("LIBPROCESS_IP", "192.0.2.1")
    assert not [name for name in commands.environment() if name.startswith(("MESOS_", "LIBPROCESS_"))]


def test_a_missing_zookeeper_is_named_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="apt-get install zookeeper"):
        commands.zookeeper(tmp_path, "127.0.0.1:2181", tmp_path / "absent.jar")
