"""Credentials in URLs, which nobody is to read in a log, an answer or on a screen."""

import re

# Up to the last @ before the path. A slash in a password, which should be written as %2F, does not end it: what
# follows the colon in a URL without credentials is a port. Advice names a placeholder.
_CREDENTIALS = re.compile(r'(?<=//)(?!USER:PASSWORD@)(?:[^\s/"]*@|[^\s/@"]*:(?!\d+(?:/|\s|$))[^\s"]*@)')


def without_password(text: str) -> str:
    """A text, e.g. a URL, without the user and password that URLs in it contain."""
    return _CREDENTIALS.sub("", text) if "@" in text else text


def has_password(text: str) -> bool:
    """Whether a URL in a text contains a user or a password."""
    return without_password(text) != text
