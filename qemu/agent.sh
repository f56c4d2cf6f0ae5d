#!/bin/sh
# Started by the kernel in the place of /init (rdinit=) when a scenario kills the engine: waits for
# orders on the lab's third serial port, and lets the image's own /init go on as process 1.
# ORDERS is how many orders come; afterwards no process of the lab's is left.
(
    exec 3</dev/ttyS2
    orders=0
    while [ "$orders" -lt "$ORDERS" ] && read -r order <&3; do
        orders=$((orders + 1))
        [ "$order" = kill-engine ] || continue
        # Not running yet, or just being restarted: the next one is meant.
        until read -r engine </run/initpy/engine.pid && kill -9 "$engine"; do
            sleep 0.1
        done 2>/dev/null
        echo "<5>INITPY-LAB engine $engine killed" >/dev/kmsg
    done
) &
exec /init "$@"
