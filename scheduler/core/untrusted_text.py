"""Messages of Mesos, executors and containers as they are kept: one line for people, and the whole as its detail.

Both are bounded and free of control characters, as they are stored, logged, and shown on terminals.
"""

LONGEST_LINE = 1000
LONGEST_DETAIL = 4000
_LEFT_OUT = "…"


def line_and_detail(text: str) -> tuple[str, str]:
    """The first line that is not blank, and the whole text if there is more to it; otherwise an empty detail.

    Mesos adds 36 lines of statistics to its message about a container that ran out of memory.
    """
    if not text:  # most messages
        return "", ""
    first = next((line for line in text.splitlines() if line.strip()), "")
    line = _printable(_cut(first.strip(), LONGEST_LINE, _LEFT_OUT))
    whole = whole_of(text)
    return line, "" if whole == line else whole


def whole_of(text: str) -> str:
    """The whole text as a detail, or its beginning and its end if it is too long."""
    lines = [_printable(each) for each in _cut(text, LONGEST_DETAIL, f"\n{_LEFT_OUT}\n").splitlines()]
    return "\n".join(lines).strip("\n")


def _printable(line: str) -> str:
    """The line without characters that control a terminal."""
    line = line.replace("\t", " ").strip()
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)


def _cut(text: str, longest: int, between: str) -> str:
    """The text, or its beginning and its end if it is too long: either may contain the reason."""
    if len(text) <= longest:
        return text
    each = (longest - len(between)) // 2
    return f"{text[:each]}{between}{text[-each:]}"
