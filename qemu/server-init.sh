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

# iscsi_target NAME INITIATOR USER PASSWORD USER_IN PASSWORD_IN [DISK SERIAL DEVICE]...: make a target of
# the kernel's (LIO) with units; without INITIATOR all may log in
iscsi_target() {
    lio=/sys/kernel/config/target
    if [ ! -d $lio ]; then
        modprobe -a target_core_iblock iscsi_target_mod
        grep -q " /sys/kernel/config " /proc/mounts || mount -t configfs configfs /sys/kernel/config
        mkdir $lio/iscsi
    fi
    group=$lio/iscsi/$1/tpgt_1
    [ ! -d "$group" ] || return 0
    mkdir -p "$group"
    admitted=$group
    if [ -z "$2" ]; then
        echo 1 >"$group/attrib/generate_node_acls"
        echo 1 >"$group/attrib/cache_dynamic_acls"
        echo 0 >"$group/attrib/demo_mode_write_protect"
    else
        admitted=$group/acls/$2
        mkdir "$admitted"
    fi
    echo $((${#3} > 0)) >"$group/attrib/authentication"
    if [ -n "$3" ]; then
        printf %s "$3" >"$admitted/auth/userid"
        printf %s "$4" >"$admitted/auth/password"
        printf %s "$5" >"$admitted/auth/userid_mutual"
        printf %s "$6" >"$admitted/auth/password_mutual"
    fi
    own=$2
    shift 6
    unit=0
    while [ $# -gt 0 ]; do
        disk=$lio/core/iblock_$unit/$1
        mkdir -p "$disk"
        echo "udev_path=$3" >"$disk/control"
        echo 1 >"$disk/enable"
        echo "$2" >"$disk/wwn/vpd_unit_serial"
        mkdir "$group/lun/lun_$unit"
        ln -s "$disk" "$group/lun/lun_$unit/disk"
        if [ -n "$own" ]; then
            mkdir "$admitted/lun_$unit"
            ln -s "$group/lun/lun_$unit" "$admitted/lun_$unit/disk"
        fi
        unit=$((unit + 1))
        shift 3
    done
}

# iscsi_up NAME ADDRESS:PORT: have the target answer there
iscsi_up() {
    mkdir "/sys/kernel/config/target/iscsi/$1/tpgt_1/np/$2"
    echo 1 >"/sys/kernel/config/target/iscsi/$1/tpgt_1/enable"
}

# iscsi_down NAME ADDRESS:PORT: end its sessions and refuse connections
iscsi_down() {
    echo 0 >"/sys/kernel/config/target/iscsi/$1/tpgt_1/enable"
    rmdir "/sys/kernel/config/target/iscsi/$1/tpgt_1/np/$2"
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
