"""Patterns of files on agents and of sources of secrets. ``/**`` at the end means everything below as well."""

from functools import lru_cache

from scheduler.model.prefixes import PathPattern

_BELOW = "/**"
_REMEMBERED = 1000
_NO_NAMES = ("", ".", "..")


def plain_names(path: str) -> tuple[str, ...] | None:
    """The names in an absolute path; None: it is relative, or has a name that makes it ambiguous, such as ``..``.

    ``a/../b`` is not always ``b``: ``a`` may be a symbolic link. Only the agent knows.
    """
    names = tuple(path.removeprefix("/").split("/"))
    is_plain = path.startswith("/") and path.isprintable() and not any(name in _NO_NAMES for name in names)
    return names if is_plain else None


@lru_cache(_REMEMBERED)
def file_pattern(text: str) -> PathPattern:
    """Read a pattern of paths on agents. Raises ValueError."""
    below = text.endswith(_BELOW)
    path = text.removesuffix(_BELOW)
    if (path or not below) and plain_names(path) is None:
        raise ValueError(f"{text!r} must be an absolute path without '.', '..' and doubled slashes, as in /srv/data/**")
    return PathPattern(path, below)


def source_pattern(text: str) -> PathPattern:
    """Read a pattern of sources of secrets. Raises ValueError."""
    try:
        return file_pattern(text)
    except ValueError:
        raise ValueError(
            f"{text!r} must be a source without '.', '..' and doubled slashes, with a slash at the beginning, as in "
            "/team-a/**"
        ) from None


def is_allowed_path(patterns: tuple[str, ...], path: str) -> bool:
    """Whether one of the patterns names this file or directory of an agent."""
    return plain_names(path.rstrip("/")) is not None and _named(patterns, path.rstrip("/"))


def is_allowed_source(patterns: tuple[str, ...], source: str) -> bool:
    """Whether one of the patterns names this source. ``a/b`` is the same source as ``/a/b``."""
    path = "/" + source.removeprefix("/")
    return plain_names(path) is not None and _named(patterns, path)


def _named(patterns: tuple[str, ...], path: str) -> bool:
    return any(file_pattern(pattern).matches(path) for pattern in patterns)
