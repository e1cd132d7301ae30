"""The executor that needs no Python, against the fake agent: what lies in it and not in an agent's interpreter."""

from __future__ import annotations

import subprocess
from pathlib import Path

from podexec.wire import UsageAnswer, UsageQuestion
from tests.conftest import ROOT
from tests.executor.conftest import Executor
from tests.executor.test_usage import busy
from tests.executor.test_ways_to_the_agent import endpoint
from tests.fakes.agent import FakeAgent, task, wait_until
from tests.fakes.certificates import Authority

DEBIANS = "/usr/bin/python3.11"
# What is imported late, when a pod or its agent needs it.
LATE = ("addict", "hashlib", "http.client", "ssl", "structlog", *(f"encodings.{each}" for each in ("ascii", "idna")))


def test_it_speaks_tls_and_measures_with_psutil(static_executor: Path, tmp_path: Path) -> None:
    """It verifies the agent, has a certificate of its own, and shows no warning."""
    authority = Authority(tmp_path)
    own = authority.certify("agent")
    agent = FakeAgent(tls=authority.server(own, asks_for_certificates=True))
    variables = {
        **endpoint(agent),
        "LIBPROCESS_SSL_ENABLED": "1",
        "LIBPROCESS_SSL_VERIFY_SERVER_CERT": "1",
        "LIBPROCESS_SSL_CA_FILE": str(authority.file),
        "LIBPROCESS_SSL_CERT_FILE": str(own.file),
        "LIBPROCESS_SSL_KEY_FILE": str(own.key),
        "PATH": "/nonexistent",
    }
    executor = Executor(agent, tmp_path, (str(static_executor),), variables)
    try:
        agent.wait_subscribed()
        agent.launch_group(task("idle"))
        agent.wait_state("idle", "TASK_STARTING", "TASK_RUNNING")
        with busy("pod.idle"):
            agent.send({"type": "MESSAGE", "message": {"data": UsageQuestion(7).encode()}})
            wait_until(lambda: agent.called("MESSAGE"), "an answer")
        told = UsageAnswer.decode(agent.called("MESSAGE")[0]["message"]["data"])
        assert [each.processes for each in told.containers.values()] == [1]
        agent.exit("idle", 0)
        assert executor.wait_exit() == 0
        assert executor.log.count("\n") == executor.log.count("level="), executor.log
    finally:
        executor.end()
        agent.stop()


def test_every_module_of_the_executor_finds_what_it_imports(static_executor: Path) -> None:
    """In the archive alone: Debian's own interpreter adds only what is compiled into the executor."""
    modules = [f"podexec.{each.stem}" for each in (ROOT / "podexec").glob("[a-z]*.py") if each.stem != "zipapp"]
    program = f"""
import importlib, sys
sys.path[:] = [{str(static_executor)!r}, *(path for path in sys.path if path.endswith("lib-dynload"))]
import podexec.__main__
from podexec import log
log.configure()
log.start()
for name in {[*modules, *LATE]}:
    importlib.import_module(name)
"""
    done = subprocess.run([DEBIANS, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
