"""The DC/OS package: what Cosmos reads, and what it renders of any options that it accepts."""

import base64
import itertools
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pystache
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.cli.options import variable_of
from scheduler.cli.parameters import PARAMETERS
from scheduler.store.zookeeper.address import parse
from tests.universe.reading import APP, REPOSITORY, Json, defaults, faults
from tools.universe.package import FORMATS, package

ROOT = Path(__file__).parents[2]
VALUES = {
    "VERSION": "1.2.3",
    "URL": "http://files.example.com/podexec",
    "BUNDLE": "podexec-scheduler-1.2.3-linux-x86_64.tar.gz",
    "MAINTAINER": 'Ada "the first" <ada@example.com>',
}
VARIABLES = {variable_of(each.flag) for each in PARAMETERS}


def read(packaging: str = "4.0") -> Json:
    """The package, as it is in a repository."""
    return package(ROOT / "universe", VALUES, packaging, 7)


PACKAGE = read()
CONFIG: Json = PACKAGE["config"]
TEMPLATE = pystache.parse(base64.b64decode(PACKAGE["marathon"]["v2AppMustacheTemplate"]).decode())
RENDERER = pystache.Renderer(escape=lambda text: text, missing_tags="strict")


def rendered(options: Json, resource: Json = PACKAGE["resource"]) -> Json:
    """The app, as Cosmos renders it: nothing is escaped."""
    app: Json = json.loads(RENDERER.render(TEMPLATE, options | {"resource": resource}))
    return app


def with_options(**sections: Json) -> Json:
    """The default options with some others."""
    options = defaults(CONFIG)
    for section, values in sections.items():
        options[section] |= values
    return options


# Section and name of each option that is a string.
TEXTS = [
    (section, name)
    for section, schema in CONFIG["properties"].items()
    for name, each in schema["properties"].items()
    if each["type"] == "string"
]


@pytest.mark.parametrize("packaging", FORMATS)
def test_cosmos_can_read_the_package(packaging: str) -> None:
    assert faults(REPOSITORY, {"packages": [read(packaging)]}) == []


def test_placeholders_are_filled_and_only_where_they_are() -> None:
    assert "@" not in json.dumps(PACKAGE | {"maintainer": ""}).replace("._@-", "")
    assert PACKAGE["version"] == "1.2.3"
    assert PACKAGE["maintainer"] == VALUES["MAINTAINER"]
    assert PACKAGE["resource"]["assets"]["uris"]["scheduler"] == (
        "http://files.example.com/podexec/podexec-scheduler-1.2.3-linux-x86_64.tar.gz"
    )


def test_the_defaults_are_options_that_cosmos_accepts() -> None:
    assert faults(CONFIG, defaults(CONFIG)) == []


def test_every_option_has_a_description_and_a_default() -> None:
    for section in CONFIG["properties"].values():
        for name, each in section["properties"].items():
            assert each["description"].endswith("."), name
            assert "default" in each, name


CHOICES = {
    ("service", "service_account"): ["", "podexec-principal"],
    ("service", "service_account_secret"): ["", "podexec/account"],
    ("service", "constraints"): ["[]", '[["hostname", "UNLIKE", "10.0.0.7"], ["rack", "UNIQUE"]]'],
    ("service", "name"): ["podexec", "/team-a/podexec"],
    ("service", "allowed_hosts"): ["", "dcos.example.com,10.0.0.7:443", "*"],
    ("mesos", "principal"): ["", "pods"],
    ("mesos", "enforce_group_role"): ["off", "top"],
    ("tls", "enabled"): [False, True],
    ("store", "on_volume"): [False, True],
    ("pods", "default_network_name"): ["", "dcos"],
    ("pods", "networks"): ["", "dcos,other"],
    ("pods", "executor"): ["auto", "default", "http://example.com/executor#sha256=" + "ab" * 32],
}


def test_every_combination_of_options_is_an_app_that_marathon_accepts() -> None:
    for chosen in itertools.product(*CHOICES.values()):
        options = defaults(CONFIG)
        for (section, name), value in zip(CHOICES, chosen, strict=True):
            options[section][name] = value
        assert faults(CONFIG, options) == [], chosen
        app = rendered(options)
        assert faults(APP, app) == [], chosen
        assert app["env"].keys() <= VARIABLES, chosen


