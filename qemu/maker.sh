#!/bin/sh
# The init of the machine that creates disks with the real tools. Each recipe is a script in
# /lab/recipes that uses the functions below. A disk is found by its serial number.
export PATH=/usr/sbin:/usr/bin
# Allow IMSM metadata on any controller: see IMSM_NO_PLATFORM in mdadm(8).
export IMSM_NO_PLATFORM=1
# There is no udev: libdm, LVM and mdadm create their nodes themselves.
export DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1 LVM_SYSTEM_DIR=/run/lvm-conf LVM_SUPPRESS_FD_WARNINGS=1

mkdir -p /proc /sys /dev /run /mnt
# busybox needs /proc to run its applets by name: it executes /proc/self/exe.
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

# serial BLOCK: print the serial number of a disk in /sys/block
serial() {
    if [ -e "$1/serial" ]; then
        cat "$1/serial"
    elif [ -e "$1/device/vpd_pg80" ]; then
        tail -c +5 "$1/device/vpd_pg80" # after the page's header, see SPC
    fi
}

# disk SERIAL: print the device node of a disk
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

# hide NUMBER: detach the disks of a recipe, so that the next one may use the same names, for example
# of volume groups
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

# acorn DEVICE: whether a kernel takes the first sector for a partition table of PowerTec, which has
# nothing but a checksum of a byte (adfspart_check_POWERTEC in the kernel's block/partitions/acorn.c)
acorn() {
    busybox od -An -v -tu1 -N512 "$1" | busybox awk '
        { for (i = 1; i <= NF; i++) byte[n++] = $i }
        END { sum = 42; for (i = 0; i < 511; i++) sum += byte[i]; exit sum % 256 != byte[511] }'
}

# format DEVICE KEY-FILE OPTION...: create a LUKS volume with a cheap key derivation; again if its
# random bytes look like a partition table, as one in 256 does
format() {
    device=$1 key=$2
    shift 2
    while
        cryptsetup luksFormat --batch-mode --pbkdf-force-iterations 1000 "$@" \
            --key-file "$key" "$device" || return
        acorn "$device"
    do :; done
}

