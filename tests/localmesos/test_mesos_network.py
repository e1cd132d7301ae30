"""Addresses of clusters, and entries in /etc/hosts."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localmesos import network, system
from localmesos.level import Choice


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


@pytest.fixture
def tag() -> Iterator[str]:
    made = f"podexec-{secrets.token_hex(3)}"
    yield made
    if os.geteuid() == 0:
        network.remove(made, system.tools())


def test_a_network_is_gone_with_its_links_even_if_a_process_holds_a_namespace(tag: str, here: Choice) -> None:
    """Another cluster may take the subnet immediately."""
    if not here.namespaces:
        assert "container networks" in here.left_out
        return
    first = network.create(tag, system.tools(), [5050])
    first.attach("agent-1", 11)
    with first.namespace("agent-1").open("rb"):
        network.remove(tag, system.tools())
        assert network.listing(tag, system.tools()) == []
        second = network.create(tag, system.tools(), [5050])
        second.attach("agent-1", 11)


def test_networks_come_and_go_at_the_same_time(here: Choice) -> None:
    if not here.namespaces:
        assert "container networks" in here.left_out
        return

    def lives(tag: str) -> None:
        made = network.create(tag, system.tools(), [5050])
        try:
            for number in (2, 11):
                made.attach(f"member-{number}", number)
        finally:
            network.remove(tag, system.tools())

    tags = [f"podexec-{secrets.token_hex(3)}" for _ in range(6)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lives, tags))
    assert [line for tag in tags for line in network.listing(tag, system.tools())] == []
