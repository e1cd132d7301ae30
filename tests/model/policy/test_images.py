"""References of images: which registry and repository they name, and which patterns name them."""

import pytest

from scheduler.model.policy.images import image_name, image_pattern

DIGEST = "sha256:" + "0a" * 32
OTHER = "sha256:" + "1b" * 32


@pytest.mark.parametrize(
    ("reference", "registry", "repository", "tag", "digest"),
    [
        ("busybox", "docker.io", "library/busybox", "latest", None),
        ("busybox:1.35", "docker.io", "library/busybox", "1.35", None),
        ("team/web", "docker.io", "team/web", "latest", None),
        ("docker.io/busybox", "docker.io", "library/busybox", "latest", None),
        ("index.docker.io/team/web", "docker.io", "team/web", "latest", None),
        ("Registry.Example/web", "registry.example", "web", "latest", None),
        ("registry:5000/team/web:1_a", "registry:5000", "team/web", "1_a", None),
        ("localhost/web", "localhost", "web", "latest", None),
        (f"registry:5000/web@{DIGEST}", "registry:5000", "web", None, DIGEST),
        (f"web:1@{DIGEST}", "docker.io", "library/web", "1", DIGEST),
        ("registry:5000", "docker.io", "library/registry", "5000", None),
        ("evil.example/docker.io/library/busybox", "evil.example", "docker.io/library/busybox", "latest", None),
    ],
)
def test_a_reference_has_the_defaults_of_docker(
    reference: str, registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    name = image_name(reference)

    assert name is not None
    assert (name.registry, name.repository, name.tag, name.digest) == (registry, repository, tag, digest)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "A",
        "UP/web",
        "a//b",
        "/a",
        "a/",
        "a:",
        "a@b",
        "docker.io/library/../x",
        "x.y/a:b:c",
        "a b",
        "a\n",
        "a@sha256:0a",
    ],
)
def test_what_is_no_reference_names_nothing(reference: str) -> None:
    assert image_name(reference) is None


@pytest.mark.parametrize(
    ("pattern", "named", "not_named"),
    [
        ("docker.io/**", ("busybox", "team/web:1", "docker.io/x"), ("quay.io/x", "localhost/x", "registry:5000/x")),
        ("library/**", ("busybox", "docker.io/library/x"), ("library.example/x", "team/library/x", "libraryx/y")),
        ("registry:5000/**", ("registry:5000/a", "registry:5000/a/b"), ("registry/a", "registry:5001/a", "a")),
        ("r.example/a/**", ("r.example/a/b",), ("r.example/a", "r.example/ab/c", "r.example.evil/a/b")),
        ("busybox", ("busybox", "busybox:1", f"busybox@{DIGEST}"), ("busybox/x", "team/busybox", "r.example/busybox")),
        ("busybox:1", ("busybox:1",), ("busybox", "busybox:2", f"busybox:1@{DIGEST}")),
        ("busybox:latest", ("busybox",), ("busybox:1", f"busybox@{DIGEST}")),
        (f"busybox@{DIGEST}", (f"busybox@{DIGEST}", f"busybox:9@{DIGEST}"), ("busybox", f"busybox@{OTHER}")),
    ],
)
def test_a_pattern_names_a_registry_a_repository_or_one_image(
    pattern: str, named: tuple[str, ...], not_named: tuple[str, ...]
) -> None:
    read = image_pattern(pattern)

    found = [each for each in (*named, *not_named) if (name := image_name(each)) is not None and read.matches(name)]
    assert found == list(named)
