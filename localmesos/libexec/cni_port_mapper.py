"""mesos-cni-port-mapper: a CNI plugin with the name and configuration of Mesos' own.

Runs the plugin in "delegate", then maps the ports in args."org.apache.mesos".network_info with the reference plugin
`portmap`. Mesos 1.11 accepts single configurations, not chains of plugins, and reads results of CNI 0.2.0.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # the plugins call iptables; the agent gives no PATH
UNSUPPORTED_COMMAND = 104
PLUGIN_MISSING = 102


class PluginError(Exception):
    """An error that is reported to the caller as CNI requires: as JSON on stdout."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class DelegateError(Exception):
    """The called plugin failed; its output becomes the answer."""


def run_plugin(config: dict[str, Any]) -> dict[str, Any]:
    """Call the plugin config["type"] with the CNI_* variables of this call, and return its answer."""
    candidates = [Path(folder, config["type"]) for folder in os.environ["CNI_PATH"].split(":")]
    path = next((candidate for candidate in candidates if os.access(candidate, os.X_OK)), None)
    if path is None:
        raise PluginError(PLUGIN_MISSING, f"no plugin {config['type']} in CNI_PATH {os.environ['CNI_PATH']}")
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}".lstrip(":")}
    given = json.dumps(config)
    done = subprocess.run([path], input=given, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise DelegateError(done.stdout)
    answer: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
    return answer


def port_mappings(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The container's port mappings in the format of `portmap`."""
    info = config.get("args", {}).get("org.apache.mesos", {}).get("network_info", {})
    return [
        {
            "hostPort": mapping["host_port"],
            "containerPort": mapping["container_port"],
            "protocol": mapping.get("protocol", "tcp").lower(),
        }
        for mapping in info.get("port_mappings", [])
    ]


def to_mesos(result: dict[str, Any]) -> dict[str, Any]:
    """Convert a plugin's result of CNI 0.3 or 0.4 to the format of 0.2.0."""
    answer: dict[str, Any] = {"cniVersion": "0.2.0", "dns": result.get("dns", {})}
    for address in result["ips"]:
        entry = {"ip": address["address"]}
        if "gateway" in address:
            entry["gateway"] = address["gateway"]
        answer[f"ip{address['version']}"] = entry
    return answer


def answer(command: str, config: dict[str, Any]) -> dict[str, Any] | None:
    """Carry out CNI_COMMAND. Returns None if nothing is to be printed."""
    if command == "VERSION":
        return {"cniVersion": "0.3.0", "supportedVersions": ["0.1.0", "0.2.0", "0.3.0"]}
    if command not in ("ADD", "DEL"):
        raise PluginError(UNSUPPORTED_COMMAND, f"unsupported command {command}")
    common = {"cniVersion": "0.4.0", "name": config["name"], "args": config.get("args", {})}
    delegate = {**config["delegate"], **common}
    mappings = port_mappings(config)
    portmap = {
        **common,
        "type": "portmap",
        "snat": True,
        "capabilities": {"portMappings": True},
        "runtimeConfig": {"portMappings": mappings},
    }
    if command == "DEL":
        if mappings:
            run_plugin(portmap)
        run_plugin(delegate)
        return None
    result = run_plugin(delegate)
    if mappings:
        run_plugin({**portmap, "prevResult": result})
    return to_mesos(result)


def main() -> None:
    """Answer one CNI call."""
    command = os.environ.get("CNI_COMMAND", "")
    try:
        printed = answer(command, {} if command == "VERSION" else json.load(sys.stdin))
    except PluginError as error:
        json.dump({"cniVersion": "0.3.0", "code": error.code, "msg": str(error)}, sys.stdout)
        sys.exit(1)
    except DelegateError as error:
        sys.stdout.write(str(error))
        sys.exit(1)
    if printed is not None:
        json.dump(printed, sys.stdout)


if __name__ == "__main__":
    main()
