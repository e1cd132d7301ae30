#!/bin/bash
# podexec's scheduler, on the machine of each master that has ZooKeeper, or of the only one; and the example pod.
. "$(dirname "$0")/lib.sh"

API=$ADDRESS:8080
schedulers=$(tr , ' ' <<<"$APIS" | wc -w)
[ "$NUMBER" = 1 ] || install_archive podexec /opt/podexec
{
    cat <<END
PODEXEC_MASTER=$MESOS
PODEXEC_LISTEN=$API
PODEXEC_INSECURE=true
PODEXEC_STORE=$STORE
PODEXEC_EXECUTOR=$MESOS_PREFIX/libexec/mesos-default-executor
PODEXEC_EXECUTOR_PYTHON=/usr/bin/python3
PODEXEC_DEFAULT_NETWORK_NAME=dcos
PODEXEC_NETWORKS=dcos,mesos-bridge
PODEXEC_MESOS_AUTHENTICATION_PRINCIPAL=podexec
END
    case $STORE in
        zk://*) echo PODEXEC_HA=true ;;
    esac
} | render /etc/default/podexec
# The command, for users of this machine; `vagrant ssh -c` reads no profile.
render /usr/local/bin/podexec <<END
#!/bin/sh
export PODEXEC_URL="\${PODEXEC_URL:-$APIS}"
exec /opt/podexec/bin/podexec "\$@"
END
chmod 755 /usr/local/bin/podexec

run_unit podexec /etc/default/podexec /opt/podexec/source $MESOS_PREFIX/SHA256SUMS
# Only the last one has something to wait for: before, the others' machines may not exist, and ZooKeeper has no majority.
[ "$NUMBER" = "$schedulers" ] || exit 0
wait_for podexec "the scheduler on $API answers" get "http://$API/ping"

# One instance on each agent. Added once: whoever has removed or changed it keeps it so.
if [ ! -e $STARTED/example ]; then
    add_example() { sed "s/@AGENTS@/$AGENTS/" "$HERE/example.yaml" | podexec pod update -; }
    wait_for podexec "a scheduler takes the example pod" add_example
    say "added the pod /hello"
    touch $STARTED/example
fi
