"""The benchmarks `posts`, `status` and `offers` work: small numbers, against the simulated master."""

import argparse
from pathlib import Path
from types import ModuleType

import pytest

from bench import offers, posts, status
from bench.__main__ import main
from bench.clients import Answers
from bench.posts import Posts, commit_rate
from bench.report import Report
from bench.status import Status
from scheduler.access.file import load


def _options(module: ModuleType, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.add_options(parser)
    return parser.parse_args(words)


def _table(name: str, folder: Path, monkeypatch, capsys, *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["bench", name, *words, "--folder", str(folder)])
    main()
    printed: str = capsys.readouterr().out
    return printed.partition("goals reached")[2]


def test_posts_are_counted_beside_their_baselines(tmp_path: Path) -> None:
    done = posts.measure(_options(posts, "--pods", "12", "--clients", "3", "--agents", "5"), tmp_path / "posts")
    assert (len(done.posts.seconds), len(done.pings.seconds)) == (12, 12)
    assert done.to_settled is not None
    assert done.to_settled > done.posts.elapsed / 2
    assert done.commits > 0
    assert done.offers >= 1
    assert done.post_cpu > done.ping_cpu > 0


def test_posts_print_both_baselines(tmp_path: Path, monkeypatch, capsys) -> None:
    words = ("--pods", "6", "--clients", "2", "--agents", "5", "--runs", "2")
    table = _table("posts", tmp_path, monkeypatch, capsys, *words)
    rows = [line for line in table.splitlines() if "POST by 2 clients, 5 agents" in line]
    assert len(rows) == 2
    assert "SQLite commits, one thread: " in rows[0]
    assert "GET /ping, same clients: " in rows[1]


@pytest.mark.parametrize(("agents", "has_goal"), [(1_000, True), (999, False)])
def test_the_goal_of_posts_is_about_many_agents(agents: int, has_goal: bool) -> None:
    answers = Answers((0.01, 0.03), elapsed=0.004)
    run = Posts(250.0, answers, 0.001, answers, 0.002, to_settled=0.008, offers=10)
    report = Report(lambda _: None)
    posts.summarise([run], _options(posts, "--agents", str(agents)), report)
    rate, beside_pings = report.results[:2]
    assert (rate.runs, rate.ratio, rate.is_met) == ((500.0,), 2.0, True)
    assert (rate.wanted is not None) is has_goal
    assert beside_pings.ratio == 1.0
    others = {result.what: (result.runs, result.unit, result.ratio) for result in report.results[2:]}
    assert others == {
        "answer to POST, median": ((20.0,), "ms", 1.0),
        "answer to POST, p99": ((30.0,), "ms", 1.0),
        "CPU of a POST and its launch": ((2000.0,), "us", 2.0),
        "pods created and running": ((250.0,), "/s", None),
        "offers sent for each pod": ((5.0,), "offers", None),
    }


@pytest.mark.parametrize(("pods", "has_goal"), [(10_000, True), (9_999, False)])
def test_the_goal_of_the_status_is_about_many_pods(pods: int, has_goal: bool) -> None:
    run = Status(3.0, 2.0, 1_000_000, pods, 0.5, 0.06, 0.03, 0.04, 0.01, 0.07, 0.01)
    report = Report(lambda _: None)
    status.summarise([run], report)
    seconds, cpu, *holds = report.results
    assert (seconds.runs, seconds.ratio, seconds.wanted is not None) == ((3000.0,), 6.0, has_goal)
    assert cpu.runs == (2000.0,)
    assert [(hold.runs, hold.is_met) for hold in holds] == [((60.0,), False), ((40.0,), True), ((70.0,), False)]


def test_commits_are_bounded_in_number_and_time(tmp_path: Path) -> None:
    assert commit_rate(tmp_path / "few.db", 100, 3, limit=60.0) > 0
    assert commit_rate(tmp_path / "short.db", 100, 1_000_000_000, limit=0.05) > 0


def test_the_status_of_all_pods_is_requested_and_watched(tmp_path: Path) -> None:
    options = _options(status, "--pods", "8", "--agents", "3", "--runs", "2", "--patience", "60")
    runs = status.measure(options, tmp_path / "status", lambda _: None)
    assert [run.pods for run in runs] == [8, 8]
    for run in runs:
        assert run.size > 8 * 500
        assert 0 < run.encoding < run.seconds
        assert run.longest > 0
        assert run.longest_alone > 0


def test_the_status_has_a_table(tmp_path: Path, monkeypatch, capsys) -> None:
    words = ("--pods", "3", "--agents", "2", "--runs", "2")
    table = _table("status", tmp_path, monkeypatch, capsys, *words)
    assert "GET /v2/pods::status of 3 pods" in table
    assert table.count("the same probes alone: ") == 3
    assert table.count("<= 50 ms") == 3


def test_pods_that_do_not_run_in_time_have_no_status(tmp_path: Path) -> None:
    options = _options(status, "--pods", "3", "--agents", "2", "--patience", "0")
    with pytest.raises(RuntimeError, match="3 pods do not run after 0 s"):
        status.measure(options, tmp_path / "status", lambda _: None)


def test_a_flood_of_offers_is_sent_and_refused(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(offers, "_ALONE_SECONDS", 0.1)
    table = _table("offers", tmp_path, monkeypatch, capsys, "--agents", "30", "--runs", "1")
    (sent,) = (line for line in table.splitlines() if "offers sent" in line)
    assert int(sent.split()[2]) >= 30
    (cpu,) = (line for line in table.splitlines() if "CPU of an offer" in line)
    assert "bare pymesos: " in cpu
    assert table.count("before the offers: ") == 4


def test_access_is_measured_without_and_with_many_tokens_and_rules(tmp_path: Path, monkeypatch, capsys) -> None:
    table = _table(
        "access", tmp_path, monkeypatch, capsys, "--tokens", "30", "--rules", "4", "--requests", "3", "--runs", "2"
    )
    assert table.count("30 tokens and 4 rules") == 2
    assert "GET of a pod's status" in table
    assert "POST of a pod" in table
    found = load(tmp_path / "principals.json")[0]
    assert (len(found.users), len(found.rules)) == (30, 4)