def test_the_options_reach_the_scheduler() -> None:
    app = rendered(
        with_options(
            service={
                "name": "/team-a/podexec",
                "service_account": "podexec-principal",
                "service_account_secret": "podexec/account",
                "constraints": '[["rack", "UNIQUE"]]',
            },
            tls={"enabled": True},
            pods={"networks": "dcos,other"},
        )
    )
    environment = app["env"]
    assert environment["PODEXEC_MESOS_AUTHENTICATION_PRINCIPAL"] == "podexec-principal"
    assert environment["PODEXEC_MESOS_AUTHENTICATION_SERVICE_ACCOUNT_FILE"] == "service-account.json"
    assert environment["PODEXEC_MESOS_TLS_VERIFY"] == "certificate"
    assert environment["PODEXEC_MESOS_CA_FILE"] == ".ssl/ca-bundle.crt"
    assert environment["PODEXEC_NETWORKS"] == "dcos,other"
    assert environment["PODEXEC_FRAMEWORK_NAME"] == "/team-a/podexec"
    assert app["constraints"] == [["rack", "UNIQUE"]]
    assert app["secrets"] == {"serviceAccount": {"source": "podexec/account"}}
    assert app["container"]["volumes"][0] == {"containerPath": "service-account.json", "secret": "serviceAccount"}
    assert app["labels"]["DCOS_SERVICE_NAME"] == "/team-a/podexec"


@pytest.mark.parametrize(
    ("name", "node"), [("podexec", "/dcos-service/podexec"), ("/team-a/podexec", "/dcos-service/team-a/podexec")]
)
def test_the_state_is_in_zookeeper_below_a_node_of_the_service(name: str, node: str) -> None:
    app = rendered(with_options(service={"name": name}, store={"zookeeper": "one:2181,two"}))
    address = parse(app["env"]["PODEXEC_STORE"])
    assert (address.hosts, address.path) == (("one:2181", "two:2181"), node)
    assert "residency" not in app
    assert app["container"]["volumes"] == []


def test_the_state_is_on_a_volume_if_so_wanted() -> None:
    app = rendered(with_options(store={"on_volume": True, "volume_size": 300}))
    assert app["env"]["PODEXEC_STORE"] == "sqlite:///state/podexec.db"
    assert app["residency"] == {"taskLostBehavior": "WAIT_FOREVER"}
    (volume,) = app["container"]["volumes"]
    assert (volume["containerPath"], volume["persistent"]["size"]) == ("state", 300)


def test_options_that_are_off_leave_nothing_behind() -> None:
    app = rendered(with_options(mesos={"principal": ""}, pods={"default_network_name": ""}))
    absent = ("PRINCIPAL", "SERVICE_ACCOUNT", "TLS", "CA_FILE", "NETWORKS", "NETWORK_NAME")
    assert [name for name in app["env"] if name.endswith(absent)] == []
    assert "secrets" not in app


@pytest.mark.parametrize(("section", "name"), TEXTS)
@pytest.mark.parametrize("value", ['"', '", "x": "', "\\", "\n", "\x1b", "{{service.user}}", "a b\x00"])
def test_strings_that_would_break_the_app_are_refused(section: str, name: str, value: str) -> None:
    assert faults(CONFIG, with_options(**{section: {name: value}}))


@pytest.mark.parametrize(("section", "name"), TEXTS)
@given(data=st.data())
def test_any_string_that_is_accepted_is_rendered_as_it_is(section: str, name: str, data: st.DataObject) -> None:
    schema = CONFIG["properties"][section]["properties"][name]
    if "enum" in schema:
        value = data.draw(st.sampled_from(schema["enum"]))
    else:
        value = data.draw(st.from_regex(schema["pattern"], fullmatch=True).filter(lambda text: "\n" not in text))
    options = deepcopy(with_options(service={"service_account_secret": "s"}, tls={"enabled": True}))
    options[section][name] = value
    if faults(CONFIG, options):
        return  # the two dialects of patterns differ
    found = json.dumps(rendered(options))
    assert json.dumps(value)[1:-1] in found or name in ("constraints", "principal")


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("service", "constraints", "[[]]"),
        ("service", "constraints", '[["hostname"'),
        ("service", "constraints", "{}"),
        ("service", "name", "Pod Exec"),
        ("service", "cpus", 0),
        ("service", "mem", 100),
        ("mesos", "role", "a b"),
        ("pods", "executor", "ftp://example.com/x"),
        ("pods", "executor", "http://example.com/x#sha256=short"),
        ("tls", "enabled", "yes"),
        ("store", "volume_size", 1),
        ("store", "zookeeper", ""),
        ("store", "zookeeper", "zk://one:2181/node"),
        ("store", "on_volume", "yes"),
    ],
)
def test_wrong_options_are_refused(section: str, name: str, value: Any) -> None:
    (fault,) = faults(CONFIG, with_options(**{section: {name: value}}))
    assert fault.startswith(f"{section}/{name}: ")
