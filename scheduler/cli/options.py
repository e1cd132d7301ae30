"""Options as every command has them: spelled with dashes, set by a ``PODEXEC_*`` variable too."""

from typing import Annotated, Any

import typer

from scheduler.cli import completion

DEFAULT_URL = "http://127.0.0.1:8080"


def variable_of(name: str) -> str:
    """The environment variable that sets an option; ``--yes/--no`` pairs are named by their first half."""
    return "PODEXEC_" + name.partition("/")[0].removeprefix("--").replace("-", "_").upper()


def option(name: str, help_text: str, *aliases: str, also: str | None = None, **more: Any) -> Any:
    """An option ``--name``, set by its environment variable as well, and by a second one if given.

    The help of each command says once that there are variables.
    """
    variables = variable_of(name) if also is None else [variable_of(name), also]
    return typer.Option(name, *aliases, envvar=variables, show_envvar=False, help=help_text, **more)


def url_in_use(context: typer.Context) -> str:
    """The URL that a command is given or, by default, that of the context in use. Raises CommandError."""
    from scheduler.cli import contexts

    url: str = context.params.get("url") or DEFAULT_URL
    source = context.get_parameter_source("url")
    if source is not None and source.name != "DEFAULT":
        return url
    found = contexts.named(context.find_root().params.get("context"))
    return url if found is None else contexts.ContextUrl(found)


def _with_context(context: typer.Context, url: str) -> str:
    if context.resilient_parsing:
        return url
    context.params["url"] = url
    return url_in_use(context)


Url = Annotated[
    str,
    option(
        "--url",
        "URL of the scheduler's API; several, separated by commas.",
        metavar="URL[,URL…]",
        callback=_with_context,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Force = Annotated[bool, typer.Option("--force", help="Cancel conflicting deployments first.")]
ForceRemoval = Annotated[
    bool,
    typer.Option(
        "--force", help="Cancel conflicting deployments first, and remove pods even if others depend on them."
    ),
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", help="Replace at most this many instances of a pod at a time.", min=1)
]
Deadline = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        help="Roll back if the deployment has not finished after this many seconds.",
        metavar="SECONDS",
    ),
]
IfVersion = Annotated[
    str | None,
    typer.Option(
        "--if-version",
        help="Update only if this is still the pod's version, as 'pod plan' prints it.",
        metavar="VERSION",
    ),
]
Yes = Annotated[bool, option("--yes", "Do not ask for confirmation.")]
Wait = Annotated[bool, option("--wait/--no-wait", "Wait until the deployment is done and all instances are stable.")]
WaitForEnd = Annotated[
    bool, option("--wait/--no-wait", "Wait until all instances have ended and the id can be used again.")
]
Timeout = Annotated[float, option("--timeout", "How long to wait, in seconds.", min=0)]
PodId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The pod's id, with or without the leading slash.", autocompletion=completion.pod_ids
    ),
]
