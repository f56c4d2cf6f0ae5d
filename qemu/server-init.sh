#!/bin/sh
# The init of the lab's server machine. `commands` in the machine's folder has functions of the
# scenario's servers; orders, `start NAME` or `stop NAME`, come on the first serial line.

# mount_export DEVICE FOLDER: mount a file system where it is exported
mount_export() {
    grep -q " /srv$2 " /proc/mounts && return
    mkdir -p "/srv$2"
    mount -t ext4 "$1" "/srv$2"
}

# nfs_up [OPTION...]: start the NFS server
nfs_up() {
    if [ ! -e /proc/fs/nfsd/threads ]; then
        modprobe nfsd
        mount -t nfsd nfsd /proc/fs/nfsd
        rpcbind -w
        rpc.mountd
    fi
    # Without a lease of 90 s clients that knew the server before would have to be awaited.
    echo 10 >/proc/fs/nfsd/nfsv4leasetime
    echo 10 >/proc/fs/nfsd/nfsv4gracetime
    rpc.nfsd "$@" 4
}

start() { "start_$(echo "$1" | tr - _)"; }
stop() { "stop_$(echo "$1" | tr - _)"; }

# What is exported is below a file system in memory: hostfs cannot be exported, and NFSv4 shows
# clients the way from the root to an export.
mount -t tmpfs tmpfs /etc/nfs.conf.d
printf '[exports]\nrootdir=/srv\n' >/etc/nfs.conf.d/lab.conf
mkdir -p /var/lib/nfs/rpc_pipefs /var/lib/nfs/v4recovery /run/rpcbind /var/lib/misc
touch /var/lib/nfs/etab /var/lib/nfs/rmtab
ip link set lo up
modprobe ipv6
# shellcheck source=/dev/null
. /run/lab/commands
up
echo "INITPY-LAB servers are up"
stty -F /dev/ttyS0 raw -echo
while read -r verb name; do
    "$verb" "$name"
    echo "INITPY-LAB $verb $name"
done </dev/ttyS0
while :; do sleep 1000; done
