"""Puts a mutant in the place of functions that are imported already; nothing is written to disk or imported again."""

import gc
from collections.abc import Iterator, Mapping
from inspect import CO_NEWLOCALS
from pathlib import Path
from types import CodeType, FunctionType

from tools.mutate.mutants import Mutant

_Key = tuple[str, str, int]


class LiveFunctions:
    """The functions of this process whose code can be exchanged, by file, qualified name and line."""

    def __init__(self, root: Path, sources: Mapping[str, str]) -> None:
        """``sources``: the text of each file that has mutants, by its path from the root."""
        self._root = root
        self._sources = sources
        self._functions: dict[_Key, list[FunctionType]] = {}
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(f"{root}/"):
                self._functions.setdefault(_key(each.__code__), []).append(each)

    def become(self, mutant: Mutant) -> None:
        """Let the functions of the mutant's file do what the mutant does."""
        path = str(self._root / mutant.path)
        texts = self._sources[mutant.path], mutant.source
        before, after = (list(_outermost(compile(each, path, "exec"))) for each in texts)
        for old, new in zip(before, after, strict=True):
            for function in self._functions.get(_key(old), ()):
                # One that no longer calls super() needs no cell for its class; the function has it all the same.
                function.__code__ = new.replace(co_freevars=old.co_freevars)


def _key(code: CodeType) -> _Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _outermost(module: CodeType) -> Iterator[CodeType]:
    """The code of each function that is not within another one."""
    for each in module.co_consts:
        if isinstance(each, CodeType):
            if each.co_flags & CO_NEWLOCALS:
                yield each
            else:
                yield from _outermost(each)
