#!/bin/bash
# ZooKeeper of Debian, one on each master's machine; they elect the leading master.
. "$(dirname "$0")/lib.sh"

FOLDER=/etc/mesos-zookeeper
install_packages zookeeper
{
    cat <<END
tickTime=2000
initLimit=10
syncLimit=5
dataDir=/var/lib/mesos-zookeeper
clientPort=2181
clientPortAddress=$ADDRESS
admin.enableServer=false
autopurge.snapRetainCount=3
autopurge.purgeInterval=1
END
    number=0
    for master in $MASTERS; do
        number=$((number + 1))
        echo "server.$number=$master:2888:3888"
    done
} | render $FOLDER/zoo.cfg
render $FOLDER/myid <<<"$NUMBER"
run_unit zookeeper $FOLDER
accepts() { : <"/dev/tcp/$ADDRESS/2181"; }
wait_for zookeeper "ZooKeeper on $ADDRESS:2181 accepts connections" accepts
