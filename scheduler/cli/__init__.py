"""The ``podexec`` command, one module a noun. Modules import what is heavy only inside the commands that need it."""
