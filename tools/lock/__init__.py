"""The lock: the versions of packages that `make setup`, CI and builds install, with the SHA-256 of each file.

`runtime.txt` is what podexec requires, `dev.txt` that and what working on it requires, `tools.txt` what `make lock` and
`make audit` themselves run. setup.cfg states the ranges in which podexec works; `make lock` chooses versions in them.
"""
