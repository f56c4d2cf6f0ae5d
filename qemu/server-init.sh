#!/bin/sh
# The init of the lab's server machine. `commands` in the machine's folder has functions of the
# scenario's servers; orders, `start NAME` or `stop NAME`, come on a serial line.

# mount_export DEVICE FOLDER: mount a file system where it is exported
mount_export() {
    grep -q " /srv$2 " /proc/mounts && return
    mkdir -p "/srv$2"
    mount -t ext4 "$1" "/srv$2"
}

# dhcp_relay NAME NEAR FAR: have a network behind a router, and the messages of clients on the network
# of NEAR relayed to its host FAR
dhcp_relay() {
    [ ! -e /run/netns/far ] || return 0
    modprobe veth  # and iproute2: ip of busybox knows no namespaces
    mkdir -p /run/netns
    /bin/ip netns add far
    /bin/ip link add far0 type veth peer name far1
    /bin/ip link set far1 netns far
    /bin/ip address add "${3%.*}.1/24" dev far0
    /bin/ip link set far0 up
    /bin/ip netns exec far /bin/ip link set lo up
    /bin/ip netns exec far /bin/ip address add "$3/24" dev far1
    /bin/ip netns exec far /bin/ip link set far1 up
    /bin/ip netns exec far /bin/ip route add default via "${3%.*}.1"
    echo 1 >/proc/sys/net/ipv4/ip_forward
    dnsmasq --conf-file=/dev/null --port=0 --user=root --group=root --log-facility=/dev/console \
        --pid-file="/run/$1-relay.pid" --dhcp-relay="$2,$3"
}

# nfs_up [OPTION...]: start the NFS server
nfs_up() {
    if [ ! -e /proc/fs/nfsd/threads ]; then
        modprobe nfsd
        mount -t nfsd nfsd /proc/fs/nfsd
        rpcbind -w
        rpc.mountd --port 20048
    fi
    # Without a lease of 90 s clients that knew the server before would have to be awaited, and no
    # client gets a lock before 50 s.
    echo 1 >/proc/sys/fs/nfs/nlm_grace_period
    echo 10 >/proc/fs/nfsd/nfsv4leasetime
    echo 10 >/proc/fs/nfsd/nfsv4gracetime
    rpc.nfsd "$@" 4
}

