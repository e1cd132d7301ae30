"""How the records, events, effects and other values of the core are declared: as frozen structs of msgspec.

There are millions of them, and each is made, copied with changes (``msgspec.structs.replace``), compared, written and
read again: in C, this takes a tenth of the time that dataclasses need. See ``docs/adr/0014-records-as-structs.md``.
"""

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The base of a value that never changes. Values with equal fields are equal, and have equal hashes.

    Python's garbage collector does not look at them, so none may be part of a reference cycle: their fields hold plain
    values, JSON, and other values like them. The order of the fields is the order in which they are written. The store
    leaves out fields that have their default, so a default of a record cannot simply be changed (ADR 17).
    """
