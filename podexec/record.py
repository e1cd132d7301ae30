"""Frozen, slotted records that cost next to nothing to define.

``dataclasses`` generates and compiles source code for each class at every start; together with its imports that is a
third of an executor's start-up time. A record behaves like a frozen dataclass with slots; all records share methods.
"""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

R = TypeVar("R")


@dataclass_transform(frozen_default=True)
def record(cls: type[R]) -> type[R]:
    """Turn a class into a record of its annotated fields. Methods that it defines itself are kept."""
    names = tuple(cls.__annotations__)
    own = {key: value for key, value in cls.__dict__.items() if key not in (*names, "__dict__", "__weakref__")}
    defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
    made: dict[str, Any] = {"__slots__": names, "__match_args__": names, "_defaults": defaults}
    slotted: type[R] = type(cls.__name__, cls.__bases__, _METHODS | own | made)
    return slotted


def fields(of: Any) -> dict[str, Any]:
    """The fields of a record by name; nested records stay records."""
    return {name: getattr(of, name) for name in type(of).__match_args__}


def replace(of: R, **changes: Any) -> R:
    """A copy of the record with some fields changed. Raises TypeError for an unknown field."""
    return type(of)(**{**fields(of), **changes})


def _init(self: Any, *values: Any, **named: Any) -> None:
    cls = type(self)
    names = cls.__match_args__
    if len(values) > len(names):
        raise TypeError(f"{cls.__name__} has {len(names)} fields; {len(values)} values were given")
    for name, value in zip(names, values, strict=False):
        object.__setattr__(self, name, value)
    for name in names[len(values) :]:
        if name in named:
            value = named.pop(name)
        elif name in cls._defaults:
            value = cls._defaults[name]
        else:
            raise TypeError(f"{cls.__name__} is missing its {name}")
        object.__setattr__(self, name, value)
    if named:
        raise TypeError(f"{cls.__name__} has no field for {', '.join(named)}, or it was given twice")
    if hasattr(cls, "__post_init__"):
        self.__post_init__()


def _eq(self: Any, other: object) -> bool:
    return fields(self) == fields(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple(fields(self).values()))


def _repr(self: Any) -> str:
    held = ", ".join(f"{name}={value!r}" for name, value in fields(self).items())
    return f"{type(self).__qualname__}({held})"


def _refuse(self: Any, name: str, *value: Any) -> None:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be changed: make another with replace()")


_METHODS = {
    "__init__": _init,
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
}
