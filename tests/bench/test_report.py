"""The table of results: medians, spreads, ratios to the baselines of the same runs, and goals."""

import psutil
import pytest

from bench.report import Beside, Report, Result, Wanted, number, percentile


def test_the_ratio_is_the_median_of_the_runs_own_ratios() -> None:
    result = Result("rate", "/s", (300.0, 100.0, 90.0), Beside("bare", (100.0, 20.0, 45.0)))
    assert result.ratio == 3.0  # of 3, 5 and 2; not 100 / 45
    cells = result.cells()
    assert (cells["median"], cells["spread"], cells["runs"]) == ("100 /s", "90 to 300", "3")
    assert (cells["baseline"], cells["ratio"], cells[""]) == ("bare: 45 /s", "3", "")


def test_a_run_without_its_baseline_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _ = Result("rate", "/s", (300.0, 100.0), Beside("bare", (100.0,))).ratio


def test_there_is_no_ratio_without_both_measurements() -> None:
    assert Result("rate", "/s", (300.0,)).ratio is None
    assert Result("rate", "/s", (), Beside("bare", ())).ratio is None
    assert Result("hold", "ms", (30.0,), Beside("alone", (0.0,))).ratio is None  # too short to be noticed


@pytest.mark.parametrize(
    ("wanted", "runs", "is_met"),
    [
        (Wanted(500.0), (500.0,), True),
        (Wanted(500.0), (499.0,), False),
        (Wanted(500.0), (100.0, 500.0, 501.0), True),
        (Wanted(50.0, at_most=True), (50.0,), True),
        (Wanted(50.0, at_most=True), (50.1,), False),
        (Wanted(50.0, at_most=True), (), False),
        (Wanted(500.0), (), False),
        (None, (), True),
    ],
)
def test_a_goal_is_about_the_median(wanted: Wanted | None, runs: tuple[float, ...], is_met: bool) -> None:
    result = Result("what", "/s", runs, wanted=wanted)
    assert result.is_met is is_met
    assert result.cells()[""] == ("" if wanted is None else "PASS" if is_met else "MISS")


@pytest.mark.parametrize(("baseline", "is_met"), [((100.0,), True), ((101.0,), False), ((), False)])
def test_a_goal_can_be_about_the_ratio(baseline: tuple[float, ...], is_met: bool) -> None:
    runs = (300.0,) if baseline else ()
    result = Result("rate", "/s", runs, Beside("bare", baseline), Wanted(3.0, is_ratio=True))
    assert result.is_met is is_met
    assert result.cells()["wanted"] == ">= 3 times"


def test_the_table_has_a_row_for_every_result_and_no_empty_column() -> None:
    said: list[str] = []
    report = Report(said.append)
    report.add("rate", "/s", (300.0, 200.0), Beside("bare", (100.0, 100.0)), Wanted(2.0, is_ratio=True))
    report.add("memory", "MB", (600.0,), wanted=Wanted(500.0, at_most=True))
    report.add("latency", "ms", ())
    assert said == [
        "PASS  rate: 250 /s, spread 200 to 300, baseline bare: 100 /s, ratio 2.5, wanted >= 2 times",
        "MISS  memory: 600 MB, wanted <= 500 MB",
        "latency: not completed",
    ]
    said.clear()
    report.conclude()
    assert said == [
        "== 1 of 2 goals reached",
        "      measured         median  spread      runs  baseline      ratio  wanted",
        "PASS  rate             250 /s  200 to 300     2  bare: 100 /s    2.5  >= 2 times",
        "MISS  memory           600 MB                 1                       <= 500 MB",
        "      latency   not completed                 0",
    ]


@pytest.mark.parametrize(("busy", "is_warned"), [(3.0, False), (63.0, True)])
def test_a_machine_that_is_not_idle_is_warned_of(monkeypatch, busy: float, is_warned: bool) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda _interval: busy)
    said: list[str] = []
    report = Report(said.append)
    report.begin()
    assert f"{busy:.0f} % of all cores used by other programs" in said[1]
    assert any("WARNING" in line for line in said) is is_warned
    said.clear()
    report.conclude()
    assert ("WARNING" in said[-1]) is is_warned  # again beside the results


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(each) for each in range(200, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (100.0, 198.0, 200.0)
    assert percentile([7.0], 99) == 7.0


def test_numbers_have_three_digits() -> None:
    assert [number(each) for each in (1234.5, 99.94, 0.01234)] == ["1,234", "99.9", "0.0123"]
