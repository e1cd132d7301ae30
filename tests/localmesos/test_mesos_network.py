"""Addresses of clusters, and /etc/hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from localmesos import network


@pytest.mark.parametrize(
    ("used", "free"),
    [
        ([], True),
        (["192.0.2.0/24", "127.0.0.1"], True),
        (["10.77.3.0/24"], False),
        (["10.77.3.17"], False),
        (["10.77.0.0/16"], False),
        (["10.0.0.0/8", "0.0.0.0/1"], True),  # a VPN's wide route: ours is more specific
    ],
)
def test_a_subnet_is_free_when_no_route_of_its_size_overlaps(used: list[str], free: bool) -> None:
    assert network.is_free("10.77.3.0/24", used) is free


def test_entries_in_etc_hosts_come_and_go_with_their_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    monkeypatch.setattr(network, "HOSTS", hosts)
    inode = hosts.stat().st_ino
    network.add_hosts_entry("podexec-aa", "10.77.0.2", "master-1.podexec-aa")
    network.add_hosts_entry("podexec-bb", "10.77.1.2", "master-1.podexec-bb")
    assert network.hosts_entries("podexec-aa") == ["10.77.0.2 master-1.podexec-aa # podexec-aa"]
    network.remove("podexec-aa", ())
    assert hosts.read_text() == "127.0.0.1 localhost\n10.77.1.2 master-1.podexec-bb # podexec-bb\n"
    assert hosts.stat().st_ino == inode, "the file must be changed in place: it may be a mount"
