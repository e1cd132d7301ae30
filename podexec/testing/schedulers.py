"""Scheduler processes for tests, not started yet: on a local cluster, and on an existing one."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from localmesos import Cluster, ClusterError
from podexec.testing.served import served
from scheduler.cli.local import RUN_MODULE, SchedulerProcess, build_executor, local_options
from scheduler.cli.pythons import executor_python

_FAILOVER_SECONDS = 60  # an existing cluster ends the pods of a scheduler that has been gone for this long
_OPTIONS = ("PODEXEC_", "LIBPROCESS_")  # variables that are options of a scheduler
_SECRETS = "PODEXEC_SECRET_"


@dataclass(frozen=True, slots=True)
class SchedulerArguments:
    """What a user says about a scheduler; see `podexec.testing.Podexec`."""

    executor: str | None
    options: tuple[str, ...]
    variables: Mapping[str, str]


def on_local(cluster: Cluster, listen: str, arguments: SchedulerArguments) -> SchedulerProcess:
    """A scheduler that ends with the cluster, in whose folder its store and log are."""
    name = _new_name()
    own = {each: None for each in os.environ if each.startswith(_OPTIONS) and not each.startswith(_SECRETS)}
    return SchedulerProcess(
        cluster.master,
        cluster.state.folder / f"scheduler-{name}",
        listen,
        name,
        executor=arguments.executor or str(_executor_of(cluster)),
        executor_python=executor_python(),
        options=(*local_options(cluster, name), *arguments.options),
        variables={**own, **cluster.companion(), **arguments.variables},
    )


def on_existing(master: str, listen: str, arguments: SchedulerArguments, stack: ExitStack) -> SchedulerProcess:
    """A scheduler that ends with this process. What it needs, such as a folder, is there until the stack closes."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podexec-test-")))
    executor = arguments.executor
    if executor is None:
        executor = stack.enter_context(served(build_executor(folder / "podexec.pyz"), master))
    return SchedulerProcess(
        master,
        folder,
        listen,
        _new_name(),
        executor=executor,
        executor_python="python3",
        options=("--failover-timeout", str(_FAILOVER_SECONDS), *arguments.options),
        variables=arguments.variables,
        prefix=(*RUN_MODULE, "podexec.testing.child", str(os.getpid())),
    )


def _new_name() -> str:
    return f"podexec-{secrets.token_hex(4)}"


def _executor_of(cluster: Cluster) -> Path:
    """podexec's executor, in the cluster's folder so that it is there as long as the cluster."""
    try:
        return cluster.default_executor
    except ClusterError:
        return build_executor(cluster.state.folder / "podexec.pyz")
