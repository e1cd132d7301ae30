"""The text of a systemd unit that runs a scheduler.

Words are quoted as systemd.syntax(7) and systemd.service(5) say: C escapes in double quotes, and ``%`` and ``$``
doubled, which systemd would otherwise replace.
"""

import re
from collections.abc import Sequence
from pathlib import Path

STATE = Path("/var/lib/podexec")  # where systemd puts StateDirectory=podexec of a system service
VARIABLES = Path("/etc/podexec/podexec.env")
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))  # what ProtectHome= hides
_FIRST_UNPRIVILEGED_PORT = 1024
_PLAIN = re.compile(r"[\w@+=:,./-]+", re.ASCII)

_UNIT = """\
# The podexec scheduler. Save this as /etc/systemd/system/podexec.service.
[Unit]
Description=podexec, a scheduler of pods on Apache Mesos
Wants=network-online.target
After=network-online.target
# Pods keep running without their scheduler; it is started again for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
# For secrets, such as PODEXEC_HTTP_CREDENTIALS=USER:PASSWORD. Only root needs to be able to read it.
EnvironmentFile=-{variables}
ExecStart={command}
WorkingDirectory={state}
StateDirectory=podexec
StateDirectoryMode=0700
UMask=0077
# DELETE /v2/leader ends the process, which must then be started again. It ends with 2 if an option is wrong.
Restart=always
RestartSec=5
RestartPreventExitStatus=2
TimeoutStopSec=60
LimitNOFILE=65536

{capabilities}
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome={homes}
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
{writable}RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def unit_file(user: str, command: Sequence[str], read: Sequence[Path], written: Sequence[Path], port: int) -> str:
    """The unit of a scheduler.

    ``read`` and ``written`` are the files of the scheduler, the program among those read; relative paths are in STATE.
    ``port``: where the API listens.
    """
    elsewhere = [path for path in written if path.is_absolute() and not path.is_relative_to(STATE)]
    in_homes = any(path.is_relative_to(home) for path in (*read, *elsewhere) for home in _HOMES)
    return _UNIT.format(
        user=user,
        variables=VARIABLES,
        command=" ".join(map(quoted, command)),
        state=STATE,
        capabilities=_capabilities(port),
        homes="read-only" if in_homes else "yes",
        writable="".join(f"ReadWritePaths={quoted(str(each))}\n" for each in sorted({p.parent for p in elsewhere})),
    )


def quoted(word: str) -> str:
    """A word of a command line as systemd reads it. The word contains no NUL character."""
    if _PLAIN.fullmatch(word):
        return word
    return '"' + "".join(map(_escaped, word)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character in "%$":
        return 2 * character
    return character if character.isprintable() else "".join(f"\\x{byte:02x}" for byte in character.encode())


def _capabilities(port: int) -> str:
    if not 0 < port < _FIRST_UNPRIVILEGED_PORT:
        return "CapabilityBoundingSet="
    return "AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE"
