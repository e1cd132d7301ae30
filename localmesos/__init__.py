"""A real Apache Mesos 1.11.0 on this machine: masters, agents, ZooKeeper, out of a package of the Python index.

    from localmesos import Cluster
    cluster = Cluster.up("demo", agents=2, progress=print)
    ...                                   # cluster.master is what a framework takes as --master
    cluster.down()

Imports nothing of the scheduler or the executor.
"""

from localmesos.cluster import DEFAULT_NAME, Cluster, Status
from localmesos.errors import ClusterError
from localmesos.state import Member

__all__ = ["DEFAULT_NAME", "Cluster", "ClusterError", "Member", "Status"]
