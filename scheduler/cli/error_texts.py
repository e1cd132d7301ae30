"""What Marathon's error keys mean to a person."""

_WORDS = {
    "error.path.missing": "is required",
    "error.expected.jsstring": "must be a text (in YAML, quote it)",
    "error.expected.jsnumber": "must be a number",
    "error.expected.int": "must be a whole number",
    "error.expected.jsboolean": "must be true or false",
    "error.expected.jsobject": "must be an object",
    "error.expected.jsarray": "must be a list",
    "error.expected.date": "must be a time such as 2026-01-31T12:00:00.000Z",
    "error.minLength": "is too short or empty",
    "error.maxLength": "is too long",
    "error.min": "is too small",
    "error.max": "is too large",
    "error.pattern": "has characters that are not allowed here",
    "error.unknown.enum.literal": "is not one of the values allowed here",
}


def in_words(error: str) -> str:
    """The meaning of a key; what is no key is in words already."""
    return _WORDS.get(error, error)
