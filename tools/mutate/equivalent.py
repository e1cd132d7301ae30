"""The mutants that no test can notice, as ``equivalent.txt`` lists them.

An entry has the file and the function, the changed lines before and after, and, indented, why nothing differs. It has
no line numbers: it stays valid while other code moves.
"""

from pathlib import Path

LIST = Path(__file__).with_name("equivalent.txt")


class ListError(Exception):
    """The list is not as it has to be; says where."""


def read(text: str) -> dict[tuple[str, ...], str]:
    """The reasons, by the key of the mutant."""
    found: dict[tuple[str, ...], str] = {}
    for entry in text.split("\n\n"):
        lines = [line for line in entry.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        reason = " ".join(line.strip() for line in lines if line.startswith(" "))
        key = tuple(line for line in lines if not line.startswith(" "))
        if not reason or len(key) < 3 or key in found:
            raise ListError(f"an entry without a reason, without lines, or listed twice:\n{entry}")
        found[key] = reason
    return found
