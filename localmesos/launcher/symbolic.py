"""Resolves the references of libmesos to itself, as linking it with ``-Bsymbolic`` would have done.

The dynamic linker looks up 36,000 symbols of libmesos at each start of one of its programs, and finds all but a few
hundred in libmesos: two thirds of the CPU time of a ``mesos-containerizer``, which starts three times for each pod. A
relocation that needs a symbol is rewritten as one that only adds the library's address (R_X86_64_RELATIVE). pyelftools
finds the tables; their hundred thousand entries are unpacked here, which is fifty times as fast.

The program must find in each place what it found before. The dynamic linker searches the program first, then the
libraries in the order in which it names them; hence the program has to name the library first, and symbols that it
defines itself (as copies of the library's data) are left to the dynamic linker. So are those whose address is not a
matter of adding: thread-local and absolute symbols, functions that choose their implementation (IFUNC), and unique
symbols, of which the process must have one whoever looks. Calls through the procedure linkage table stay as they are:
they are looked up when they are first called. What remains possible no longer is to replace a function of the library
by means of LD_PRELOAD.
"""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

# System V ABI, "AMD64 Architecture Processor Supplement", table 4.10, and the generic ABI's symbol table.
_R_64, _R_GLOB_DAT, _R_RELATIVE = 1, 6, 8
_STB_GLOBAL, _STB_WEAK = 1, 2
_STT_NOTYPE, _STT_OBJECT, _STT_FUNC = 0, 1, 2
_SHN_UNDEF, _SHN_LORESERVE = 0, 0xFF00
_STV_DEFAULT, _STV_PROTECTED = 0, 3

_RELOCATION: Final = struct.Struct("<QIIq")  # offset, type, symbol, addend
_SYMBOL: Final = struct.Struct("<IBBHQQ")  # name, binding and type, visibility, section, value, size
_DYNAMIC: Final = struct.Struct("<qQ")  # tag, value

Relocation = tuple[int, int, int, int]


class SymbolicError(Exception):
    """The library is not one that can be rewritten; the message says why."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Where the tables of a shared library are in its file.

    Attributes:
        relocations: offset of the relocations that are applied at each start (DT_RELA), and the bytes they take.
        count: offset of the value of DT_RELACOUNT, the number of relative ones in front.
        symbols: offset of the dynamic symbols.
        names: offset of their names.
    """

    relocations: tuple[int, int]
    count: int
    symbols: int
    names: int


def resolve(library: bytes, name: str, program: bytes) -> bytes:
    """The library ``name``, with its references to itself resolved for ``program``. Raises SymbolicError."""
    try:
        own = _own_symbols(program, name)
        tables = _tables(library)
        before = _relocations(library, tables)
        resolved = _resolver(library, tables, own)
        after = [resolved(relocation) for relocation in before]
        # Relative ones come first, as DT_RELACOUNT counts them there; sorting is stable and keeps all other order.
        after.sort(key=lambda each: (0, each[0]) if each[1] == _R_RELATIVE else (1, 0))
        result = _written(library, tables, after)
        _check(library, result, resolved)
    except (ELFError, struct.error, ValueError, KeyError, AttributeError) as error:
        raise SymbolicError(f"{name} cannot be read as a shared library for x86-64: {error}") from error
    return result


def _elf(data: bytes) -> ELFFile:
    elf = ELFFile(io.BytesIO(data))
    kind = (elf.elfclass, elf.little_endian, elf["e_machine"], elf["e_type"])
    if kind != (64, True, "EM_X86_64", "ET_DYN"):
        raise SymbolicError(f"not a shared library for x86-64: {kind}")
    return elf


def _dynamic(elf: ELFFile) -> DynamicSegment:
    dynamic = next(elf.iter_segments("PT_DYNAMIC"), None)
    if not isinstance(dynamic, DynamicSegment):
        raise SymbolicError("there is no dynamic segment")
    return dynamic


def _own_symbols(program: bytes, library: str) -> frozenset[bytes]:
    """Names of the symbols that the program defines; it must look in the library next."""
    dynamic = _dynamic(_elf(program))
    needed = [getattr(tag, "needed", None) for tag in dynamic.iter_tags("DT_NEEDED")]
    if needed[:1] != [library]:
        raise SymbolicError(f"the program names {needed[:1]} first, whose symbols precede those of {library}")
    # An undefined function with a value stands for the address of the program's own entry for it.
    own = (s for s in dynamic.iter_symbols() if s["st_shndx"] != "SHN_UNDEF" or s["st_value"])
    return frozenset(symbol.name.encode() for symbol in own)


