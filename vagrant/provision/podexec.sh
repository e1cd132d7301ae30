#!/bin/bash
# On master-1: podexec itself, and what the other machines get from it, Mesos and the executor.
. "$(dirname "$0")/lib.sh"

PAYLOAD=$SOURCE/vagrant/payload # what `make vagrant-payload` made on the host, if it did
VENV=/opt/podexec

# The only place that knows how podexec is installed. From wheels of the payload, nothing is downloaded.
install_podexec() {
    local wheels=$PAYLOAD/wheels
    if [ -d "$wheels" ]; then
        "$VENV/bin/python" -I -m pip install --quiet --no-index --find-links "$wheels" --force-reinstall podexec
    else
        "$VENV/bin/python" -I -m pip install --quiet "$SOURCE"
    fi
}

hash_of_source() {
    (cd "$SOURCE" && find podexec scheduler localmesos tools/backend setup.cfg vagrant/payload -type f ! -name '*.pyc' ! -path 'podexec/_vendor/pymesos/*' -exec sha256sum {} + 2>/dev/null) | sort | sha256sum
}

install_packages python3-venv
source_hash=$(hash_of_source)
if [ "$(cat $VENV/source 2>/dev/null)" != "$source_hash" ]; then
    say "installing podexec into $VENV"
    rm -f $VENV/source # an installation that is interrupted starts again
    python3 -I -m venv $VENV
    install_podexec
    echo "$source_hash" >$VENV/source
fi

if [ "$(cat $SHARE_FOLDER/source 2>/dev/null)" != "$source_hash" ]; then
    say "making Mesos and the executor for the other machines"
    install -d $SHARE_FOLDER
    if [ -e "$PAYLOAD/mesos.tar.gz" ]; then
        install -m 644 "$PAYLOAD/mesos.tar.gz" $SHARE_FOLDER/mesos.tar.gz
    else
        install_packages g++ binutils
        $VENV/bin/podexec cluster install /var/cache/podexec-mesos
        tar -C /var/cache/podexec-mesos --owner=0 --group=0 -czf $SHARE_FOLDER/mesos.tar.gz .
    fi
    $VENV/bin/python -P -m podexec.zipapp --output $SHARE_FOLDER/mesos-default-executor --python /usr/bin/python3 >/dev/null
    (cd $SHARE_FOLDER && sha256sum mesos.tar.gz mesos-default-executor >mesos.sha256)
    echo "$source_hash" >$SHARE_FOLDER/source
fi

# Other masters' machines have a scheduler too: the same installation, which needs the same Debian only.
if [[ $APIS == *,* ]] && [ "$(cat $SHARE_FOLDER/podexec.source 2>/dev/null)" != "$source_hash" ]; then
    tar -C $VENV --owner=0 --group=0 -czf $SHARE_FOLDER/podexec.tar.gz .
    (cd $SHARE_FOLDER && sha256sum podexec.tar.gz >podexec.sha256)
    echo "$source_hash" >$SHARE_FOLDER/podexec.source
fi

render /etc/default/podexec-share <<<"SHARE_ADDRESS=$ADDRESS
SHARE_PORT=${SHARE##*:}"
run_unit podexec-share /etc/default/podexec-share
