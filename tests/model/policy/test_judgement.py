"""Rules and secret scopes applied to definitions. Each attack is accepted without the policy."""

from typing import Any

import pytest

from scheduler.model.json import Json
from scheduler.model.normalisation import normalise
from scheduler.model.policy.judgement import judge
from scheduler.model.policy.reading import read
from scheduler.model.rules import Site, broken
from tests.core.support import container, definition

SITE = Site("*")
MOUNT = {"name": "data", "mountPath": "/mnt/data"}


def found(rule: Json, *containers: Json, user: str = "root", **fields: Any) -> list[str]:
    """The paths that a rule does not accept in a definition that is otherwise valid."""
    asked = definition(*containers, **fields)
    assert broken(asked, SITE) == ()
    policy = read({"rules": [{"name": "rule", **rule}]})
    return [each.path for each in judge(policy, normalise(asked, SITE), user)]


# ------------------------------------------------------------------------------- root


def test_a_container_is_root_by_its_own_user_by_that_of_the_pod_or_by_default() -> None:
    rule = {"forbid": ["rootUser"]}

    assert found(rule) == ["/containers(0)/user"]
    assert found(rule, user="nobody") == []
    assert found(rule, user="root", labels={}) == ["/containers(0)/user"]
    assert found(rule, container(user="root"), container("b", user="nobody"), user="nobody") == ["/containers(0)/user"]
    assert found(rule, container(user="0"), user="nobody") == ["/containers(0)/user"]
    assert found(rule, container(user="nobody")) == []


def test_the_user_of_the_pod_is_named_where_it_is_at_fault() -> None:
    policy = read({"rules": [{"name": "rule", "forbid": ["rootUser"]}]})
    asked = definition(container(), container("other", user="nobody"), user="root")

    assert [each.path for each in judge(policy, asked, "nobody")] == ["/user"]
    assert judge(policy, definition(user="nobody"), "root") == ()


# ------------------------------------------------------------------------ paths of agents


def volume(host: str) -> Json:
    return {"volumes": [{"name": "data", "host": host}]}


@pytest.mark.parametrize("host", ["/srv/shared", "/srv/shared/", "/srv/shared/a/b", "/etc/ssl/certs", "relative/dir"])
def test_allowed_paths_and_those_in_the_sandbox(host: str) -> None:
    rule = {"allow": {"paths": ["/srv/shared/**", "/etc/ssl/certs"]}}

    assert found(rule, container(volumeMounts=[MOUNT]), **volume(host)) == []


@pytest.mark.parametrize(
    "host",
    [
        "/",
        "/etc",
        "/srv",
        "/srv/shared2",
        "/srv/shared/../../etc",
        "/srv/shared/./x",
        "/srv//shared",
        "//srv/shared",
        "/etc/ssl/certs/private",
        "/var/run/docker.sock",
    ],
)
def test_other_paths_however_they_are_spelled(host: str) -> None:
    rule = {"allow": {"paths": ["/srv/shared/**", "/etc/ssl/certs"]}}

    assert found(rule, container(volumeMounts=[MOUNT]), **volume(host)) == ["/volumes(0)/host"]


def test_a_relative_volume_does_not_lead_out_of_the_sandbox() -> None:
    policy = read({"rules": [{"name": "rule", "allow": {"paths": []}}]})

    (finding,) = judge(policy, definition(container(volumeMounts=[MOUNT]), **volume("a/../../../etc")), "root")

    assert finding.path == "/volumes(0)/host"


@pytest.mark.parametrize(
    "uri", ["/etc/shadow", "file:///etc/shadow", "file://localhost/etc/shadow", " /etc/shadow", "FILE:///etc/shadow"]
)
def test_an_artifact_is_no_way_around(uri: str) -> None:
    rule = {"allow": {"paths": ["/srv/**"]}}

    assert found(rule, container(artifacts=[{"uri": uri}])) == ["/containers(0)/artifacts(0)/uri"]
    assert found(rule, container(artifacts=[{"uri": "file:///srv/a.tgz"}, {"uri": "https://a.example/b"}])) == []


# ------------------------------------------------------------------------------ images


def imaged(name: str) -> Json:
    return container(image={"kind": "DOCKER", "id": name})


@pytest.mark.parametrize("image", ["quay.io/x", "registry.example/x", "registry.example:5000.evil/x", "team/x", "UP/x"])
def test_other_images(image: str) -> None:
    rule = {"allow": {"images": ["registry.example:5000/**", "busybox"]}}

    assert found(rule, imaged(image)) == ["/containers(0)/image/id"]
    assert found(rule, imaged("registry.example:5000/team/x:1"), container("none")) == []


def test_images_may_be_required_by_digest() -> None:
    rule = {"require": ["image", "imageDigest"]}
    fixed = "busybox@sha256:" + "0a" * 32

    assert found(rule, imaged(fixed), container("bare"), {**imaged("busybox:1"), "name": "tag"}) == [
        "/containers(1)/image",
        "/containers(2)/image/id",
    ]


