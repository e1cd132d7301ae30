"""Other people's code that podexec ships instead of requiring it: pymesos, and the parser that it imports.

pymesos requires a distribution that does not build on CPython 3.11 and later (ADR 16). The build puts the release that
``pymesos.txt`` names into the folder ``pymesos``, which the repository does not contain: see
``tools/backend/podexec_build.py``. ``make setup`` and every installation with pip build.
"""
