"""A stranger's project, whose tests pytest runs in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from localmesos import Cluster, package

# pytester gives its runs an empty home; Mesos is built once in the real one.
_CACHE = package.cache_folder().parents[1]
_PODS = Path(__file__).with_name("pods.py").read_text()
_CLUSTER = re.compile(r"the cluster (test-[a-z0-9-]+) is left up")

# Runs pytest with these arguments on this text of a test file.
Project = Callable[..., pytest.RunResult]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project has `pods.py` of this folder beside its test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(_CACHE))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makepyfile(pods=_PODS)

    def run(test: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_project=test)
        # Warnings are errors: this is the strictest that a stranger may be.
        return pytester.runpytest_subprocess("-Werror", "-ra", *arguments)

    return run


def left_up(result: pytest.RunResult) -> list[Cluster]:
    """The clusters that a run says it has left up."""
    return [Cluster.load(name) for name in _CLUSTER.findall(result.stdout.str())]