# ------------------------------------------------------------------------- everything else


def test_features_that_share_the_agent() -> None:
    rule = {"forbid": ["hostNetwork", "fixedHostPorts", "hostIpc", "unconfinedSeccomp", "sharedCgroups"]}
    unconfined = container(
        linuxInfo={"seccomp": {"unconfined": True}},
        endpoints=[{"name": "a", "hostPort": 0}, {"name": "b", "hostPort": 8080}],
    )
    asked = {
        "networks": [{"mode": "host"}],
        "linuxInfo": {"ipcInfo": {"mode": "SHARE_PARENT"}},
        "legacySharedCgroups": True,
    }

    assert found(rule, unconfined, **asked) == [
        "/networks(0)/mode",
        "/containers(0)/endpoints(1)/hostPort",
        "/linuxInfo/ipcInfo/mode",
        "/containers(0)/linuxInfo/seccomp/unconfined",
        "/legacySharedCgroups",
    ]
    assert found({"forbid": ["hostNetwork"]}) == ["/networks"]
    own = {"networks": [{"mode": "container", "name": "dcos"}], "linuxInfo": {"ipcInfo": {"mode": "PRIVATE"}}}
    assert found(rule, **own) == []


@pytest.mark.parametrize(
    ("limits", "missing"),
    [
        ({}, ["cpus", "mem"]),
        ({"cpus": "unlimited", "mem": "1g"}, ["cpus"]),
        ({"cpus": 1, "mem": "unlimited"}, ["mem"]),
        ({"cpus": 1, "mem": 64}, []),
    ],
)
def test_limits_must_be_stated_and_finite(limits: Json, missing: list[str]) -> None:
    rule = {"require": ["cpuLimit", "memLimit"]}
    paths = [f"/containers(1)/resourceLimits/{name}" for name in missing]
    good = container(resourceLimits={"cpus": 2, "mem": 64})

    assert found(rule, good, container("second", **({"resourceLimits": limits} if limits else {}))) == paths


def test_labels_must_have_a_value() -> None:
    rule = {"labels": ["owner", "cost"]}

    assert found(rule, labels={"owner": "", "cost": "7"}) == ["/labels"]
    assert found(rule, labels={"owner": "me", "cost": "7"}) == []


# ---------------------------------------------------------------------- which pods, and how


def test_a_rule_is_for_its_pods_but_the_exempt_ones() -> None:
    policy = read(
        {
            "rules": [
                {
                    "name": "users",
                    "effect": "warn",
                    "pods": ["/team-a/**", "/b"],
                    "exempt": ["/team-a/system/**"],
                    "message": "Ask the platform team.",
                    "forbid": ["rootUser"],
                }
            ]
        }
    )
    judged = {
        pod_id: judge(policy, definition(id=pod_id), "root")
        for pod_id in ("/team-a/x", "/team-a", "/b", "/b/c", "/team-ab/x", "/team-a/system/x")
    }

    assert [pod_id for pod_id, findings in judged.items() if findings] == ["/team-a/x", "/team-a", "/b"]
    (finding,) = judged["/b"]
    assert not finding.refuses
    assert finding.error == "container main runs as root (rule 'users' of the policy). Ask the platform team."


# ------------------------------------------------------------------------------- secrets

SCOPES = {
    "secrets": [
        {"pods": ["/team-a/**"], "sources": ["/team-a/**", "/shared/ca"]},
        {"pods": ["/**"], "sources": ["/public/**"]},
    ]
}


def forbidden(pod_id: str, *sources: str) -> list[str]:
    """The sources that the pod may not use."""
    secrets = {f"s{index}": {"source": source} for index, source in enumerate(sources)}
    findings = judge(read(SCOPES), definition(id=pod_id, secrets=secrets), "root")
    assert all(each.refuses for each in findings)
    return [secrets[each.path.split("/")[2]]["source"] for each in findings]


def test_a_pod_uses_the_secrets_of_its_scopes_only() -> None:
    assert forbidden("/team-a/web", "/team-a/db", "team-a/db/password", "/shared/ca", "/public/x") == []
    assert forbidden("/team-b/web", "/team-a/db", "/shared/ca", "/public/x") == ["/team-a/db", "/shared/ca"]


@pytest.mark.parametrize(
    "source",
    [
        "/team-ab/db",
        "/team-a/../team-b/db",
        "/public/../team-a/db",
        "/team-a//../x",
        "//team-a/db",
        "/team-a/./db",
        "/team-a/db/",
        "/team-a/\x00",
        "/shared/ca/key",
        "/",
        "team-b",
    ],
)
def test_no_spelling_of_a_source_leads_out_of_its_scope(source: str) -> None:
    assert forbidden("/team-a/web", source) == [source]


def test_without_the_section_every_secret_may_be_used_and_with_an_empty_one_none() -> None:
    asked = definition(secrets={"a": {"source": "/x"}})

    assert judge(read({}), asked, "root") == ()
    assert [each.path for each in judge(read({"secrets": []}), asked, "root")] == ["/secrets/a/source"]
