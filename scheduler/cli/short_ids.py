"""Short forms of instance ids: the first characters of their UUID, as many as tell the instances apart."""

from collections.abc import Iterable, Mapping

from scheduler.cli.errors import CommandError

_SHORTEST = 8  # characters, as logs have them


def short_ids(instance_ids: Iterable[str]) -> Mapping[str, str]:
    """The short form of each id; an id that has none is its own."""
    numbers = {each: _number(each) for each in instance_ids}
    length = _SHORTEST
    longest = max(map(len, numbers.values()), default=0)
    while length < longest and len({each[:length] for each in numbers.values()}) < len(numbers):
        length += 4
    shortened = {each: number[:length].rstrip("-") for each, number in numbers.items()}
    is_unique = len(set(shortened.values())) == len(shortened)
    return shortened if is_unique else {each: each for each in numbers}


def resolved(text: str, instance_ids: Iterable[str], pod_id: str) -> str:
    """The id that a user means: an id, or the first characters of its UUID. Raises CommandError.

    A whole id that is not among ``instance_ids`` stays as it is: those that have never been launched are not listed.
    """
    known = tuple(instance_ids)
    if text in known or _number(text) != text:
        return text
    found = sorted(each for each in known if text and _number(each).startswith(text.lower()))
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"{len(found)} instances of {pod_id} begin with {text!r}", details=tuple(found[:10]), code=2)
    raise CommandError(
        f"{pod_id} has no instance whose id begins with {text!r}", advice=f"To see them: podexec pod show {pod_id}"
    )


def _number(instance_id: str) -> str:
    """The UUID in an id; an id of another form is its own."""
    for mark in (".instance-", ".marathon-"):
        if mark in instance_id:
            return instance_id.rpartition(mark)[2]
    return instance_id