# iscsi_target NAME/GROUP INITIATOR USER PASSWORD USER_IN PASSWORD_IN [DISK SERIAL DEVICE]...: make a
# target of the kernel's (LIO) with a portal group that has units; without INITIATOR all may log in.
# The groups of a target have the same units: each is one more way to them.
iscsi_target() {
    lio=/sys/kernel/config/target
    if [ ! -d $lio ]; then
        modprobe -a target_core_iblock iscsi_target_mod
        grep -q " /sys/kernel/config " /proc/mounts || mount -t configfs configfs /sys/kernel/config
        mkdir $lio/iscsi
    fi
    group=$lio/iscsi/$1
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
        if [ ! -d "$disk" ]; then
            mkdir -p "$disk"
            echo "udev_path=$3" >"$disk/control"
            echo 1 >"$disk/enable"
            echo "$2" >"$disk/wwn/vpd_unit_serial"
        fi
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

# iscsi_up NAME/GROUP ADDRESS:PORT: have the target answer there
iscsi_up() {
    mkdir "/sys/kernel/config/target/iscsi/$1/np/$2"
    echo 1 >"/sys/kernel/config/target/iscsi/$1/enable"
}

# iscsi_down NAME/GROUP ADDRESS:PORT: end its sessions and refuse connections
iscsi_down() {
    echo 0 >"/sys/kernel/config/target/iscsi/$1/enable"
    rmdir "/sys/kernel/config/target/iscsi/$1/np/$2"
}

# iscsi_moved ADDRESS PORT ELSEWHERE DETAIL: answer each login with a redirection (RFC 7143, 11.13.5);
# ELSEWHERE is ADDRESS:PORT,GROUP; DETAIL 1: moved for now, 2: for good. LIO has no such answer.
iscsi_moved() {
    perl -e '
        use IO::Socket::INET;
        my ($host, $port, $elsewhere, $detail) = @ARGV;
        my $portal = IO::Socket::INET->new(
            LocalAddr => $host, LocalPort => $port, Listen => 5, ReuseAddr => 1) or die "$!";
        my $text = "TargetAddress=$elsewhere\0";
        my $padded = $text . "\0" x (-length($text) % 4);
        while (my $from = $portal->accept) {
            next unless read($from, my $asked, 48) == 48;
            my ($isid, $tag, $number) = unpack "x8 a6 x2 a4 x4 N", $asked;
            print $from pack "C4 N a6 n a4 N N N N C C x10",
                0x23, ord(substr $asked, 1, 1) & 0x0c, 0, 0, length $text,
                $isid, 0, $tag, 0, 0, $number, $number + 1, 1, $detail;
            print $from $padded;
            $from->flush;
            read($from, my $rest, 1 << 16);
        }' "$@" &
}

# nvme_subsystem NAME HOST SERIAL UUID DEVICE: make a subsystem of the kernel's (nvmet) with one
# namespace; without HOST all may connect
nvme_subsystem() {
    nvmet=/sys/kernel/config/nvmet
    if [ ! -d $nvmet ]; then
        modprobe -a nvmet nvmet_tcp
        grep -q " /sys/kernel/config " /proc/mounts || mount -t configfs configfs /sys/kernel/config
    fi
    subsystem=$nvmet/subsystems/$1
    [ ! -d "$subsystem" ] || return 0
    mkdir "$subsystem"
    echo "$3" >"$subsystem/attr_serial"
    if [ -n "$2" ]; then
        mkdir "$nvmet/hosts/$2"
        ln -s "$nvmet/hosts/$2" "$subsystem/allowed_hosts/$2"
    else
        echo 1 >"$subsystem/attr_allow_any_host"
    fi
    mkdir "$subsystem/namespaces/1"
    echo "$4" >"$subsystem/namespaces/1/device_uuid"
    echo "$5" >"$subsystem/namespaces/1/device_path"
    echo 1 >"$subsystem/namespaces/1/enable"
}

# nvme_up NAME NUMBER FAMILY ADDRESS PORT: have a subsystem at a port of this number
nvme_up() {
    place=/sys/kernel/config/nvmet/ports/$2
    if [ ! -d "$place" ]; then
        mkdir "$place"
        echo tcp >"$place/addr_trtype"
        echo "$3" >"$place/addr_adrfam"
        echo "$4" >"$place/addr_traddr"
        echo "$5" >"$place/addr_trsvcid"
    fi
    ln -s "/sys/kernel/config/nvmet/subsystems/$1" "$place/subsystems/$1"
}

# nvme_refer NUMBER FAMILY ADDRESS PORT: have the discovery at a port name another one
nvme_refer() {
    referral=/sys/kernel/config/nvmet/ports/$1/referrals/$4
    [ ! -d "$referral" ] || return 0
    mkdir "$referral"
    echo tcp >"$referral/addr_trtype"
    echo "$2" >"$referral/addr_adrfam"
    echo "$3" >"$referral/addr_traddr"
    echo "$4" >"$referral/addr_trsvcid"
    echo 1 >"$referral/enable"
}

# nvme_down NAME NUMBER: end its connections; without another subsystem there the port refuses them
nvme_down() {
    rm "/sys/kernel/config/nvmet/ports/$2/subsystems/$1"
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
orders="${LAB_ORDERS:-/dev/ttyS0}"
stty -F "$orders" raw -echo
echo "INITPY-LAB servers are up"
while read -r verb name; do
    "$verb" "$name"
    echo "INITPY-LAB $verb $name"
done <"$orders"
while :; do sleep 1000; done
