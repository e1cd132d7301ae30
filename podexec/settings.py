"""Settings of an executor, which its agent passes in the environment.

Owns the reading of ``MESOS_*`` and of libprocess' TLS variables; nothing else in the package reads ``os.environ``.
"""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from typing import Final

from podexec.record import record

_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "secs": 1.0,
    "mins": 60.0,
    "hrs": 3600.0,
    "days": 86400.0,
    "weeks": 7 * 86400.0,
}
_DURATION: Final = re.compile(rf"\s*([0-9.]+)\s*({'|'.join(_UNITS)})\s*")

# The defaults of the agent's own flags.
_SHUTDOWN_GRACE: Final = "5secs"
_RECOVERY_TIMEOUT: Final = "15mins"
_BACKOFF_MAX: Final = "2secs"


_TRUE: Final = ("1", "true")
_TLS_PREFIXES: Final = ("LIBPROCESS_SSL_", "SSL_")  # the second is the older one
_LONGEST_SOCKET_PATH: Final = 107


class SettingsError(ValueError):
    """The environment is not one that an agent passes to an executor."""


@record
class Tls:
    """How the agent's certificate is verified, and the own one, as in libprocess; paths of PEM files."""

    verify: bool
    check_host: bool
    ca_file: str | None
    ca_dir: str | None
    cert_file: str | None
    key_file: str | None


@record
class Settings:
    """Ids, addresses and time limits of one executor."""

    framework_id: str
    executor_id: str
    host: str
    port: int
    path_prefix: str
    sandbox: str
    checkpoint: bool
    shutdown_grace: float
    recovery_timeout: float
    backoff_max: float
    token: str | None = None
    tls: Tls | None = None
    domain_socket: str | None = None

    def __repr__(self) -> str:
        """A text without the token."""
        return f"Settings of {self.executor_id} at {self.host}:{self.port}"

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Settings:
        """Read the settings, and remove the token from the environment so that programs started later do not get it."""
        token = environment.pop("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", None)
        # Mesos' default executor uses MESOS_SLAVE_PID; for executors of that type an agent sets nothing else.
        endpoint = environment.get("MESOS_AGENT_ENDPOINT") or _required(environment, "MESOS_SLAVE_PID")
        host, port = parse_endpoint(endpoint.rpartition("@")[2])
        return cls(
            framework_id=_required(environment, "MESOS_FRAMEWORK_ID"),
            executor_id=_required(environment, "MESOS_EXECUTOR_ID"),
            host=host,
            port=port,
            path_prefix=_path_prefix(environment.get("MESOS_SLAVE_PID", "")),
            sandbox=environment.get("MESOS_SANDBOX") or environment.get("MESOS_DIRECTORY") or ".",
            checkpoint=environment.get("MESOS_CHECKPOINT", "0") == "1",
            shutdown_grace=parse_duration(environment.get("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", _SHUTDOWN_GRACE)),
            recovery_timeout=parse_duration(environment.get("MESOS_RECOVERY_TIMEOUT", _RECOVERY_TIMEOUT)),
            backoff_max=parse_duration(environment.get("MESOS_SUBSCRIPTION_BACKOFF_MAX", _BACKOFF_MAX)),
            token=token or None,
            tls=_tls(environment),
            domain_socket=_domain_socket(environment.get("MESOS_DOMAIN_SOCKET", "")),
        )


def parse_duration(text: str) -> float:
    """Seconds of a Mesos duration such as ``5secs`` or ``15mins``."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise SettingsError(f"{text!r} is not a duration; it must be a number followed by one of {', '.join(_UNITS)}")
    return float(match[1]) * _UNITS[match[2]]


def parse_endpoint(text: str) -> tuple[str, int]:
    """Host and port of ``10.0.0.1:5051``, ``agent.example:5051`` or ``[::1]:5051``."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not host:
        raise SettingsError(f"the agent's address is {text!r}; MESOS_AGENT_ENDPOINT must be HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _path_prefix(agent_pid: str) -> str:
    """``/slave(1)`` of ``slave(1)@10.0.0.1:5051``: it selects the agent if one process holds several."""
    name, at, _ = agent_pid.partition("@")
    return f"/{name}" if at and name else ""


def _tls(environment: MutableMapping[str, str]) -> Tls | None:
    def value(name: str) -> str | None:
        return next((environment[p + name] for p in _TLS_PREFIXES if environment.get(p + name)), None)

    if value("ENABLED") not in _TRUE:
        return None
    by_name = value("HOSTNAME_VALIDATION_SCHEME") == "openssl" or value("VERIFY_IPADD") in _TRUE
    verify = value("VERIFY_SERVER_CERT") in _TRUE or value("VERIFY_CERT") in _TRUE
    return Tls(verify, by_name, value("CA_FILE"), value("CA_DIR"), value("CERT_FILE"), value("KEY_FILE"))


def _domain_socket(path: str) -> str | None:
    """A path that the kernel accepts: one that is too long may be short enough when it is relative."""
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        path = os.path.relpath(path)
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise SettingsError(
            f"MESOS_DOMAIN_SOCKET is longer than {_LONGEST_SOCKET_PATH} bytes, even as the relative path {path}"
        )
    return path or None


def _required(environment: MutableMapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(
            f"{name} is not set: this program is started by a Mesos agent, as the executor of a task group"
        )
    return value
