"""Policy files: what they may contain, and where they are wrong."""

from typing import Any

import pytest

from scheduler.model.policy.contents import Policy
from scheduler.model.policy.reading import PolicyError, read

RULE = {"name": "users", "forbid": ["rootUser"]}
QUOTA = {"name": "shop", "pods": ["/shop/**"], "instances": 3}
SCOPE = {"pods": ["/shop/**"], "sources": ["/shop/**"]}


def test_a_policy_is_read_with_its_defaults() -> None:
    policy = read({"rules": [RULE], "quotas": [QUOTA | {"mem": "1.5g", "disk": 100}], "secrets": []})

    (rule,), (quota,) = policy.rules, policy.quotas
    assert (rule.pods, rule.exempt, rule.effect.refuses) == (("/**",), (), True)
    assert (quota.instances, quota.mem, quota.disk, quota.cpus) == (3, 1536, 100, None)
    assert policy.secrets == ()


def test_an_empty_policy_accepts_everything() -> None:
    assert read({}) == Policy()


@pytest.mark.parametrize(
    ("document", "path", "error"),
    [
        ([], "/", "Expected `object`, got `array`"),
        ({"rule": []}, "/", "unknown field `rule`"),
        ({"rules": {}}, "/rules", "Expected `array`"),
        ({"rules": [{1: 2}]}, "/rules(0)", "Expected `str`"),
        ({"rules": [RULE, {"forbid": ["rootUser"]}]}, "/rules(1)", "missing required field `name`"),
        ({"rules": [RULE | {"effect": "deny"}]}, "/rules(0)/effect", "Invalid enum value 'deny'"),
        ({"rules": [RULE | {"pods": "/a/**"}]}, "/rules(0)/pods", "Expected `array`"),
        ({"rules": [RULE | {"pods": ["/a/*"]}]}, "/rules(0)/pods(0)", "'/a/*' is not the id"),
        ({"rules": [RULE | {"exempt": ["/a", "b"]}]}, "/rules(0)/exempt(1)", "'b' must begin with a slash"),
        ({"rules": [RULE | {"forbid": ["root"]}]}, "/rules(0)/forbid(0)", "'root' is not one of rootUser, "),
        ({"rules": [RULE | {"require": ["cpuLimit", "x"]}]}, "/rules(0)/require(1)", "'x' is not one of cpuLimit, "),
        ({"rules": [RULE | {"allow": {"images": ["A/b"]}}]}, "/rules(0)/allow/images(0)", "'A/b' is not the name"),
        ({"rules": [RULE | {"allow": {"images": ["/**"]}}]}, "/rules(0)/allow/images(0)", "must be a registry"),
        ({"rules": [RULE | {"allow": {"paths": ["/a/../b"]}}]}, "/rules(0)/allow/paths(0)", "must be an absolute path"),
        ({"rules": [RULE | {"allow": {"paths": ["srv"]}}]}, "/rules(0)/allow/paths(0)", "must be an absolute path"),
        ({"rules": [RULE | {"allow": {"image": []}}]}, "/rules(0)/allow", "unknown field `image`"),
        ({"rules": [{"name": "idle"}]}, "/rules(0)", "demands nothing"),
        ({"rules": [RULE, RULE]}, "/rules(1)/name", "another one is named 'users'"),
        ({"rules": [RULE | {"name": "a\x1b[2J"}]}, "/rules(0)/name", "printable"),
        ({"quotas": [{"name": "a", "pods": ["/a"]}]}, "/quotas(0)", "limits nothing"),
        ({"quotas": [QUOTA | {"mem": "much"}]}, "/quotas(0)/mem", "is neither a number of MiB nor a size"),
        ({"quotas": [QUOTA | {"cpus": -1}]}, "/quotas(0)/cpus", "must not be negative"),
        ({"quotas": [QUOTA | {"instances": 1.5}]}, "/quotas(0)/instances", "Expected `int | null`, got `float`"),
        ({"secrets": [{"pods": ["/a"]}]}, "/secrets(0)", "missing required field `sources`"),
        ({"secrets": [SCOPE | {"sources": ["/a/../b"]}]}, "/secrets(0)/sources(0)", "must be a source without"),
        ({"secrets": [SCOPE | {"sources": ["a/**"]}]}, "/secrets(0)/sources(0)", "with a slash at the beginning"),
    ],
)
def test_a_fault_is_told_with_its_place(document: Any, path: str, error: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read(document)

    assert refused.value.path == path
    assert error in refused.value.error
