"""The HTTP API: Marathon's ``/v2/pods`` and what its clients need beside it.

Reads the world; changes it only by asking the shell.
"""
