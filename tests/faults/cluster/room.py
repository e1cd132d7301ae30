"""Where the bench runs: a room (tests/vagrant/room.py) of which nothing stays, and in it a network with a host each."""

import shutil
from pathlib import Path

from localmesos import network, system
from localmesos.network import HOSTS, Network
from tests.faults.cluster.topology import Topology

_TAG = f"{network.TAG_PREFIX}faults"


def make_network(topology: Topology, folder: Path) -> Network:
    """Make a namespace with an address for each host. This process must be in a room already."""
    names = folder / "hosts"
    shutil.copyfile(HOSTS, names)
    system.run("mount", "--bind", str(names), str(HOSTS))  # the machine's own stays as it is
    made = network.create(_TAG, system.tools(), ports=())
    for host in topology.hosts:
        made.attach(host, topology.number(host))
    return made
