#!/bin/bash
# What every machine needs: the others' names, and the packages that Mesos uses.
. "$(dirname "$0")/lib.sh"

# Mesos looks its own name up, and 127.0.1.1 would be an address that no other machine reaches.
{ grep -Ev "^127\.0\.1\.1\s|# podexec$" /etc/hosts; sed 's/$/ # podexec/' <<<"${HOSTS%$'\n'}"; } >/run/podexec-hosts
cmp --quiet /run/podexec-hosts /etc/hosts || cat /run/podexec-hosts >/etc/hosts # not mv: it may be a mount

install_packages ca-certificates curl procps python3 tar libsasl2-2 libsasl2-modules libcurl3-gnutls libssl3 zlib1g