# stop_dirty ARRAY MEMBER...: leave the members as after a power failure during a write: save the
# superblocks while the array is dirty, and write them back after the stop
stop_dirty() {
    array=$1
    shift
    echo 0 >"/sys/block/${array##*/}/md/safe_mode_delay" # do not mark it clean after a moment
    dd if="$array" of="$array" bs=4096 count=1 conv=notrunc,fsync 2>/dev/null
    [ "$(cat "/sys/block/${array##*/}/md/array_state")" = active ]
    for member; do
        # Drop the cache: the array writes its superblocks past it.
        blockdev --flushbufs "$member"
        dd if="$member" of="/run/superblock-${member##*/}" bs=64k count=1 2>/dev/null
    done
    mdadm --quiet --stop "$array"
    for member; do
        dd if="/run/superblock-${member##*/}" of="$member" bs=64k conv=notrunc,fsync 2>/dev/null
        mdadm --examine "$member" | grep -q 'State : active'
    done
}

# group_as NEW OLD GROUP: replace OLD by NEW in the group's metadata; LVM sets neither of both
# without the daemons of a cluster
group_as() {
    lvm vgcfgbackup -q -f /run/group "$3" >/dev/null
    busybox sed -i "s/$2/$1/" /run/group
    lvm vgcfgrestore -q -y -f /run/group "$3"
}

# renamed OLD NEW SYSTEM-ID DEVICE...: rename a group, even if another one has that name already
renamed() {
    old=$1 new=$2 owner=$3 filter=""
    shift 3
    for device; do
        filter="$filter\"a|^$device\$|\", "
    done
    system=${owner:+"global/system_id_source=\"lvmlocal\" local/system_id=\"$owner\""}
    lvm vgrename -q --config "devices/filter=[$filter\"r|.*|\"] $system" "$old" "$new" >/dev/null
}

left_exported() {
    lvm vgexport -q "$1"
}

# shared GROUP: as of a cluster with lvmlockd (lvmlockd(8))
left_shared() {
    group_as 'lock_type = "sanlock"\nlock_args = "1.0.0:lvmlock"\n\tseqno =' 'seqno =' "$1"
}

# clustered GROUP: as of a cluster with clvmd, of LVM before 2.03
left_clustered() {
    group_as 'status = ["RESIZEABLE", "READ", "WRITE", "CLUSTERED"]' 'status = \["RESIZEABLE", "READ", "WRITE"\]' "$1"
}

# skipped GROUP: its volumes have the flag activation skip, as thin snapshots have
left_skipped() {
    lvm lvchange -q -y --setactivationskip y "$1"
}

# waiting_for TEST...: wait some seconds until a test(1) succeeds
waiting_for() {
    for turn in 1 2 3 4 5 6 7 8 9 10; do
        test "$@" && return 0
        sleep 0.5
    done
    echo "time-out: test $*" >&2
    return 1
}

# stop_array NODE: stop an array. The monitor of firmware RAID may have it open for a moment more, or
# stop it itself, which mdadm calls a failure.
stop_array() {
    for turn in 1 2 3 4 5 6 7 8 9 10; do
        if why=$(mdadm --quiet --stop "$1" 2>&1) || [ ! -e "/sys/block/${1##*/}" ]; then
            return 0
        fi
        sleep 0.5
    done
    echo "$1 cannot be stopped: $why" >&2
    return 1
}

# cached BACKING CACHE: create bcache0 from two disks
cached() {
    /usr/sbin/modprobe bcache
    make-bcache --bucket 64k -B "$1" -C "$2" >/dev/null
    echo "$1" >/sys/fs/bcache/register
    echo "$2" >/sys/fs/bcache/register
    waiting_for -b /dev/bcache0
}

# uncached: stop bcache0 and its cache set
uncached() {
    echo 1 >/sys/block/bcache0/bcache/stop
    waiting_for ! -e /sys/block/bcache0
    for set in /sys/fs/bcache/*-*; do
        echo 1 >"$set/stop"
        waiting_for ! -e "$set"
    done
}

# file DEVICE PATH SIZE: create a file on an ext4 and attach it to /dev/loop0
file() {
    /usr/sbin/modprobe loop
    mkdir -p /run/host
    mount -t ext4 "$1" /run/host
    mkdir -p "/run/host${2%/*}"
    truncate -s "$3" "/run/host$2"
    losetup /dev/loop0 "/run/host$2"
}

# no_file: detach the file
no_file() {
    losetup -d /dev/loop0
    umount /run/host
}

# extra_file PATH CONTENT [MODE]: add a file (base64) to the next file system to fill
extra_file() {
    mkdir -p "/run/extra${1%/*}"
    echo "$2" | base64 -d >"/run/extra$1"
    [ -z "${3:-}" ] || chmod "$3" "/run/extra$1"
}

# program PATH: add a program and its libraries (by ld.so(8)) like `extra_file`
program() {
    LD_TRACE_LOADED_OBJECTS=1 "$1" | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' >/run/needed
    echo "$1" >>/run/needed
    while read -r file; do
        mkdir -p "/run/extra${file%/*}"
        cp -L "$file" "/run/extra$file"
    done </run/needed
}

# installed SERIAL: mount the disk with an installed system below /run
installed() {
    [ ! -d "/run/$1" ] || return 0
    node=$(disk "$1")
    mkdir "/run/$1"
    mount -t ext4 -o ro "$node" "/run/$1"
}

# fill TYPE DEVICE FROM SUBVOLUME OPTIONS APART FURTHER...: copy a folder (or nothing) and the extra files
# to a file system; of the folders APART in it only the folders themselves. FURTHER: other subvolumes
fill() {
    type=$1 device=$2 from=$3 subvolume=$4 options=$5 apart=$6
    shift 6
    mkdir -p /run/extra
    if [ "$type" = squashfs ]; then
        cp -a "$from/." /run/extra/
        mksquashfs /run/extra "$device" -noappend -no-progress -quiet
    else
        mount -t "$type" ${options:+-o "$options"} "$device" /mnt
        # FAT has neither owners nor modes: suppress the errors.
        [ "$type" != vfat ] || mount -o remount,quiet /mnt
        # In the order of their paths, as some are in others.
        printf '%s\n' "$subvolume" "$@" | sort | while read -r each; do
            [ -n "$each" ] || continue
            mkdir -p "/mnt/${each%"${each##*/}"}"
            btrfs -q subvolume create "/mnt/$each"
        done
        if [ -n "$apart" ]; then
            for each in "$from"/*; do
                case " $apart " in
                    *" ${each##*/} "*) mkdir "/mnt/$subvolume/${each##*/}" ;;
                    *) cp -a "$each" "/mnt/$subvolume/" ;;
                esac
            done
        elif [ -n "$from" ]; then
            cp -a "$from/." "/mnt/$subvolume/"
        fi
        cp -a /run/extra/. "/mnt/$subvolume/"
        umount /mnt
    fi
    rm -rf /run/extra
}

# swap_file DEVICE PATH MIB: add a swap file to an ext4
swap_file() {
    mount -t ext4 "$1" /mnt
    dd if=/dev/zero of="/mnt$2" bs=1M count="$3" conv=fsync 2>/dev/null
    chmod 600 "/mnt$2"
    /usr/sbin/mkswap "/mnt$2" >/dev/null
    umount /mnt
}

# install_by_hook VERSION: install initpy into the system at /target, run its kernel hook there, and
# copy the image to a disk
install_by_hook() {
    mkdir /run/initpy
    mount -t ext4 -o ro "$(disk lab-initpy)" /run/initpy
    cp -a /run/initpy/. /target/
    for each in dev proc sys; do
        mount --rbind "/$each" "/target/$each"
    done
    mount -t tmpfs tmpfs /target/run
    # As an installer does: what fstab names is mounted.
    # By path: busybox would run its own.
    chroot /target /usr/bin/mount --all || echo "some file systems of fstab are not mounted"
    chroot /target /etc/kernel/postinst.d/initpy "$1" "/boot/vmlinuz-$1"
    made="/target/boot/initpy-$1.img"
    dd if="$made" of="$(disk lab-result)" bs=1M conv=notrunc,fsync 2>/dev/null
    echo "INITPY-LAB image of $(stat -c %s "$made") bytes"
}

# Use the path: busybox prefers its own modprobe, which does not read binary indexes.
/usr/sbin/modprobe -aq virtio_pci virtio_blk virtio_rng dm_mod dm_crypt algif_skcipher
for recipe in /lab/recipes/*; do
    # A sub-shell of its own, as `set -e` has no effect left of `&&` or in an `if`.
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
