"""Marathon's fields that this version of podexec does not carry yet.

They are refused: a field silently dropped is a promise broken.
"""

from collections.abc import Callable
from typing import Any

from scheduler.model.problems import Problem, places


def set_aside(document: Any) -> list[Problem]:
    """Take the fields that are not supported out of a decoded definition, and say of each where it stood.

    The schema stage then judges the rest as if they had never been written.
    """
    problems = []
    for pattern, what, counts in _FEATURES:
        for place in list(places(document, pattern)):
            if counts(place.value):
                problems.append(Problem(place.path, f"{what} are not supported by this version of podexec"))
                del place.holder[place.key]
    return problems


def _given(value: Any) -> bool:
    """Present at all: even an empty one would change what the definition means."""
    return value is not None


def _says_something(value: Any) -> bool:
    """More than a default spelled out: Marathon renders ``{"constraints": []}``; ``tty: false`` asks for nothing."""
    if isinstance(value, dict):
        return any(_says_something(member) for member in value.values())
    return value is not None and value is not False and value != []


def _refers_to_a_secret(value: Any) -> bool:
    return isinstance(value, dict) and "secret" in value


_FEATURES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("/secrets", "secrets", _says_something),
    ("/environment/*", "secrets in the environment", _refers_to_a_secret),
    ("/linuxInfo", "Linux settings", _says_something),
    ("/legacySharedCgroups", "shared cgroups", _says_something),
    ("/volumes()/persistent", "persistent volumes", _given),
    ("/volumes()/secret", "secret volumes", _given),
    ("/scheduling/placement", "placement constraints and accepted resource roles", _says_something),
    ("/scheduling/unreachableStrategy", "unreachable strategies", _says_something),
    ("/containers()/environment/*", "secrets in the environment", _refers_to_a_secret),
    ("/containers()/image/pullConfig", "secrets for pulling images", _says_something),
    ("/containers()/resourceLimits", "resource limits above the request", _says_something),
    ("/containers()/linuxInfo", "Linux settings", _says_something),
    ("/containers()/check", "checks beside the health check", _says_something),
    ("/containers()/tty", "terminals", _says_something),
)
