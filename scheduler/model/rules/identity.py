"""Rules for a pod's id, users, role, dependencies and the names of its containers."""

from collections.abc import Iterator

from scheduler.model.definition import PodDefinition
from scheduler.model.ids import canonical, is_path, segments
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site, located, repeated

# Mesos accepts ids of up to 255 characters. A task id consists of the pod's id, ".instance-", a UUID, the container's
# name and a counter.
_LONGEST_NAMES = 255 - len(".instance-") - 36 - len("..999999")

_IN_NO_USER = frozenset(":/")
_LONGEST_USER = 255

_RESERVED = frozenset({"restart", "tasks", "versions"})


def _id(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    names = segments(definition.id)
    if not definition.id.startswith("/"):
        yield Problem("/id", f"must be absolute: /{definition.id}")
    if not names:
        yield Problem("/id", "must have at least one name after the slash")
    elif ".." in names:
        yield Problem("/id", "must not contain '..'")
    elif names[-1] in _RESERVED:
        yield Problem("/id", f"must not end in one of {', '.join(sorted(_RESERVED))}")
    longest = max(len(container.name) for container in definition.containers)
    if len("_".join(names)) + longest > _LONGEST_NAMES:
        yield Problem(
            "/id", f"is too long: the id and the longest container name may have {_LONGEST_NAMES} characters together"
        )


def _users(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for path, user in (("", definition.user), *((at, container.user) for at, container in located(definition))):
        if user == "":
            yield Problem(f"{path}/user", "must not be empty")
        elif user is not None and not _can_be_a_user(user):
            yield Problem(
                f"{path}/user",
                "must be a user name: no colons, slashes or control characters, at most 255 characters",
            )


def _can_be_a_user(name: str) -> bool:
    """Whether a system could have such a user; names from directory services (DOMAIN\\user, user@domain) are fine."""
    is_plain = name.isprintable() and not set(name) & _IN_NO_USER and not name.startswith("-") and name == name.strip()
    return is_plain and len(name) <= _LONGEST_USER


def _role(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    allowed = site.allowed_roles(definition)
    if definition.role is not None and definition.role not in allowed:
        yield Problem("/role", f"must be one of {', '.join(sorted(allowed))}, not {definition.role}")


def _container_names(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for name in repeated(container.name for container in definition.containers):
        yield Problem("/containers", f"container names must be unique: {name}")


def _dependencies(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for index, dependency in enumerate(definition.dependencies):
        if not (dependency.startswith("/") and is_path(dependency) and segments(dependency)):
            yield Problem(f"/dependencies({index})", f"must be the absolute id of a pod, not {dependency}")
        elif canonical(dependency) == canonical(definition.id):
            yield Problem(f"/dependencies({index})", "a pod cannot depend on itself")


RULES = (_id, _users, _role, _container_names, _dependencies)
