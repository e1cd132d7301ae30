"""A library's references to itself are resolved before it is loaded, and its programs behave as before."""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from localmesos import package
from localmesos.launcher import build, symbolic
from localmesos.launcher.symbolic import SymbolicError

LIBRARY = """
#include <typeinfo>
#define WEAK __attribute__((weak))
struct Base { virtual ~Base() {} virtual int number() { return 1; } };
struct Derived : Base { int number() override { return 2; } };
Base* make() { return new Derived; }
bool is_derived(Base* base) { return dynamic_cast<Derived*>(base) != nullptr; }
int plain = 3, shared = 4;
__attribute__((visibility("protected"))) int guarded = 5;
thread_local int local = 6;
template <typename T> struct Unique { static int value; };
template <typename T> int Unique<T>::value = 7;
WEAK int weak_function() { return 8; }
WEAK int weak_value = 9;
extern "C" int nine() { return 9; }
extern "C" int (*choose())() { return nine; }
extern "C" int chosen() __attribute__((ifunc("choose")));
int (*pointers[])() = {weak_function, chosen, nine};
int array[] = {10, 11, 12};
int* second = &array[1];
int* addresses[] = {&plain, &shared, &guarded, &Unique<int>::value, &weak_value, second};
int sum() {
  int all = local + shared + guarded + plain + weak_value + Unique<int>::value;
  for (auto pointer : pointers) all = all * 10 + pointer();
  for (auto address : addresses) all = all * 10 + *address;
  return all;
}
"""

PROGRAM = """
#include <cstdio>
struct Base { virtual ~Base(); virtual int number(); };
Base* make();
bool is_derived(Base*);
int sum();
extern int shared;
extern thread_local int local;
template <typename T> struct Unique { static int value; };
template <typename T> int Unique<T>::value = 7;
int main() {
  shared = 20;
  local = 30;
  Unique<int>::value = 40;
  Base* base = make();
  std::printf("mesos %d %d %d\\n", sum(), is_derived(base), base->number());
}
"""


def compile_cpp(text: str, target: Path, *options: str | Path) -> Path:
    """A program or library from C++."""
    source = target.with_name(f"{target.name}.cpp")
    source.write_text(text)
    subprocess.run(["g++", "-O1", "-o", target, source, *options], check=True)
    return target


def make_prefix(folder: Path, program: str = PROGRAM, *first: str | Path) -> Path:
    """An installation as build.py makes it, with a small library and a small program."""
    (folder / "lib").mkdir()
    (folder / "libexec").mkdir()
    library = folder / "lib" / build.LIBRARY
    compile_cpp(LIBRARY, library, "-fPIC", "-shared", f"-Wl,-soname,{build.LIBRARY}")
    compile_cpp(
        program,
        folder / "libexec" / "mesos",
        "-fPIE",
        "-pie",
        *first,
        library,
        "-Wl,-rpath,$ORIGIN/../lib",
        "-rdynamic",
    )
    return folder


def referenced(library: Path) -> set[str]:
    """Names of the library's own symbols that the dynamic linker has to look up when it loads the library."""
    elf = ELFFile(io.BytesIO(library.read_bytes()))
    table, symbols = elf.get_section_by_name(".rela.dyn"), elf.get_section_by_name(".dynsym")
    looked_up = (symbols.get_symbol(r["r_info_sym"]) for r in table.iter_relocations() if r["r_info_sym"])
    return {symbol.name for symbol in looked_up if symbol["st_shndx"] != "SHN_UNDEF"}


def output(prefix: Path) -> str:
    return subprocess.run([prefix / "libexec" / "mesos"], capture_output=True, text=True, check=True).stdout


def refuse(line: str) -> None:
    """A `Progress` that expects nothing to be said."""
    raise AssertionError(line)


def test_the_program_behaves_as_before_and_only_some_symbols_are_looked_up(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path)
    library = prefix / "lib" / build.LIBRARY
    before, expected, size = referenced(library), output(prefix), library.stat().st_size
    build.resolve_references(prefix, refuse)
    assert output(prefix) == expected
    assert library.stat().st_size == size
    assert {"plain", "weak_value", "_Z13weak_functionv", "_ZTV7Derived", "_ZTI4Base", "nine", "array"} <= before
    # `shared` is copied into the program; the others have no address that only moves with the library.
    assert referenced(library) == {"shared", "_ZN6UniqueIiE5valueE", "chosen", "local"}


