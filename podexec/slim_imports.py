"""Keeps unused modules out while a dependency is imported: the executor has 32 MB and a tenth of a CPU.

These are modules that a dependency imports for features that the executor does not use:

* ``asyncio`` (for structlog's async loggers). 3 MB, which includes ssl.
* pymesos' drivers of schedulers and operators, which its package imports with the driver of executors.
* What pymesos' driver of executors imports for its own connection, which podexec replaces: six, http.client, addict,
  logging and others. A third of the CPU time of the executor's start.

Code that needs one of them later imports it as usual.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterable, Iterator


class _Hollow(types.ModuleType):
    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


@contextlib.contextmanager
def without(
    *absent: str, empty: tuple[str, ...] = (), hollow: tuple[str, ...] = (), instead: Iterable[types.ModuleType] = ()
) -> Iterator[None]:
    """Within the block, modules named ``absent`` cannot be imported and those in ``empty`` import as empty modules.

    Those in ``hollow`` import as modules in which every name exists and is None, and those in ``instead`` take the
    place of the modules that have their names. Modules that are already imported stay as they are.
    """
    mine: dict[str, types.ModuleType | None] = {}
    mine |= {name: None for name in absent if name not in sys.modules}
    mine |= {name: types.ModuleType(name) for name in empty if name not in sys.modules}
    mine |= {name: _Hollow(name) for name in hollow if name not in sys.modules}
    mine |= {module.__name__: module for module in instead if module.__name__ not in sys.modules}
    modules: dict[str, types.ModuleType | None] = sys.modules  # type: ignore[assignment]  # None means: cannot be imported
    modules.update(mine)
    try:
        yield
    finally:
        for name in mine:
            del modules[name]
