"""Marathon's error keys in plain words."""

_EXPLANATIONS = {
    "error.path.missing": "is required",
    "error.expected.jsstring": "must be a string (quote it in YAML)",
    "error.expected.jsnumber": "must be a number",
    "error.expected.int": "must be an integer",
    "error.expected.jsboolean": "must be a boolean (true or false)",
    "error.expected.jsobject": "must be an object",
    "error.expected.jsarray": "must be a list",
    "error.expected.date": "must be a time such as 2026-01-31T12:00:00.000Z",
    "error.minLength": "is too short or empty",
    "error.maxLength": "is too long",
    "error.min": "is too small",
    "error.max": "is too large",
    "error.pattern": "contains characters that are not allowed",
    "error.unknown.enum.literal": "is not one of the allowed values",
}


def explain(error: str) -> str:
    """The meaning of a key; any other string is returned as it is."""
    return _EXPLANATIONS.get(error, error)
