#!/bin/sh
# The init of the throw-away machine that makes disks with the real tools. Each recipe is a script
# under /lab/recipes that uses the functions below; every disk is found by its serial number.
export PATH=/usr/sbin:/usr/bin
# There is no udev here: libdm, LVM and mdadm make their nodes themselves.
# As if the disks were on a controller of Intel's: see IMSM_NO_PLATFORM in mdadm(8).
export IMSM_NO_PLATFORM=1
export DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1 LVM_SYSTEM_DIR=/run/lvm-conf LVM_SUPPRESS_FD_WARNINGS=1

mkdir -p /proc /sys /dev /run /mnt
# Without /proc busybox cannot run its own applets by name: it executes /proc/self/exe.
/bin/busybox mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/cryptsetup /run/lvm /run/mdadm $LVM_SYSTEM_DIR
cat >$LVM_SYSTEM_DIR/lvm.conf <<'CONF'
devices { obtain_device_list_from_udev = 0 external_device_info_source = "none" }
activation { udev_sync = 0 udev_rules = 0 }
global { thin_check_executable = "" cache_check_executable = "" }
backup { backup = 0 archive = 0 }
CONF

# serial BLOCK: the serial number of a disk below /sys/block
serial() {
    if [ -e "$1/serial" ]; then
        cat "$1/serial"
    elif [ -e "$1/device/vpd_pg80" ]; then
        tail -c +5 "$1/device/vpd_pg80" # behind the header of the page, see SPC
    fi
}

# disk SERIAL: the device node of a disk
disk() {
    for turn in 1 2 3 4 5 6 7 8 9 10; do
        for node in /sys/block/vd* /sys/block/sd*; do
            if [ "$(serial "$node")" = "$1" ]; then
                echo "/dev/${node##*/}"
                return 0
            fi
        done
        sleep 0.5
    done
    echo "no disk with serial $1" >&2
    return 1
}

# hide NUMBER: take the disks of a recipe away, so that the next one may use the same names of volume
# groups and the like
hide() {
    sync
    for node in /sys/block/vd* /sys/block/sd*; do
        case "$(serial "$node" 2>/dev/null)" in
        "$1"-*) ;;
        *) continue ;;
        esac
        if [ -e "$node/device/delete" ]; then
            echo 1 >"$node/device/delete"
        else
            device=$(readlink -f "$node/device")
            echo "${device##*/}" >/sys/bus/virtio/drivers/virtio_blk/unbind
        fi
    done
}

# format DEVICE KEY-FILE OPTION...: a LUKS volume whose key derivation costs nothing
format() {
    device=$1 key=$2
    shift 2
    cryptsetup luksFormat --batch-mode --pbkdf-force-iterations 1000 "$@" --key-file "$key" "$device"
}

# stop_dirty ARRAY MEMBER...: the members as a loss of power leaves them while the array is written
# to: their superblocks are kept as they are then, and put back once it is stopped.
stop_dirty() {
    array=$1
    shift
    echo 0 >"/sys/block/${array##*/}/md/safe_mode_delay" # it would be marked clean after a moment
    dd if="$array" of="$array" bs=4096 count=1 conv=notrunc,fsync 2>/dev/null
    [ "$(cat "/sys/block/${array##*/}/md/array_state")" = active ]
    for member; do
        # Not what was read before the array wrote past the cache.
        blockdev --flushbufs "$member"
        dd if="$member" of="/run/superblock-${member##*/}" bs=64k count=1 2>/dev/null
    done
    mdadm --quiet --stop "$array"
    for member; do
        dd if="/run/superblock-${member##*/}" of="$member" bs=64k conv=notrunc,fsync 2>/dev/null
        mdadm --examine "$member" | grep -q 'State : active'
    done
}

# waiting_for TEST...: until a test(1) holds, for some seconds
waiting_for() {
    for turn in 1 2 3 4 5 6 7 8 9 10; do
        test "$@" && return 0
        sleep 0.5
    done
    echo "still not so: $*" >&2
    return 1
}

# cached BACKING CACHE: bcache0 of two disks
cached() {
    /usr/sbin/modprobe bcache
    make-bcache --bucket 64k -B "$1" -C "$2" >/dev/null
    echo "$1" >/sys/fs/bcache/register
    echo "$2" >/sys/fs/bcache/register
    waiting_for -b /dev/bcache0
}

# uncached: take it apart
uncached() {
    echo 1 >/sys/block/bcache0/bcache/stop
    waiting_for ! -e /sys/block/bcache0
    for set in /sys/fs/bcache/*-*; do
        echo 1 >"$set/stop"
        waiting_for ! -e "$set"
    done
}

# file DEVICE PATH SIZE: a file on an ext4, as a block device
file() {
    /usr/sbin/modprobe loop
    mkdir -p /run/host
    mount -t ext4 "$1" /run/host
    mkdir -p "/run/host${2%/*}"
    truncate -s "$3" "/run/host$2"
    losetup /dev/loop0 "/run/host$2"
}

# no_file: take it apart
no_file() {
    losetup -d /dev/loop0
    umount /run/host
}

# further PATH CONTENT: a file for the next file system that is filled, its content in base64
further() {
    mkdir -p "/run/further${1%/*}"
    echo "$2" | base64 -d >"/run/further$1"
}

# program PATH: a program and the libraries it needs, as `further`; ld.so(8) tells which
program() {
    LD_TRACE_LOADED_OBJECTS=1 "$1" | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' >/run/needed
    echo "$1" >>/run/needed
    while read -r file; do
        mkdir -p "/run/further${file%/*}"
        cp -L "$file" "/run/further$file"
    done </run/needed
}

# fill TYPE DEVICE FROM SUBVOLUME: a folder (or nothing) and further files onto a file system
fill() {
    mkdir -p /run/further
    if [ "$1" = squashfs ]; then
        cp -a "$3/." /run/further/
        mksquashfs /run/further "$2" -noappend -no-progress -quiet
    else
        mount -t "$1" "$2" /mnt
        # FAT knows neither owners nor modes, and is to say nothing of it.
        [ "$1" != vfat ] || mount -o remount,quiet /mnt
        [ -z "$4" ] || btrfs -q subvolume create "/mnt/$4"
        [ -z "$3" ] || cp -a "$3/." "/mnt/$4/"
        cp -a /run/further/. "/mnt/$4/"
        umount /mnt
    fi
    rm -rf /run/further
}

# By path: busybox prefers its own modprobe, which reads no binary index.
/usr/sbin/modprobe -aq virtio_pci virtio_blk virtio_rng dm_mod dm_crypt algif_skcipher
for recipe in /lab/recipes/*; do
    # `set -e` would not count on the left of `&&`, nor under `if`.
    (
        set -eu
        . "$recipe"
    )
    echo "INITPY-LAB recipe ${recipe##*/} status=$?"
    number=${recipe##*/}
    hide "${number#0}"
done
sync
poweroff -f
