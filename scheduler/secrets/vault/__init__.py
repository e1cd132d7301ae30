"""Secrets in HashiCorp Vault, in key/value engines of version 1 or 2, over Vault's HTTP API.

``source`` reads secrets, ``tokens`` gets the token for that, and ``http`` makes the requests. No error contains a
value, a token or a text of the server: what Vault answers is not trusted, and users see errors.
"""

import os
from collections.abc import Mapping

from scheduler.secrets.vault.http import Server
from scheduler.secrets.vault.source import VaultSource
from scheduler.secrets.vault.tokens import tokens_of

__all__ = ["VaultSource", "open_vault"]


def open_vault(url: str, environment: Mapping[str, str] = os.environ) -> VaultSource:
    """The source at a URL, such as ``https://vault:8200/v1/secret/data``. Nothing is contacted before it is used.

    ``environment`` has the credentials, in Vault's own variables where it has some. Raises SecretError.
    """
    server, prefix = Server.of(url, environment)
    return VaultSource(server, prefix, tokens_of(server, environment))
