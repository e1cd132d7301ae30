#!/bin/bash
# An agent of Mesos, with the container networks `dcos` and `mesos-bridge`.
. "$(dirname "$0")/lib.sh"

[ -d /sys/fs/cgroup/memory ] || fail "$NAME still has no cgroup v1 (its kernel was started with: $(cat /proc/cmdline)); run: vagrant reload --provision $NAME"
install_packages iproute2 iptables containernetworking-plugins
install_mesos

# network NAME BRIDGE SUBNET: a container network, with addresses of this agent only.
network() {
    render "/etc/mesos-agent/networks/$1.json" <<END
{
  "name": "$1",
  "type": "mesos-cni-port-mapper",
  "delegate": {
    "type": "bridge",
    "bridge": "$2",
    "isGateway": true,
    "ipMasq": true,
    "hairpinMode": true,
    "ipam": {"type": "host-local", "subnet": "$3", "routes": [{"dst": "0.0.0.0/0"}]}
  }
}
END
}
network dcos dcos0 "10.78.$NUMBER.0/24"
network mesos-bridge mesosbr0 "10.79.$NUMBER.0/24"

isolation=filesystem/linux,docker/runtime,volume/sandbox_path,volume/host_path,volume/secret,volume/image,environment_secret
isolation+=,namespaces/pid,namespaces/ipc,posix/rlimits,linux/capabilities,disk/du,cgroups/cpu,cgroups/mem,cgroups/pids,network/cni
render /etc/default/mesos-agent <<END
MESOS_IP=$ADDRESS
MESOS_HOSTNAME=$ADDRESS
MESOS_PORT=5051
MESOS_MASTER=$MESOS
MESOS_RESOURCES=$RESOURCES
MESOS_WORK_DIR=/var/lib/mesos-agent/work
MESOS_RUNTIME_DIR=/run/mesos-agent
MESOS_FETCHER_CACHE_DIR=/var/lib/mesos-agent/fetch
MESOS_DOCKER_STORE_DIR=/var/lib/mesos-agent/store
MESOS_APPC_STORE_DIR=/var/lib/mesos-agent/appc
MESOS_LAUNCHER_DIR=$MESOS_PREFIX/libexec
MESOS_LAUNCHER=linux
MESOS_CONTAINERIZERS=mesos
MESOS_ISOLATION=$isolation
MESOS_CGROUPS_HIERARCHY=/sys/fs/cgroup
MESOS_CGROUPS_CPU_ENABLE_PIDS_AND_TIDS_COUNT=true
MESOS_NETWORK_CNI_CONFIG_DIR=/etc/mesos-agent/networks
MESOS_NETWORK_CNI_PLUGINS_DIR=/usr/lib/cni:$MESOS_PREFIX/libexec
MESOS_IMAGE_PROVIDERS=docker
MESOS_DOCKER_REGISTRY=/srv/podexec/images
MESOS_VOLUME_GID_RANGE=[1900000000-1900009999]
# systemd's own slices for containers need more of systemd than there is; KillMode=process in the unit suffices.
MESOS_SYSTEMD_ENABLE_SUPPORT=false
# The least that clients with a back-off need to come back to a restarted agent.
MESOS_EXECUTOR_REREGISTRATION_TIMEOUT=15secs
MESOS_EXECUTOR_ENVIRONMENT_VARIABLES={"PATH":"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LANG":"C.UTF-8"}
MESOS_RECONFIGURATION_POLICY=additive
END
install -d /srv/podexec/images /var/lib/mesos-agent
run_unit mesos-agent /etc/default/mesos-agent /etc/mesos-agent/networks $MESOS_PREFIX/SHA256SUMS
is_registered() { get "http://$ADDRESS:5051/metrics/snapshot" | grep -F '"slave/registered":1' >/dev/null; }
wait_for mesos-agent "the agent on $ADDRESS:5051 is registered with $MESOS" is_registered
