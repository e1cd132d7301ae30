"""Reads a policy from the document in a file, and checks it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from scheduler.model.policy.contents import AMOUNTS, Allowed, Policy
from scheduler.model.policy.features import FORBIDDEN, REQUIRED
from scheduler.model.policy.images import image_pattern
from scheduler.model.policy.paths import file_pattern, source_pattern
from scheduler.model.prefixes import path_pattern
from scheduler.model.values import mebibytes

_SIZES = ("mem", "disk")
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`(?P<path>[^`]*)`)?$", re.DOTALL)


class PolicyError(Exception):
    """A policy that cannot be used.

    Attributes:
        path: of the member at fault, as in ``/rules(0)/pods``; ``/``: the whole file.
        error: what is wrong with it.
    """

    def __init__(self, path: str, error: str) -> None:
        super().__init__(f"{path}: {error}")
        self.path = path
        self.error = error


def read(document: Any) -> Policy:
    """The policy in a decoded file. Raises PolicyError for the first problem."""
    try:
        policy = msgspec.convert(_with_sizes(document), Policy)
    except msgspec.ValidationError as error:
        found = _PLACE.match(str(error))
        raise PolicyError(_path(found["path"]), found["what"]) if found else PolicyError("/", str(error)) from None
    for path, fault in _faults(policy):
        raise PolicyError(path, fault)
    return policy


def _with_sizes(document: Any) -> Any:
    """The document with sizes such as 64g as numbers of MiB."""
    quotas = document.get("quotas") if isinstance(document, dict) else None
    if not isinstance(quotas, list):
        return document
    return {**document, "quotas": [_quota(index, each) for index, each in enumerate(quotas)]}


def _quota(index: int, quota: Any) -> Any:
    if not isinstance(quota, dict):
        return quota
    sizes = {}
    for name in _SIZES:
        if name in quota:
            try:
                sizes[name] = mebibytes(quota[name])
            except ValueError as error:
                raise PolicyError(f"/quotas({index})/{name}", str(error)) from None
    return {**quota, **sizes}


def _path(path: str | None) -> str:
    """``/rules(0)/name`` for msgspec's ``$.rules[0].name``."""
    return (path or "").removeprefix("$").replace(".", "/").replace("[", "(").replace("]", ")") or "/"


# ----------------------------------------------------------------------------- checks


def _faults(policy: Policy) -> Iterator[tuple[str, str]]:
    for index, rule in enumerate(policy.rules):
        at = f"/rules({index})"
        yield from _of_name(at, rule.name, [each.name for each in policy.rules[:index]])
        yield from _unreadable(f"{at}/pods", rule.pods, path_pattern)
        yield from _unreadable(f"{at}/exempt", rule.exempt, path_pattern)
        yield from _unknown(f"{at}/forbid", rule.forbid, FORBIDDEN)
        yield from _unknown(f"{at}/require", rule.require, REQUIRED)
        yield from _unreadable(f"{at}/allow/images", rule.allow.images or (), image_pattern)
        yield from _unreadable(f"{at}/allow/paths", rule.allow.paths or (), file_pattern)
        if not (rule.forbid or rule.require or rule.labels or rule.allow != Allowed()):
            yield at, "demands nothing: it needs at least one of forbid, require, labels and allow"
    for index, quota in enumerate(policy.quotas):
        at = f"/quotas({index})"
        yield from _of_name(at, quota.name, [each.name for each in policy.quotas[:index]])
        yield from _unreadable(f"{at}/pods", quota.pods, path_pattern)
        limits = {name: getattr(quota, name) for name in AMOUNTS}
        yield from ((f"{at}/{name}", "must not be negative") for name, limit in limits.items() if (limit or 0) < 0)
        if all(limit is None for limit in limits.values()):
            yield at, f"limits nothing: it needs at least one of {', '.join(AMOUNTS)}"
    for index, scope in enumerate(policy.secrets or ()):
        yield from _unreadable(f"/secrets({index})/pods", scope.pods, path_pattern)
        yield from _unreadable(f"/secrets({index})/sources", scope.sources, source_pattern)


def _of_name(at: str, name: str, others: Iterable[str]) -> Iterator[tuple[str, str]]:
    if not name or not name.isprintable():
        yield f"{at}/name", "must be a name of printable characters"
    elif name in others:
        yield f"{at}/name", f"another one is named {name!r}: names must be unique, as errors quote them"


def _unreadable(at: str, texts: Iterable[str], parse: Callable[[str], object]) -> Iterator[tuple[str, str]]:
    for index, text in enumerate(texts):
        try:
            parse(text)
        except ValueError as error:
            yield f"{at}({index})", str(error)


def _unknown(at: str, names: Iterable[str], known: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for index, name in enumerate(names):
        if name not in known:
            yield f"{at}({index})", f"{name!r} is not one of {', '.join(known)}"
