"""The command lines of a cluster's members, and the configuration files that they name.

Pure except for writing those files. Flags are a mapping: a string makes --name=value, True makes --name, False makes
--no-name, and None omits the flag. Flags of the user override those made here.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from localmesos.errors import ClusterError
from localmesos.images import pulling
from localmesos.state import ClusterState

Flags = Mapping[str, str | bool | None]

DEFAULT_RESOURCES = "cpus:4;mem:4096;disk:10240"
MASTER_PORT, AGENT_PORT, ZOOKEEPER_PORT = 5050, 5051, 2181
TASK_PORTS = "[31000-32000]"
TASK_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ZOOKEEPER_JAR = Path("/usr/share/java/zookeeper.jar")
ZOOKEEPER_MISSING = "several masters need ZooKeeper, which is not installed; on Debian: apt-get install zookeeper"
# Groups for volumes that containers of several users share, above the ids of systemd and of user namespaces.
VOLUME_GROUPS = "[1900000000-1900009999]"
CONTAINER_NETWORK, BRIDGE_NETWORK = "dcos", "mesos-bridge"
LOG4J = """\
log4j.rootLogger=INFO, CONSOLE
log4j.appender.CONSOLE=org.apache.log4j.ConsoleAppender
log4j.appender.CONSOLE.layout=org.apache.log4j.PatternLayout
log4j.appender.CONSOLE.layout.ConversionPattern=%d{ISO8601} %p %c %m%n
"""


def environment(state: ClusterState, kind: str) -> dict[str, str]:
    """Environment of members, without the user's variables: Mesos would read MESOS_* and LIBPROCESS_* as flags.

    Agents find their curl first on the PATH (libexec/curl.py), and in a variable what it is to do.
    """
    # Mesos looks up its own address. If neither /etc/hosts nor a name server knows it, RES_OPTIONS shortens the wait.
    found = {"PATH": TASK_PATH, "LANG": "C.UTF-8", "HOME": str(Path.home()), "RES_OPTIONS": "timeout:1 attempts:1"}
    if kind == "agent" and state.has_images:
        found["PATH"] = f"{state.prefix / 'libexec'}:{TASK_PATH}"
        shared = str(state.machine_network) if state.machine_network.exists() else None
        variables = pulling.connection_variables()
        found[pulling.VARIABLE] = pulling.Settings(str(state.images_dir), state.registry, shared, variables).dump()
    return found


def flag_arguments(*layers: Flags) -> tuple[str, ...]:
    """The flags as command-line arguments; later layers override earlier ones."""
    merged = {name.replace("-", "_").lstrip("_"): value for layer in layers for name, value in layer.items()}
    words = []
    for name, value in merged.items():
        if value is True or value is False:
            words.append(f"--{name}" if value else f"--no-{name}")
        elif value is not None:
            words.append(f"--{name}={value}")
    return tuple(words)


def address_flags(address: str) -> Flags:
    """The address and host name of a master or agent."""
    host, _, port = address.rpartition(":")
    return {"ip": host, "port": port, "hostname": host}


def cgroups_root(state: ClusterState, number: int) -> str:
    """The folder, in each cgroup hierarchy, in which an agent makes its containers' cgroups."""
    return f"{state.tag}-agent-{number}"


def zookeeper_url(state: ClusterState) -> str:
    """The zk:// URI of the cluster's ZooKeeper."""
    return f"zk://{','.join(member.address for member in state.of_kind('zookeeper'))}/mesos"


def master_value(state: ClusterState) -> str:
    """Value of --master for agents and frameworks."""
    return zookeeper_url(state) if state.zookeeper else state.of_kind("master")[0].address


