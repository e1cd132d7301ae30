"""Local clusters for tests: unique names, podexec's executor as the default executor, this process as their owner."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from localmesos import Cluster
from localmesos.commands import Flags
from podexec.testing.errors import harness_errors
from scheduler.cli.local import default_executor

# A restarted agent always waits this long for its executors, and registers only then.
_QUICK_RECOVERY: Flags = {"executor_reregistration_timeout": "5secs"}
_LONGEST_WORKER = 8  # characters of an xdist worker's name in a cluster's name, which has 31 at most


class ClusterOptions(TypedDict, total=False):
    """The options of `localmesos.Cluster.up` except its name, owner and progress."""

    agents: int
    masters: int
    zookeeper: bool
    level: str | None
    agent_resources: str
    agent_attributes: Sequence[str]
    agent_flags: Flags | None
    master_flags: Flags | None
    images_dir: Path | None
    default_executor: Path | None
    allowed_users: Sequence[str]
    own_ports: Sequence[int]
    registry: str | None


def start_cluster(**options: Unpack[ClusterOptions]) -> Cluster:
    """Start a cluster. It belongs to this process: if that is killed, the next `up` or `down` removes the remains."""
    with harness_errors(), default_executor(options.get("default_executor")) as program:
        flags = {**_QUICK_RECOVERY, **(options.get("agent_flags") or {})}
        given: ClusterOptions = {**options, "default_executor": program, "agent_flags": flags}
        return Cluster.up(new_name(), owner_pid=os.getpid(), **given)


def new_name() -> str:
    """A name that no other cluster has, with the name of pytest-xdist's worker if there is one."""
    worker = re.sub("[^a-z0-9]", "", os.environ.get("PYTEST_XDIST_WORKER", "").lower())[:_LONGEST_WORKER]
    return "-".join(filter(None, ("test", worker, secrets.token_hex(4))))
