"""Builds stand-ins for the shared libraries that the package's libmesos needs and that no current system has.

Finds out which symbols libmesos needs from which library version (readelf), and compiles a small library for each. The
libraries are OpenSSL 1.0, libcurl with its Debian symbol versions, Subversion's and APR's (for diffs in the replicated
log, which the launcher switches off) and CPython 2 (the package is a Python extension). Functions of a stand-in print
their name and abort, except for a few that are used: these forward to the system's libcurl and OpenSSL 3.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

VERSIONED = ("libssl.so.1.0.0", "libcrypto.so.1.0.0", "libcurl.so.4")
UNVERSIONED = {
    "libssl.so.1.0.0": r"_?Py",  # the symbols of CPython have no library of their own
    "libapr-1.so.0": r"apr_",
    "libsvn_subr-1.so.1": r"svn_",
    "libsvn_delta-1.so.1": r"$",  # needed as a file only
}
CALLED_ON_LOAD = {"apr_initialize", "apr_terminate", "apr_pool_destroy"}
FROM_OPENSSL_3 = {"HMAC", "EVP_sha256", "EVP_sha1", "RAND_bytes", "SHA256"}  # JWT executor tokens
DATA = {"PyExc_Exception", "PyExc_TypeError", "_Py_NoneStruct"}

PRELUDE = """\
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
typedef void* (*function)();
static function find(const char* path, const char* name) {
  void* library = dlopen(path, RTLD_NOW);
  function found = library ? (function)dlsym(library, name) : 0;
  if (!found) { fprintf(stderr, "no %s in %s\\n", name, path); abort(); }
  return found;
}
"""

Symbols = dict[str, list[str]]  # version ("" for none) -> names


def wanted_symbols(version_info: str, dynamic_symbols: str) -> dict[str, Symbols]:
    """Symbols to provide, by library, from the output of `readelf -VW` and `readelf --dyn-syms -W`."""
    wanted: dict[str, Symbols] = {soname: {} for soname in (*VERSIONED, *UNVERSIONED)}
    library_of: dict[str, str] = {}
    current = ""
    for line in version_info.splitlines():
        if file := re.search(r"Version: 1  File: (\S+)", line):
            current = file[1]
        elif (entry := re.search(r"Name: (\S+)\s+Flags: \S+\s+Version: (\d+)", line)) and current in VERSIONED:
            library_of[entry[2]] = current
            wanted[current][entry[1]] = []
    for line in dynamic_symbols.splitlines():
        fields = line.split()
        if len(fields) < 8 or fields[6] != "UND":
            continue
        name, _, version = fields[7].partition("@")
        if version and len(fields) > 8 and (index := fields[8].strip("()")) in library_of:
            wanted[library_of[index]][version].append(name)
        for soname, prefix in UNVERSIONED.items():
            if re.match(prefix, fields[7]):
                wanted[soname].setdefault("", []).append(name)
    return wanted


def definition(name: str) -> str:
    """The C definition of one stand-in."""
    if name in CALLED_ON_LOAD:
        return f"int {name}(void) {{ return 0; }}"
    if name in DATA:
        return f"void* {name}[16];"
    if name in FROM_OPENSSL_3 or name.startswith("curl_"):
        # For a cached http artifact the agent itself asks for the length with libcurl, so libcurl must work.
        path = "libcrypto.so.3" if name in FROM_OPENSSL_3 else "libcurl-gnutls.so.4"
        parameters = ", ".join(f"void* p{i}" for i in range(7))
        arguments = ", ".join(f"p{i}" for i in range(7))
        return f'void* {name}({parameters}) {{ return find("{path}", "{name}")({arguments}); }}'
    return f'void {name}(void) {{ fputs("libmesos called {name}, which this build lacks\\n", stderr); abort(); }}'


def version_script(versions: Symbols) -> str:
    """The linker's version script; empty if no symbol has a version."""
    return "\n".join(
        f"{version} {{ {'global: ' + '; '.join(names) + ';' if names else ''} }};"
        for version, names in versions.items()
        if version
    )


def build(library: Path, folder: Path) -> None:
    """Make all stand-ins for `library` in `folder`, where the linker and the loader find them."""
    version_info, dynamic_symbols = (
        subprocess.run(["readelf", *options, "-W", library], check=True, capture_output=True, text=True).stdout
        for options in (["-V"], ["--dyn-syms"])
    )
    for soname, versions in wanted_symbols(version_info, dynamic_symbols).items():
        source, script = folder / f"{soname}.c", folder / f"{soname}.map"
        source.write_text(PRELUDE + "\n".join(definition(name) for names in versions.values() for name in names))
        script.write_text(version_script(versions))
        subprocess.run(
            [
                *("gcc", "-w", "-O1", "-fPIC", "-shared", f"-Wl,-soname,{soname}"),
                *([f"-Wl,--version-script={script}"] if script.stat().st_size else []),
                *("-o", folder / soname, source, "-ldl"),
            ],
            check=True,
            capture_output=True,
        )
        source.unlink()
        script.unlink()
