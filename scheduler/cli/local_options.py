"""Options that the commands for a local cluster share, and the cluster that they name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from scheduler.cli.errors import CommandError
from scheduler.cli.options import option

if TYPE_CHECKING:
    from localmesos import Cluster

DEFAULT_NAME = "default"

Agents = Annotated[int, option("--agents", "Number of agents.", min=0)]
Level = Annotated[
    str | None,
    option(
        "--level",
        "How Mesos isolates containers: linux, linux-v2 or posix.",
        show_default="the most complete that works on this machine",
    ),
]
Name = Annotated[str, option("--name", "Name of the local cluster.")]
Registry = Annotated[
    str | None,
    option(
        "--registry",
        "Registry of the images whose names have no host.",
        metavar="URL",
        show_default="the public one",
    ),
]
AllowedUsers = Annotated[
    list[str] | None,
    option(
        "--allow-user",
        "User of this machine who may connect to a cluster of root, and so act as root; repeatable.",
        metavar="USER",
        show_default="only root",
    ),
]


@contextmanager
def local_cluster(name: str) -> Iterator["Cluster"]:
    """The cluster of that name, which need not exist yet; its errors become CommandErrors."""
    from localmesos import Cluster, ClusterError

    try:
        yield Cluster(name)
    except ClusterError as error:
        raise CommandError(str(error)) from error
