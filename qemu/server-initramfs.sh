#!/usr/bin/busybox sh
# The first program of the lab's server machine in QEMU. It mounts by 9p what User Mode Linux mounts by
# hostfs (qemu/server.sh), and gives cards and disks the names that they have there.
b=/usr/bin/busybox
root=/root
$b mkdir -p /proc /sys /dev $root
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
while read -r module; do
    $b insmod "/modules/$module"
done </modules/order

# share NAME FOLDER: mount a folder of the host, which is as it is while the machine runs
share() { $b mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=131072,cache=loose "$1" "$2"; }
share tree $root
for each in proc:proc sysfs:sys devtmpfs:dev tmpfs:run tmpfs:tmp tmpfs:srv tmpfs:var/lib; do
    $b mount -t "${each%%:*}" "${each%%:*}" "$root/${each#*:}"
done
$b mkdir -p $root/run/lab $root/run/bin
share modules $root/lib/modules
share lab $root/run/lab
$b chroot $root /bin/busybox --install -s /run/bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/run/bin
$b chroot $root /bin/busybox modprobe -a virtio_net virtio_blk
# The last byte of a card's address is its number.
for card in /sys/class/net/eth*; do
    read -r address <"$card/address"
    $b ip link set "${card##*/}" name "vec$((0x${address##*:}))"
done
for disk in /sys/class/block/vd?; do
    [ -e "$disk" ] && $b ln -s "${disk##*/}" "$root/dev/ubd${disk##*/vd}"
done
exec $b switch_root $root /run/bin/sh /run/lab/init
