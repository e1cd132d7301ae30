# What the provisioning scripts share. Each script can run again at any time, and changes only what differs.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022

HERE=/srv/podexec/vagrant      # this folder's parent, as it is on the host
SOURCE=/srv/podexec/source     # podexec's source; on master-1 only
SHARE_FOLDER=/srv/podexec/share
STARTED=/var/lib/podexec-provision # for each unit, the hash of what it was started with
MESOS_PREFIX=/opt/mesos
PATIENCE=${PATIENCE:-1800}     # seconds; a machine in software emulation is slow

say() { echo "podexec: $*"; }
fail() { echo "podexec: $*" >&2; exit 1; }

# install_packages NAME…: those that are not installed.
install_packages() {
    local name missing=()
    for name; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    { apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends "${missing[@]}"; } >/var/log/podexec-apt.log 2>&1 ||
        { tail -n 20 /var/log/podexec-apt.log >&2; fail "apt-get failed on $NAME; all of it is in /var/log/podexec-apt.log there"; }
}

# render FILE: write standard input to a file, at once, unless it is the same already.
render() {
    install -d "$(dirname "$1")"
    cat >"$1.new"
    if cmp --quiet "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

# run_unit UNIT PATH…: have a unit of systemd/ run with these files (of folders: everything in them) as they are now. It
# is started if it does not run, and restarted if it runs with others.
run_unit() {
    local unit=$1 hash
    shift
    if [ -e "$HERE/systemd/$unit.service" ]; then
        render "/etc/systemd/system/$unit.service" <"$HERE/systemd/$unit.service"
        set -- "/etc/systemd/system/$unit.service" "$@"
    fi
    hash=$(find "$@" -type f -exec sha256sum {} + | sort | sha256sum)
    if [ "$(cat "$STARTED/$unit" 2>/dev/null)" = "$hash" ] && systemctl is-active --quiet "$unit"; then return; fi
    say "starting $unit"
    systemctl daemon-reload
    systemctl enable --quiet "$unit"
    systemctl restart "$unit" || { journalctl --unit="$unit" --lines=30 --no-pager >&2; fail "$unit did not start on $NAME"; }
    install -d "$STARTED"
    echo "$hash" >"$STARTED/$unit"
}

# wait_for UNIT WHAT COMMAND…: until the command succeeds. If it never does, the last lines of the unit's log say why.
wait_for() {
    local unit=$1 what=$2 end=$((SECONDS + PATIENCE)) output
    shift 2
    until output=$("$@" 2>&1); do
        if [ $SECONDS -gt $end ]; then
            [ -z "$unit" ] || journalctl --unit="$unit" --lines=30 --no-pager >&2
            fail "$NAME waited $PATIENCE seconds for this, in vain: $what; last seen: $output"
        fi
        sleep 0.2
    done
}

get() { curl --fail --silent --show-error --noproxy '*' --max-time 20 "$@"; }

# install_archive NAME FOLDER [COMMAND…]: what master-1 shares as NAME.tar.gz, and whatever else its list NAME.sha256 has.
# The command prepares the new folder before it takes its place.
install_archive() {
    local name=$1 folder=$2 list=/run/podexec-$1.sha256 file
    shift 2
    wait_for "" "$name from $SHARE, which master-1 makes" get --output "$list" "$SHARE/$name.sha256"
    if cmp --quiet "$list" "$folder/SHA256SUMS"; then return; fi
    say "installing $name into $folder"
    rm -rf "$folder.new"
    install -d "$folder.new"
    (
        cd "$folder.new"
        while read -r _ file; do get --max-time 600 --remote-name "$SHARE/$file"; done <"$list"
        sha256sum --check --quiet "$list"
        tar -xzf "$name.tar.gz"
        rm "$name.tar.gz"
        "${@:-true}"
        install -m 644 "$list" SHA256SUMS
    )
    rm -rf "$folder"
    mv "$folder.new" "$folder"
}

# install_mesos: Mesos' programs and podexec's executor.
install_mesos() { install_archive mesos "$MESOS_PREFIX" place_executor; }
place_executor() {
    install -m 755 mesos-default-executor libexec/
    rm mesos-default-executor
}