def _tables(library: bytes) -> Tables:
    dynamic = _dynamic(_elf(library))
    tags = {tag.entry.d_tag: (number, tag.entry.d_val) for number, tag in enumerate(dynamic.iter_tags())}
    sizes = (tags["DT_RELAENT"][1], tags["DT_SYMENT"][1], tags["DT_RELASZ"][1] % _RELOCATION.size)
    if sizes != (_RELOCATION.size, _SYMBOL.size, 0):
        raise SymbolicError(f"unexpected sizes of entries: {sizes}")
    number = tags["DT_RELACOUNT"][0]
    return Tables(
        relocations=(_offset(dynamic, "DT_RELA"), tags["DT_RELASZ"][1]),
        count=dynamic["p_offset"] + number * _DYNAMIC.size + _DYNAMIC.size // 2,
        symbols=_offset(dynamic, "DT_SYMTAB"),
        names=_offset(dynamic, "DT_STRTAB"),
    )


def _offset(dynamic: DynamicSegment, tag: str) -> int:
    offset = dynamic.get_table_offset(tag)[1]
    if offset is None:
        raise SymbolicError(f"the table {tag} is not in the file")
    return offset


def _relocations(library: bytes, tables: Tables) -> list[Relocation]:
    start, size = tables.relocations
    return list(_RELOCATION.iter_unpack(memoryview(library)[start : start + size]))


def _resolver(library: bytes, tables: Tables, own: frozenset[bytes]) -> Callable[[Relocation], Relocation]:
    """A function that resolves one relocation, or returns it as it is."""
    values: dict[int, int | None] = {}

    def value_of(number: int) -> int | None:
        name, info, other, section, value, _size = _SYMBOL.unpack_from(library, tables.symbols + number * _SYMBOL.size)
        movable = (
            info >> 4 in (_STB_GLOBAL, _STB_WEAK)
            and info & 0xF in (_STT_NOTYPE, _STT_OBJECT, _STT_FUNC)
            and other & 0x3 in (_STV_DEFAULT, _STV_PROTECTED)
            and _SHN_UNDEF < section < _SHN_LORESERVE
        )
        begin = tables.names + name
        return value if movable and library[begin : library.index(b"\0", begin)] not in own else None

    def resolved(relocation: Relocation) -> Relocation:
        offset, kind, number, addend = relocation
        # The dynamic linker ignores the addend of GLOB_DAT; linkers write 0.
        if kind != _R_64 and (kind != _R_GLOB_DAT or addend):
            return relocation
        if number not in values:
            values[number] = value_of(number)
        value = values[number]
        return relocation if value is None else (offset, _R_RELATIVE, 0, value + addend)

    return resolved


def _written(library: bytes, tables: Tables, relocations: list[Relocation]) -> bytes:
    result = bytearray(library)
    start, size = tables.relocations
    result[start : start + size] = b"".join(_RELOCATION.pack(*each) for each in relocations)
    relative = sum(1 for each in relocations if each[1] == _R_RELATIVE)
    struct.pack_into("<Q", result, tables.count, relative)
    return bytes(result)


def _check(before: bytes, after: bytes, resolved: Callable[[Relocation], Relocation]) -> None:
    """Read the result as if it were any library. Raises SymbolicError if it has more changes than it should."""
    tables = _tables(after)
    start, size = tables.relocations
    kept = [(0, start), (start + size, tables.count), (tables.count + 8, len(before))]
    if tables.count < start:
        kept = [(0, tables.count), (tables.count + 8, start), (start + size, len(before))]
    if len(before) != len(after) or any(before[a:b] != after[a:b] for a, b in kept):
        raise SymbolicError("bytes outside the relocations changed")
    relocations = _relocations(after, tables)
    if Counter(map(resolved, _relocations(before, tables))) != Counter(relocations):
        raise SymbolicError("the relocations are not the expected ones")
    (count,) = struct.unpack_from("<Q", after, tables.count)
    if [each[1] == _R_RELATIVE for each in relocations] != [True] * count + [False] * (len(relocations) - count):
        raise SymbolicError("the relative relocations are not in front")
