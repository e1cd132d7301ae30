"""The value types of a definition: names, strings, numbers, sizes and enumerations.

Each states once what it accepts beyond its JSON type; ``definition`` combines them.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, StringConstraints, Tag
from pydantic_core import PydanticCustomError

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LARGEST_INT = 2**31 - 1
LONGEST_SECONDS = 2**31 - 1.0  # Mesos counts nanoseconds, in 64 bits

# Where a value may be of either of two JSON types, pydantic puts a tag into an error's place; ``schema`` removes it.
TAG = "|"

_SIZE = re.compile(r"\s*(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(?P<unit>b|[kmgt]b?)\s*", re.IGNORECASE)
_BYTES = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZES = r"^\s*[0-9]{1,15}(\.[0-9]{1,9})?\s*([bB]|[kKmMgGtT][bB]?)\s*$"


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _restart_policy(value: Any) -> Any:
    lower = _lower(value)
    return "onFailure" if lower == "onfailure" else lower


def mebibytes(value: Any) -> Any:
    """A size such as ``64mb`` or ``1.5g`` in MiB; values that are not strings are left to the type's own check."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value)
    if found is None:
        raise PydanticCustomError(
            "size", "is neither a number of MiB nor a size such as 64mb or 1.5g (units: b, k, m, g, t, kb, mb, gb, tb)"
        )
    return float(found["number"]) * _BYTES[found["unit"][0].lower()] / _BYTES["m"]


def _whole_mebibytes(value: Any) -> Any:
    size = mebibytes(value)
    if size is value:
        return value
    if not size.is_integer():
        raise PydanticCustomError("whole_size", "must be an integer number of MiB")
    return int(size)


def _limit(value: Any) -> Any:
    return _lower(value.strip()) if isinstance(value, str) else value


def _memory_limit(value: Any) -> Any:
    value = _limit(value)
    return value if value == "unlimited" else mebibytes(value)


def _text_or_number(value: Any) -> str:
    return f"{TAG}text" if isinstance(value, str) else f"{TAG}number"


def _text_or_object(value: Any) -> str:
    return f"{TAG}object" if isinstance(value, dict | BaseModel) else f"{TAG}text"


def _object_or_text(value: Any) -> str:
    return f"{TAG}text" if isinstance(value, str) else f"{TAG}object"


# Choose between two types by the value's JSON type; a value of neither type is checked as one of them.
TEXT_OR_NUMBER = Discriminator(_text_or_number)
TEXT_OR_OBJECT = Discriminator(_text_or_object)
OBJECT_OR_TEXT = Discriminator(_object_or_text)

Name = Annotated[str, StringConstraints(pattern=NAME, min_length=1, max_length=63)]
NetworkName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9_]*[a-z0-9])?$", min_length=1, max_length=63)
]
EnvKey = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,253}$")]
Path = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Text = Annotated[str, StringConstraints(min_length=1)]
Labels = dict[str, str]

Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=0, le=LARGEST_INT)]
Positive = Annotated[int, Field(ge=1, le=LARGEST_INT)]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_SECONDS)]

_Size = Annotated[str, Field(pattern=_SIZES)]


def _size(least: float) -> BeforeValidator:
    return BeforeValidator(mebibytes, json_schema_input_type=Annotated[float, Field(ge=least)] | _Size)


Memory = Annotated[float, Field(ge=0.001), _size(0.001)]
Disk = Annotated[float, Field(ge=0), _size(0)]
ExecutorMemory = Annotated[float, Field(ge=32), _size(32)]
ExecutorDisk = Annotated[float, Field(ge=10), _size(10)]
WholeSize = Annotated[
    int,
    Field(ge=0, le=LARGEST_INT),
    BeforeValidator(_whole_mebibytes, json_schema_input_type=Count | _Size),
]

_Unlimited = Annotated[Literal["unlimited"], Tag(f"{TAG}text")]
_Number = Annotated[float, Tag(f"{TAG}number")]
CpuLimit = Annotated[_Number | _Unlimited, TEXT_OR_NUMBER, BeforeValidator(_limit)]
MemoryLimit = Annotated[
    _Number | _Unlimited,
    TEXT_OR_NUMBER,
    BeforeValidator(_memory_limit, json_schema_input_type=float | Literal["unlimited"] | _Size),
]

ImageKind = Annotated[Literal["DOCKER"], BeforeValidator(_upper)]
Scheme = Annotated[Literal["HTTP", "HTTPS"], BeforeValidator(_upper)]
IpcMode = Annotated[Literal["PRIVATE", "SHARE_PARENT"], BeforeValidator(_upper)]
DiskType = Annotated[Literal["root", "path", "mount"], BeforeValidator(_lower)]
NetworkMode = Annotated[Literal["container", "container/bridge", "host"], BeforeValidator(_lower)]
Operator = Annotated[
    Literal["UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS"], BeforeValidator(_upper)
]
KillSelection = Annotated[Literal["YOUNGEST_FIRST", "OLDEST_FIRST"], BeforeValidator(_upper)]
DependencyCondition = Annotated[Literal["started", "ready", "succeeded"], BeforeValidator(_lower)]
RestartPolicy = Annotated[Literal["never", "onFailure", "always"], BeforeValidator(_restart_policy)]
Disabled = Annotated[Literal["disabled"], BeforeValidator(_lower)]
