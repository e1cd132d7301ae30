"""Completion of ids: by the shells' protocols, by a real bash, and when the scheduler is slow or hostile."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from scheduler.cli import completion
from scheduler.core.events import PodPosted
from tests.cli.conftest import Run, serving
from tests.core.support import definition
from tests.fakes.hostile import hostile
from tests.fakes.loop import FakeLoop


@pytest.fixture
def web(url: str, loop: FakeLoop) -> list[str]:
    """Two pods; the numbers of the instances of /web."""
    loop.happens(PodPosted(1, definition(id="/web", instances=2)))
    loop.happens(PodPosted(2, definition(id="/shop/db", instances=0)))
    loop.run_all()
    return [each.rpartition("instance-")[2] for each in loop.world.instances]


def completed(run: Run, monkeypatch: pytest.MonkeyPatch, *words: str, shell: str = "bash") -> list[str]:
    """What a shell is told to offer for the last word."""
    with monkeypatch.context() as patch:
        patch.setenv("_PODEXEC_COMPLETE", f"complete_{shell}")
        patch.setenv("COMP_WORDS", " ".join(("podexec", *words)))
        patch.setenv("COMP_CWORD", str(len(words)))
        patch.setenv("_TYPER_COMPLETE_ARGS", " ".join(("podexec", *words)))
        patch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        outcome = run()
    assert outcome.err == ""
    return outcome.out.split()


def test_ids_of_pods_with_or_without_the_slash(run: Run, web: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(run, monkeypatch, "pod", "show", "w") == ["web"]
    assert completed(run, monkeypatch, "pod", "restart", "/") == ["/web", "/shop/db"]
    assert completed(run, monkeypatch, "pod", "logs", "shop/") == ["shop/db"]
    assert completed(run, monkeypatch, "pod", "show", "zzz") == []
    assert "show" in completed(run, monkeypatch, "pod", "sh")


def test_instances_versions_and_deployments(
    run: Run, web: list[str], loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(run, monkeypatch, "pod", "kill", "web", web[0][:2]) == [web[0][:8]]
    assert completed(run, monkeypatch, "pod", "logs", "web", "--instance", web[1][:8]) == [web[1][:8]]
    assert completed(run, monkeypatch, "pod", "kill", "web", "web.inst")[0].startswith("web.instance-")
    assert completed(run, monkeypatch, "pod", "versions", "web", "19") == ["1970-01-12T13:46:40.000Z"]
    assert completed(run, monkeypatch, "pod", "versions", "none", "") == []
    loop.happens(PodPosted(3, definition(id="/third")))
    (deployment,) = loop.world.deployments
    assert completed(run, monkeypatch, "deployment", "show", deployment[:1]) == [deployment]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells(run: Run, web: list[str], monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    assert "web" in "".join(completed(run, monkeypatch, "pod", "show", "w", shell=shell))


def test_a_url_that_is_given_is_asked(run: Run, web: list[str], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODEXEC_URL", "http://127.0.0.1:1")
    assert completed(run, monkeypatch, "pod", "show", "w") == []
    assert completed(run, monkeypatch, "pod", "show", "--url", url, "w") == ["web"]


def test_a_real_bash(web: list[str], tmp_path: Path) -> None:
    command = tmp_path / "podexec"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m scheduler.cli.main "$@"\n')
    command.chmod(0o755)
    script = f"""
        PATH={tmp_path}:$PATH
        eval "$(_PODEXEC_COMPLETE=source_bash podexec)"
        COMP_WORDS=(podexec pod show w) COMP_CWORD=3
        for attempt in 1 2 3 4 5 6 7 8 9; do  # a busy machine may not answer in time
            $(complete -p podexec | sed 's/.*-F \\([^ ]*\\).*/\\1/') podexec w show
            [ -z "${{COMPREPLY[*]}}" ] || break
        done
        echo "offered: ${{COMPREPLY[*]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "offered: web\n", done


HOSTILE = ["/ok", "/$(touch x)", "/a b", "/`x`", "/\x1b[2J", "/a;b", "/a\nb", "/'", "-rf", "/*", "/[red]", 5, None]


@pytest.fixture
def liar() -> Iterator[str]:
    """A scheduler whose pods have any names."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse([{"id": each} for each in HOSTILE])(scope, receive, send)

    with serving(answer) as url:
        yield url


def test_what_is_no_plain_word_is_not_offered(run: Run, liar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODEXEC_URL", liar)
    assert completed(run, monkeypatch, "pod", "show", "/") == ["/ok"]


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n[{", b"HTTP/1.1 500 x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n{}"]
)
def test_nonsense_completes_nothing(run: Run, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(answer, b"") as scheduler:
        monkeypatch.setenv("PODEXEC_URL", f"http://{scheduler.address}")
        monkeypatch.setattr(completion, "_PATIENCE", 0.5)
        assert completed(run, monkeypatch, "pod", "show", "w") == []


def test_a_slow_scheduler_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(b"HTTP/1.1 200 OK\r\nx: ", b"y") as scheduler:
        monkeypatch.setenv("PODEXEC_URL", f"http://{scheduler.address}")
        monkeypatch.setattr(completion, "_PATIENCE", 0.3)
        begun = time.monotonic()
        assert completed(run, monkeypatch, "pod", "show", "w") == []
        assert time.monotonic() - begun < 10
