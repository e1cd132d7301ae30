"""Names defaults in errors: a value that the user did not write is not found in the definition."""

from scheduler.model.base import Model


def is_default(model: Model, field: str) -> bool:
    """Whether a definition leaves a field out."""
    return field not in model.model_fields_set


def named(model: Model, field: str, name: str) -> str:
    """A field and its value for errors, e.g. ``intervalSeconds (10)``; or that it is so by default."""
    value = getattr(model, field)
    return f"{name}, which is {value:g} by default" if is_default(model, field) else f"{name} ({value:g})"
