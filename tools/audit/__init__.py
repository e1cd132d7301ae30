"""`make audit`: asks the package index which of the locked versions have known vulnerabilities, with pip-audit."""
