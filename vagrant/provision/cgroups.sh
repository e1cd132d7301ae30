#!/bin/bash
# Mesos 1.11 limits CPU time, memory and processes with version 1 of cgroups only. Which version there is, is decided by
# the kernel's command line: asks for a restart if version 1 is not there yet.
. "$(dirname "$0")/lib.sh"

[ ! -d /sys/fs/cgroup/memory ] || exit 0
command -v update-grub >/dev/null || fail "$NAME has only cgroup v2 and no GRUB to change that with; use another box, such as debian/bookworm64"
render /etc/default/grub.d/90-podexec.cfg <<<'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX systemd.unified_cgroup_hierarchy=0"'
update-grub 2>/dev/null
touch /run/podexec-restart