def master(state: ClusterState, folder: Path, address: str, masters: int) -> tuple[str, ...]:
    """Command line of a master, one of `masters`."""
    flags: dict[str, str | bool | None] = {
        **address_flags(address),
        "work_dir": str(folder / "work"),
        "registry": "replicated_log",
        "allocation_interval": "200ms",
        "agent_ping_timeout": "3secs",
        "max_agent_ping_timeouts": "5",
        "webui_dir": str(folder),  # the files of Mesos' web page are not in the package
    }
    if state.zookeeper:
        flags |= {"zk": zookeeper_url(state), "quorum": str(masters // 2 + 1), "zk_session_timeout": "4secs"}
    return (str(state.prefix / "bin" / "mesos-master"), *flag_arguments(flags, state.master_flags))


def agent(
    state: ClusterState, number: int, folder: Path, address: str, resources: str, flags: Flags
) -> tuple[str, ...]:
    """Command line of an agent with its own folders, cgroups and container networks."""
    own: dict[str, str | bool | None] = {
        **address_flags(address),
        "master": master_value(state),
        "work_dir": str(folder / "work"),
        "runtime_dir": str(folder / "run"),
        "fetcher_cache_dir": str(folder / "fetch"),
        "docker_store_dir": str(folder / "store"),
        "appc_store_dir": str(folder / "appc"),
        "launcher_dir": str(state.prefix / "libexec"),
        "containerizers": "mesos",
        "isolation": ",".join(state.isolation),
        "systemd_enable_support": False,
        "switch_user": os.geteuid() == 0,
        "volume_gid_range": VOLUME_GROUPS if os.geteuid() == 0 else None,
        "registration_backoff_factor": "10ms",
        "executor_reregistration_timeout": "15secs",
        "executor_environment_variables": json.dumps({"PATH": TASK_PATH, "LANG": "C.UTF-8"}),
        "resources": resources,
    }
    if state.zookeeper:
        own["zk_session_timeout"] = "4secs"
    if state.level == "posix":
        own["launcher"] = "posix"
    else:
        own |= linux_flags(state, number, folder)
    return (str(state.prefix / "bin" / "mesos-agent"), *flag_arguments(own, state.agent_flags, flags))


def linux_flags(state: ClusterState, number: int, folder: Path) -> Flags:
    """Agent flags of the two Linux levels."""
    flags: dict[str, str | bool | None] = {
        "launcher": "linux",
        "cgroups_hierarchy": state.hierarchy,
        "cgroups_root": cgroups_root(state, number),
        "image_providers": "docker",
        "docker_registry": pulling.docker_registry_flag(state.registry),
    }
    if "cgroups/cpu" in state.isolation:
        # Not --cgroups_enable_cfs, as Mesos by default: quotas that include an executor would stretch its start.
        flags["cgroups_cpu_enable_pids_and_tids_count"] = True
    if state.cni_folder:
        write_cni_networks(folder / "cni", number)
        flags["network_cni_config_dir"] = str(folder / "cni" / "networks")
        flags["network_cni_plugins_dir"] = f"{state.cni_folder}:{state.prefix / 'libexec'}"
    return flags


def write_cni_networks(folder: Path, number: int) -> None:
    """Write the configuration of an agent's container networks, whose addresses are unique in the cluster."""
    networks = folder / "networks"
    networks.mkdir(parents=True, exist_ok=True)
    for name, bridge, subnet in (
        (CONTAINER_NETWORK, "dcos0", f"10.78.{number}.0/24"),
        (BRIDGE_NETWORK, "mesosbr0", f"10.79.{number}.0/24"),
    ):
        configuration = {
            "name": name,
            "type": "mesos-cni-port-mapper",
            "delegate": {
                "type": "bridge",
                "bridge": bridge,
                "isGateway": True,
                "ipMasq": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(folder / "addresses"),
                    "subnet": subnet,
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
        }
        (networks / f"{name}.json").write_text(json.dumps(configuration, indent=1))


def with_ports(resources: str, ports: str) -> str:
    """The resources, with the agent's port range unless the user names ports."""
    named = {resource.partition(":")[0].partition("(")[0].strip() for resource in resources.split(";")}
    return resources if "ports" in named or resources.lstrip().startswith("[") else f"{resources};ports:{ports}"


def require_zookeeper(jar: Path = ZOOKEEPER_JAR) -> None:
    """Raise ClusterError if ZooKeeper or Java is not installed."""
    if not jar.exists() or shutil.which("java") is None:
        raise ClusterError(ZOOKEEPER_MISSING)


def zookeeper(folder: Path, address: str, jar: Path = ZOOKEEPER_JAR) -> tuple[str, ...]:
    """Command line of a standalone ZooKeeper from Debian's package."""
    require_zookeeper(jar)
    host, _, port = address.rpartition(":")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log4j.properties").write_text(LOG4J)
    settings: Sequence[str] = (
        "tickTime=500",
        f"dataDir={folder / 'work'}",
        f"clientPortAddress={host}",
        f"clientPort={port}",
        "admin.enableServer=false",
    )
    (folder / "zoo.cfg").write_text("\n".join(settings) + "\n")
    main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
    return ("java", "-Xmx128m", "-cp", f"{folder}:{jar}", main, str(folder / "zoo.cfg"))
