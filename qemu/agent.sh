#!/bin/sh
# Started by the kernel in the place of /init (rdinit=) when a scenario has faults inside the
# machine, or disks for which User Mode Linux has to look: waits for orders on the lab's third serial
# port, and lets the image's own /init go on as process 1. ORDERS is how many orders come; afterwards
# no process of the lab's is left.

say() { echo "<5>INITPY-LAB $1" >/dev/kmsg; }

# children PARENT NAME: the processes of that parent and name, * for any
children() {
    for folder in /proc/[0-9]*; do
        read -r number name _ parent _ <"$folder/stat" || continue
        [ "$parent" = "$1" ] || continue
        case "$name" in
        $2) echo "$number" ;;
        esac
    done 2>/dev/null
}

# Not running yet, or just being restarted: the next one is meant.
engine() {
    until read -r pid </run/initpy/engine.pid && kill -"$1" "$pid"; do
        sleep 0.1
    done 2>/dev/null
}

udevd() {
    until pid=$(children 1 '(systemd-udevd)') && [ -n "$pid" ]; do
        sleep 0.1
    done
}

# A link that udev has made tells the node of a disk with the serial number.
node() {
    for link in /dev/disk/by-id/*[-_]"$1"; do
        [ -e "$link" ] && readlink -f "$link" && return
    done
}

# storm DISK TIMES: the disk is announced as changed, again and again
storm() {
    path=$(node "$1")
    times=0
    while [ "$times" -lt "$2" ]; do
        times=$((times + 1))
        echo change >"/sys/class/block/${path##*/}/uevent"
    done
    say "storm of $times events at ${path##*/}"
}

obey() {
    case "$1" in
    kill-engine)
        engine 9
        say "engine $pid killed"
        ;;
    stop-engine)
        engine STOP
        say "engine $pid stopped"
        ;;
    continue-engine)
        engine CONT
        say "engine $pid goes on"
        ;;
    kill-udevd)
        udevd
        kill -9 "$pid"
        say "udevd $pid killed"
        ;;
    kill-udev-workers)
        udevd
        # Waits until one is at work.
        until workers=$(children "$pid" '*') && [ -n "$workers" ]; do
            :
        done
        kill -9 $workers 2>/dev/null
        say "udev's workers killed:" $workers
        ;;
    plug)
        # User Mode Linux has looked for the disk when it started, and looks again.
        until echo "virtio-uml.$2" >/sys/bus/platform/drivers/virtio-uml/bind; do
            sleep 0.1
        done 2>/dev/null
        say "disk at place $2"
        ;;
    storm) storm "$2" 300 ;;
    fill-run)
        # Once with large blocks, which is quick, and once to the last byte.
        dd if=/dev/zero of=/run/lab-filler bs=1M 2>/dev/null
        cat /dev/zero >>/run/lab-filler 2>/dev/null
        say "/run is full"
        ;;
    empty-run)
        rm -f /run/lab-filler
        say "/run is empty again"
        ;;
    signal-init)
        kill -"$2" 1
        say "signal $2 to process 1"
        ;;
    esac
}

(
    exec 3</dev/ttyS2
    orders=0
    while [ "$orders" -lt "$ORDERS" ] && read -r order argument <&3; do
        orders=$((orders + 1))
        obey "$order" "$argument"
    done
) &
exec /init "$@"
