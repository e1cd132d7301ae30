"""Builds the executor as one file that needs no Python: ``python -m tools.static_executor --output FILE``.

The file is a static CPython 3.11 with a zip archive at its end, which contains the executor, the packages and the part
of the standard library that it imports, as bytecode, and their licenses. Only the interpreter's ``main`` and a few
extension modules are compiled; the rest is linked from Debian's static libraries, in seconds. It needs Debian 12 on
x86_64. docs/adr/0020-static-executor.md has the reasons.

``debian.py`` owns the packages and the source of CPython, ``psutil.py`` psutil's, ``interpreter.py`` the compiler, and
``contents.py`` what goes into the archive. The same inputs give the same bytes, in whatever folder.
"""
