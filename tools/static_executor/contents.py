"""What the archive contains: bytecode of the executor and of all it imports, and the licenses."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from modulefinder import ModuleFinder
from pathlib import Path

from podexec import zipapp
from tools.static_executor.debian import INTERPRETER, Source
from tools.static_executor.errors import BuildError

# Distribution -> its module or package; psutil is compiled, and pymesos is in podexec itself.
_BUNDLED = {"addict": "addict", "structlog": "structlog"}
# What the interpreter itself imports first, and codecs by their names.
_ALWAYS = ("encodings.aliases", "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_8")
# Imported for features that the executor does not use (see podexec/slim_imports.py), for other systems or by programs
# within modules. Each name stands for its submodules too.
_NEVER = (
    *("argparse", "asyncio", "ctypes", "doctest", "getopt", "gettext"),
    *("importlib._bootstrap", "importlib._bootstrap_external"),  # frozen under other names
    *("importlib.metadata", "importlib.resources", "multiprocessing", "pdb", "plistlib", "pydoc", "statistics"),
    *("tarfile", "tracemalloc", "unittest", "xml", "zipfile", "_strptime"),
    *("better_exceptions", "colorama", "greenlet", "kazoo", "rich", "six", "twisted"),
    *("bz2", "encodings.mbcs", "lzma", "ntpath", "_pydecimal"),
    *("psutil._psaix", "psutil._psbsd", "psutil._psosx", "psutil._pssunos", "psutil._pswindows"),
    *(f"podexec._vendor.pymesos.{name}" for name in ("operator_v1", "scheduler", "subprocess")),
    *("podexec._vendor.http_parser", "structlog.twisted"),
)
# Python finds modules that are linked into it only at the top, not in a package.
_PSUTIL_NATIVE = b"import sys, _psutil_linux\nsys.modules[__name__] = _psutil_linux\n"
_DEBIAN_LICENSES = {
    "glibc": Path("/usr/share/doc/libc6-dev/copyright"),
    "openssl": Path("/usr/share/doc/libssl-dev/copyright"),
    "zlib": Path("/usr/share/doc/zlib1g-dev/copyright"),
}
_NOTICE = """\
podexec's executor, linked statically. The versions of Debian's packages in it:

{versions}

The GNU C Library is under the LGPL: to link this program with another version of it, run `make executor` in the sources
of podexec, which contain all that is not in Debian.
"""


def archive(source: Source, psutil: Path) -> dict[str, bytes]:
    """The files of the archive by name. ``psutil``: its source. Raises BuildError."""
    try:
        programs = {name: text for name, text in zipapp.sources(_BUNDLED).items() if not _is_unused(name)}
        programs |= _psutil(psutil)
        files = programs | _standard_library(programs, source.folder / "Lib")
        compiled = zipapp.bytecode(files, str(INTERPRETER))
        return compiled | zipapp.licenses(_BUNDLED) | dict(_licenses(source, psutil))
    except zipapp.BuildError as error:
        raise BuildError(str(error)) from error


def _psutil(psutil: Path) -> dict[str, bytes]:
    files = {f"psutil/{file.name}": file for file in (psutil / "psutil").glob("*.py")}
    sources = {name: file.read_bytes() for name, file in files.items() if not _is_unused(name)}
    return sources | {"psutil/_psutil_linux.py": _PSUTIL_NATIVE}


def _is_unused(file: str) -> bool:
    return any(f"{_module(file)}.".startswith(f"{name}.") for name in _NEVER)


def _standard_library(programs: Mapping[str, bytes], library: Path) -> dict[str, bytes]:
    """The modules of the standard library that these programs import, directly or not, in any function."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in programs.items():
            path = Path(scratch, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        finder = ModuleFinder(path=[scratch, str(library)], excludes=_NEVER)
        for name in (*_ALWAYS, *map(_module, sorted(programs))):
            finder.import_hook(name)
        frozen = _frozen()
        found = {name: getattr(module, "__file__", None) for name, module in finder.modules.items()}
        files = [Path(file) for name, file in found.items() if file is not None and name not in frozen]
    return {
        file.relative_to(library).as_posix(): file.read_bytes()
        for file in sorted(files)
        if file.is_relative_to(library)
    }


def _frozen() -> set[str]:
    """The modules whose bytecode libpython contains."""
    return set(_python("import _imp; print(*_imp._frozen_module_names())").split())


def read_at_start(entries: Mapping[str, bytes]) -> set[str]:
    """The names of the modules that each start imports, until the log has begun, found by Debian's own interpreter."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        zipapp.write_archive(file, entries, read_at_start=entries)
        file.flush()
        compiled = [path for path in _python("import sys; print(*sys.path)").split() if path.endswith("lib-dynload")]
        start = "import podexec.__main__; from podexec import log; log.configure(); log.start()"
        imports = f"import sys; sys.path[:] = {[file.name, *compiled]}; {start}; print(*sys.modules)"
        modules = {*_python(imports).split(), *_ALWAYS}
    return {name for name in entries if _module(name.removesuffix("c")) in modules}


def _python(code: str) -> str:
    done = subprocess.run([str(INTERPRETER), "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{INTERPRETER} -c {code!r} failed: {done.stderr}")
    return done.stdout


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _licenses(source: Source, psutil: Path) -> Iterator[tuple[str, bytes]]:
    versions = "\n".join(f"{name} {version}" for name, version in sorted(source.versions.items()))
    yield "licenses/NOTICE", _NOTICE.format(versions=versions).encode()
    yield "licenses/python/LICENSE", (source.folder / "LICENSE").read_bytes()
    yield "licenses/psutil/LICENSE", (psutil / "LICENSE").read_bytes()
    for name, file in _DEBIAN_LICENSES.items():
        yield f"licenses/{name}/copyright", file.read_bytes()
