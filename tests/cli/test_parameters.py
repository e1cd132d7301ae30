"""The options of the scheduler, stated once, and what is derived from them."""

from inspect import signature

import pytest
import typer

from scheduler.cli.parameters import PARAMETERS, options_of, settings_of
from scheduler.cli.scheduler_options import SchedulerOptions
from scheduler.core.settings import ExecutorCommand, Settings

BY_NAME = {each.name: each for each in PARAMETERS}


def test_every_attribute_is_an_option_or_known_to_be_none() -> None:
    options = {(each.record, each.attribute) for each in PARAMETERS}
    attributes = {(record, name) for record in (SchedulerOptions, Settings) for name in signature(record).parameters}
    none = {"executor", "policy", "principal", "unknown_timeout", "terminations_kept"}
    assert attributes - options == {(Settings, name) for name in none}


def test_what_is_not_written_has_the_default_of_the_record() -> None:
    assert settings_of({}) == Settings(executor=ExecutorCommand(command=None))
    written = {each.name: each.default for each in PARAMETERS} | {"master": "m:1"}
    assert options_of(written) == SchedulerOptions(master="m:1")


def test_a_value_is_written_and_read_in_its_form() -> None:
    for name, written, attribute in (
        ("decline_offer_duration", 1500, 1.5),
        ("networks", "lab, dcos", frozenset({"dcos", "lab"})),
        ("networks", None, None),
        ("disable_maintenance_mode", True, False),
        ("enable_features", "", frozenset()),
    ):
        assert BY_NAME[name].read(written) == attribute
    assert BY_NAME["networks"].shown(frozenset({"lab", "dcos"})) == "dcos,lab"
    assert BY_NAME["decline_offer_duration"].shown(1.5) == 1500


def test_a_value_that_cannot_be_read_names_its_option() -> None:
    with pytest.raises(typer.BadParameter, match="no feature warp") as refused:
        BY_NAME["enable_features"].read("warp")
    assert refused.value.param_hint == "--enable-features"


def test_a_secret_is_never_shown_and_its_help_names_the_variable() -> None:
    secret = [each for each in PARAMETERS if each.option.is_secret]
    assert [each.name for each in secret] == ["http_credentials"]
    assert secret[0].info is None
    assert "PODEXEC_HTTP_CREDENTIALS" in secret[0].help


def test_the_names_in_info_are_the_options_but_for_marathons_own() -> None:
    assert {each.name: each.info for each in PARAMETERS if each.info not in (None, each.name)} == {
        "max_versions": "zk_max_versions"
    }


def test_an_option_is_listed_after_the_one_that_it_names() -> None:
    names = [each.attribute for each in PARAMETERS]
    late = [each for each in PARAMETERS if each.option.after is not None]
    assert late
    assert [names[names.index(each.attribute) - 1] for each in late] == [each.option.after for each in late]
