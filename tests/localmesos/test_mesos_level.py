"""The choice of the fullest level that a host can run, and the line about what it leaves out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from localmesos.errors import ClusterError
from localmesos.level import Host, choose, effective_capabilities, only_loopback_resolvers, v1_hierarchies

SUBSYSTEMS = ("freezer", "cpu", "cpuacct", "memory", "pids")
FULL = Host(
    capabilities=frozenset(range(41)),
    v1_hierarchies={name: f"/sys/fs/cgroup/{name}" for name in SUBSYSTEMS},
    freezer_mountable=False,
    namespaces=True,
    tools=frozenset({"ip", "iptables", "nft", "nsenter", "tar"}),
    cni_folder="/usr/lib/cni",
    loopback_resolver=False,
)
V2_ONLY = replace(FULL, v1_hierarchies={}, freezer_mountable=True)
USER = replace(FULL, capabilities=frozenset(), namespaces=False)


def test_root_with_cgroup_v1_gets_everything() -> None:
    choice = choose(FULL)
    assert (choice.level, choice.left_out, choice.hierarchy) == ("linux", "", "/sys/fs/cgroup")
    assert choice.namespaces
    assert choice.images
    assert {"cgroups/cpu", "cgroups/mem", "cgroups/pids", "network/cni"} <= set(choice.isolation)


def test_root_with_cgroup_v2_only_has_no_limits_and_mounts_the_freezer_elsewhere() -> None:
    choice = choose(V2_ONLY)
    assert (choice.level, choice.mount_freezer, choice.hierarchy) == ("linux-v2", True, "/run/podexec/cgroup")
    assert choice.left_out.startswith("cpu and memory limits (cgroup v1 is not mounted for ")
    assert not any(isolator.startswith("cgroups/") for isolator in choice.isolation)
    assert "network/cni" in choice.isolation


def test_a_host_that_refuses_the_freezer_runs_plain_processes() -> None:
    choice = choose(replace(V2_ONLY, freezer_mountable=False))
    assert choice.level == "posix"
    assert "freezer cannot be mounted" in choice.left_out


def test_a_user_who_is_not_root_runs_plain_processes() -> None:
    choice = choose(USER)
    assert (choice.level, choice.hierarchy, choice.namespaces, choice.cni_folder) == ("posix", None, False, None)
    assert "docker images" in choice.left_out
    assert "not root" in choice.left_out
    assert "\n" not in choice.left_out


def test_root_in_an_unprivileged_container_runs_plain_processes() -> None:
    assert choose(replace(FULL, capabilities=frozenset(range(12)))).level == "posix"


@pytest.mark.parametrize(
    ("host", "missing", "said"),
    [
        (replace(FULL, cni_folder=None), "network/cni", "apt-get install containernetworking-plugins"),
        (replace(FULL, tools=FULL.tools - {"iptables"}), "network/cni", "apt-get install iptables"),
        (replace(FULL, namespaces=False), "network/cni", "no network namespaces"),
        (replace(FULL, namespaces=False), "network/cni", "protection from other users of this machine"),
    ],
)
def test_a_missing_tool_takes_one_thing_away_and_is_said(host: Host, missing: str, said: str) -> None:
    choice = choose(host)
    assert choice.level == "linux"
    assert missing not in choice.isolation
    assert said in choice.left_out


def test_a_resolver_on_loopback_is_said() -> None:
    assert "name server" in choose(replace(FULL, loopback_resolver=True)).left_out


def test_a_lower_level_can_be_forced() -> None:
    assert choose(FULL, "linux-v2").mount_freezer is False
    assert choose(FULL, "posix").left_out.endswith("(by request)")


@pytest.mark.parametrize(("level", "reason"), [("linux", "not root"), ("linux-v2", "not root"), ("full", "no level")])
def test_a_level_that_does_not_work_is_refused_with_the_reason(level: str, reason: str) -> None:
    with pytest.raises(ClusterError, match=reason):
        choose(USER, level)


def test_read_only_hierarchies_do_not_count() -> None:
    mounts = (
        "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\n"
        "cgroup /sys/fs/cgroup/freezer cgroup ro,freezer 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n"
    )
    place = "/sys/fs/cgroup/cpu,cpuacct"
    assert v1_hierarchies(mounts) == {"cpu": place, "cpuacct": place}


def test_capabilities_are_read_from_the_status_of_a_process() -> None:
    assert effective_capabilities("Name:\tx\nCapEff:\t0000000000201000\n") == {12, 21}


def test_only_servers_on_loopback_count_as_loopback_resolvers(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("etc") / "resolv.conf"
    assert not only_loopback_resolvers(file)
    file.write_text("# a comment\nnameserver 127.0.0.53\n")
    assert only_loopback_resolvers(file)
    file.write_text("nameserver 127.0.0.53\nnameserver 192.0.2.1\n")
    assert not only_loopback_resolvers(file)
