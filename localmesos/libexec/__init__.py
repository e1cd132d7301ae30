"""Programs that the agent starts and that libmesos lacks, installed by launcher/build.py without their package.

Each imports the standard library only, and of this package what launcher/build.py installs with it. They run on any
CPython 3.7 or newer: the agent's machine has one of its own.
"""
