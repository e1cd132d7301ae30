#!/bin/bash
# A master of Mesos.
. "$(dirname "$0")/lib.sh"

install_mesos
masters=$(wc -w <<<"$MASTERS")
{
    cat <<END
MESOS_IP=$ADDRESS
MESOS_HOSTNAME=$ADDRESS
MESOS_PORT=5050
MESOS_WORK_DIR=/var/lib/mesos-master
MESOS_REGISTRY=replicated_log
# The files of Mesos' web page are not in the package that it comes from.
MESOS_WEBUI_DIR=/var/lib/mesos-master
END
    case $MESOS in
        zk://*) printf 'MESOS_ZK=%s\nMESOS_QUORUM=%s\n' "$MESOS" $((masters / 2 + 1)) ;;
    esac
} | render /etc/default/mesos-master
run_unit mesos-master /etc/default/mesos-master $MESOS_PREFIX/SHA256SUMS
wait_for mesos-master "the master on $ADDRESS:5050 answers" get "http://$ADDRESS:5050/version"
