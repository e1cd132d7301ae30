"""The scheduler with a Python of its own, in one archive for Linux machines on x86_64 that may have none.

CPython is Debian 12's, with the dynamic linker and the libraries that it needs, so that nothing of the machine but its
kernel and ``/bin/sh`` is used.
"""