def test_resolving_again_changes_nothing(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path)
    program = (prefix / "libexec" / "mesos").read_bytes()
    once = symbolic.resolve((prefix / "lib" / build.LIBRARY).read_bytes(), build.LIBRARY, program)
    assert symbolic.resolve(once, build.LIBRARY, program) == once


def test_symbols_that_the_program_defines_are_left_to_it(tmp_path: Path) -> None:
    own = PROGRAM + "int weak_value = 90; int weak_function() { return 80; }"
    prefix = make_prefix(tmp_path, own)
    expected = output(prefix)
    build.resolve_references(prefix, refuse)
    assert output(prefix) == expected
    assert {"weak_value", "_Z13weak_functionv"} <= referenced(prefix / "lib" / build.LIBRARY)


def test_a_library_that_does_not_come_first_stays_as_it_is(tmp_path: Path) -> None:
    """The other library may define the same symbols, and then it wins."""
    other = compile_cpp("int weak_value = 70;", tmp_path / "libother.so", "-fPIC", "-shared", "-Wl,-soname,libother.so")
    prefix = make_prefix(tmp_path, PROGRAM, "-Wl,--no-as-needed", other, f"-Wl,-rpath,{tmp_path}")
    assert_unchanged(prefix, r"the program names \['libother.so'\] first")


def flip_machine(library: bytearray) -> None:
    library[18:20] = b"\xb7\x00"  # AArch64


def truncate(library: bytearray) -> None:
    del library[2000:]


def replace_all(library: bytearray) -> None:
    library[:] = b"no library"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_machine, "not a shared library for x86-64"),
        (truncate, "cannot be read as a shared library"),
        (replace_all, "cannot be read as a shared library"),
    ],
)
def test_a_file_that_is_not_as_expected_stays_as_it_is(
    damage: Callable[[bytearray], None], reason: str, tmp_path: Path
) -> None:
    prefix = make_prefix(tmp_path)
    library = prefix / "lib" / build.LIBRARY
    damaged = bytearray(library.read_bytes())
    damage(damaged)
    library.write_bytes(damaged)
    assert_unchanged(prefix, reason)


def test_a_program_that_no_longer_starts_gets_the_library_back(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path, PROGRAM.replace("->number());", "->number());\n  return 3;"))
    assert_unchanged(prefix, "mesos-agent --version ended with 3")


def assert_unchanged(prefix: Path, reason: str) -> None:
    library = prefix / "lib" / build.LIBRARY
    before, lines = library.read_bytes(), list[str]()
    build.resolve_references(prefix, lines.append)
    assert library.read_bytes() == before
    (line,) = lines
    assert re.search(rf"stays as it is: .*{reason}", line)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (lambda library, tables: len(library) - 1, "bytes outside the relocations changed"),
        (lambda library, tables: tables.relocations[0] + 16, "not the expected ones"),
        (lambda library, tables: tables.count, "not in front"),
    ],
)
def test_a_wrong_result_is_noticed(
    place: Callable[[bytes, symbolic.Tables], int], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = make_prefix(tmp_path)
    library, program = ((prefix / part).read_bytes() for part in (f"lib/{build.LIBRARY}", "libexec/mesos"))
    write = symbolic._written

    def wrong(original: bytes, tables: symbolic.Tables, relocations: list[symbolic.Relocation]) -> bytes:
        result = bytearray(write(original, tables, relocations))
        result[place(original, tables)] ^= 1
        return bytes(result)

    monkeypatch.setattr(symbolic, "_written", wrong)
    with pytest.raises(SymbolicError, match=reason):
        symbolic.resolve(library, build.LIBRARY, program)


def test_the_programs_of_mesos_look_up_little_and_start() -> None:
    prefix = package.ensure()
    for name in ("mesos-master", "mesos-agent"):
        done = subprocess.run([prefix / "bin" / name, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == "mesos 1.11.0\n"
    for name, said in (("mesos-containerizer", "Cannot find subcommand"), ("mesos-io-switchboard", "is missing")):
        environment = {**os.environ, "LD_DEBUG": "statistics"}
        done = subprocess.run([prefix / "libexec" / name], env=environment, capture_output=True, text=True, check=False)
        assert said in done.stderr
        (relocations,) = re.findall(r" number of relocations: (\d+)", done.stderr)[:1]
        assert int(relocations) < 5000, "36,000 before"
