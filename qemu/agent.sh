#!/bin/sh
# The kernel starts this agent instead of /init (rdinit=) if a scenario has faults inside the machine,
# or disks that User Mode Linux has to probe for. It waits for orders on the lab's third serial port,
# and executes the image's own /init as process 1. After $ORDERS orders it ends, so that no process
# of the lab remains.

say() { echo "<5>INITPY-LAB $1" >/dev/kmsg; }

# children PARENT NAME: print the child processes of a parent by name; * for any name
children() {
    for folder in /proc/[0-9]*; do
        read -r number name _ parent _ <"$folder/stat" || continue
        [ "$parent" = "$1" ] || continue
        case "$name" in
        $2) echo "$number" ;;
        esac
    done 2>/dev/null
}

# engine SIGNAL: signal the engine; if it is not running yet, or restarting, wait for it
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

# node SERIAL: print the device of a disk, found by udev's links
node() {
    for link in /dev/disk/by-id/*[-_]"$1"; do
        [ -e "$link" ] && readlink -f "$link" && return
    done
}

# storm DISK TIMES: trigger `change` uevents of a disk
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
        # Wait until a worker runs.
        until workers=$(children "$pid" '*') && [ -n "$workers" ]; do
            :
        done
        kill -9 $workers 2>/dev/null
        say "udev's workers killed:" $workers
        ;;
    kill-monitors)
        # Wait until one runs.
        until monitors=$(cat /run/mdadm/*.pid 2>/dev/null) && kill -9 $monitors 2>/dev/null; do
            sleep 0.1
        done
        say "monitors killed: $(echo $monitors)"
        ;;
    plug)
        # User Mode Linux probed for the disk at its start; make it probe again.
        until echo "virtio-uml.$2" >/sys/bus/platform/drivers/virtio-uml/bind; do
            sleep 0.1
        done 2>/dev/null
        say "disk at place $2"
        ;;
    storm) storm "$2" 300 ;;
    fill-run)
        # First with large blocks, which is fast, then to the last byte.
        dd if=/dev/zero of=/run/lab-filler bs=1M 2>/dev/null
        cat /dev/zero >>/run/lab-filler 2>/dev/null
        say "/run is full"
        ;;
    empty-run)
        rm -f /run/lab-filler
        say "/run is empty again"
        ;;
    refuse-forks)
        # fork(2) returns EAGAIN to root as well. The smallest number that the kernel takes.
        threads=$(cat /proc/sys/kernel/threads-max)
        echo 20 >/proc/sys/kernel/threads-max
        say "no process can be started"
        ;;
    allow-forks)
        echo "$threads" >/proc/sys/kernel/threads-max
        say "processes can be started again"
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
