"""Who may use the API, from the options of ``podexec scheduler``."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from scheduler.access.jwts import Issuer
from scheduler.access.keyring import Keyring, Source
from scheduler.access.principals import DCOS, OIDC, PrincipalsError
from scheduler.access.sources import discovered, source_of
from scheduler.api.access import Access
from scheduler.model.option import names_of

if TYPE_CHECKING:
    from scheduler.cli.scheduler_options import SchedulerOptions

_DCOS_USERNAME = "uid"


def access_of(options: "SchedulerOptions") -> Access:
    """The settings. Raises typer.BadParameter for options that are invalid or do not belong together."""
    try:
        return Access(
            _fixed(options.http_credentials),
            tuple(names_of(options.access_control_allow_origin or "")),
            options.principals,
            tuple(_issuers(options)),
        )
    except (OSError, PrincipalsError) as error:
        raise typer.BadParameter(f"{options.principals}: {error}", param_hint="--principals") from error


def _fixed(text: str | None) -> str | None:
    user, _, password = (text or "").partition(":")
    if text is not None and not (user and password):
        raise typer.BadParameter("must be USER:PASSWORD", param_hint="--http-credentials")
    return text


def _issuers(options: "SchedulerOptions") -> list[Issuer]:
    found = []
    if options.oidc_issuer is not None:
        if not options.oidc_audience:
            message = "is required with --oidc-issuer: tokens for other services would be accepted without it"
            raise typer.BadParameter(message, param_hint="--oidc-audience")
        if options.oidc_jwks is None:
            keyring = _keyring("--oidc-issuer", options.oidc_issuer, discovered)
        else:
            keyring = _keyring("--oidc-jwks", options.oidc_jwks, source_of)
        found.append(
            Issuer(
                keyring,
                options.oidc_issuer,
                options.oidc_audience,
                options.oidc_username_claim,
                options.oidc_groups_claim or None,
                OIDC,
            )
        )
    elif options.oidc_jwks is not None or options.oidc_audience is not None:
        raise typer.BadParameter("is required with the other --oidc options", param_hint="--oidc-issuer")
    if options.dcos_jwks is not None:
        # DC/OS' tokens name neither an issuer nor an audience.
        keyring = _keyring("--dcos-jwks", options.dcos_jwks, source_of)
        found.append(Issuer(keyring, None, None, _DCOS_USERNAME, None, DCOS))
    if found and options.principals is None:
        message = "is required: only its rules say what users of an issuer may do"
        raise typer.BadParameter(message, param_hint="--principals")
    return found


def _keyring(option: str, place: str, source_of: Callable[[str], Source]) -> Keyring:
    """The keys that an option names. Those in a file are read at once, so that a mistake is found at the start."""
    try:
        source = source_of(place)
        keyring = Keyring(source)
        if source.is_file:
            keyring.load()
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    return keyring
