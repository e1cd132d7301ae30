"""``podexec pod timeline``: what happened to a pod or an instance."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import completion
from scheduler.cli.look import TABLE, Look, Output, Utc, View, Watch, look_of, show
from scheduler.cli.options import DEFAULT_URL, Json, Url
from scheduler.cli.screen import Grid
from scheduler.core.ids import pod_of
from scheduler.model.json import Json as Document

if TYPE_CHECKING:
    from scheduler.cli.client import Client

_INSTANCE = ".instance-"

Subject = Annotated[
    str,
    typer.Argument(metavar="ID|INSTANCE", help="Id of a pod, or of an instance.", autocompletion=completion.pod_ids),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to ``podexec pod``."""
    app.command()(timeline)


def timeline(
    subject: Subject,
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show what happened to a pod and its instances, or to one instance, newest first."""
    show(url, look_of(form, as_json, utc), lambda client: timeline_view(client, subject), watch=watch)


def timeline_view(client: "Client", subject: str) -> View:
    """The timeline of a pod or an instance, by the ids of the instances in it."""
    found = client.timeline(*parts(subject))
    return View(found, _instances(found), lambda look: _table(found, look))


def parts(subject: str) -> tuple[str, str | None]:
    """The pod and, if it is one, the instance that an argument names."""
    return (pod_of(subject), subject) if _INSTANCE in subject else (subject, None)


def _instances(found: Document) -> list[str]:
    """The ids of the instances that it tells of."""
    named = (each["instance"] for each in (found, *found["happenings"]) if "instance" in each)
    return list(dict.fromkeys(named))


def _table(found: Document, look: Look) -> Iterator[str | Grid]:
    shown = look.ids(_instances(found))
    is_of_one = "instance" in found
    whose = ("CONTAINER",) if is_of_one else ("INSTANCE", "CONTAINER")
    table = Grid((look.since("AGO", "TIME"), "WHAT", *whose, "CAUSE"), cut=None if look.wide else "CAUSE")
    for each in reversed(found["happenings"]):
        instance = () if is_of_one else (shown.get(each.get("instance", ""), ""),)
        what = each["what"] + (f" ({each['times']} times)" if "times" in each else "")
        table.add(look.when(each["at"]), what, *instance, each.get("container", ""), _cause(each))
    yield table
    if "instancesLeftOut" in found:
        yield (
            f"Of {found['instancesLeftOut']} instances only the ends are shown; "
            "for everything about one: podexec pod timeline INSTANCE"
        )


def _cause(each: Document) -> str:
    told = [each["cause"]] if "cause" in each else []
    for name, word in (("agentHostname", "on"), ("user", "by"), ("deploymentId", "deployment")):
        if name in each:
            told.append(f"{word} {each[name]}")
    return "; ".join(told)
