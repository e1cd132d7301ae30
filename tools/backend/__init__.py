"""The build backend, which pip finds through pyproject.toml."""
