"""Programs that the agent starts and that libmesos lacks, installed by launcher/build.py without their package.

Each file stands alone: it imports the standard library only and runs on any CPython 3.7 or newer.
"""
