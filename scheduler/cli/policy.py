"""``podexec policy``: the operator's policy. Needs no scheduler."""

from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli import screen

app = typer.Typer(name="policy", help="Check the policy of a scheduler.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check the policy of a scheduler."""


@app.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON or YAML with a policy.")]) -> None:
    """Check a policy before a scheduler reads it. To try it on definitions: podexec pod validate --policy FILE."""
    from scheduler.cli.policy_file import load

    policy = load(file)
    scopes = "no secret scopes" if policy.secrets is None else f"{len(policy.secrets)} secret scopes"
    screen.say(f"{file} is valid: {len(policy.rules)} rules, {len(policy.quotas)} quotas, {scopes}")
