#!/bin/sh
# The kernel starts this script instead of /init (rdinit=) to measure memory. It samples process 1 and
# the engine twice a second until root is mounted, and reports the peak of both to the lab.

# memory PROCESS: set rss and pss, in KiB. RSS counts a shared page for each process; PSS divides it
# among them (smaps_rollup in proc(5)).
memory() {
    rss=0 pss=0
    while read -r key value _; do
        case "$key" in
        Rss:) rss=$value ;;
        Pss:) pss=$value ;;
        esac
    done <"/proc/$1/smaps_rollup"
}

(
    most=0 samples=0
    while [ ! -e /sysroot/sbin/init ] && [ "$samples" -lt 200 ]; do
        sleep 0.5
        { read -r engine </run/initpy/engine.pid && memory 1; } 2>/dev/null || continue
        init_rss=$rss init_pss=$pss
        memory "$engine" 2>/dev/null || continue
        samples=$((samples + 1))
        [ $((init_rss + rss)) -gt "$most" ] || continue
        most=$((init_rss + rss))
        {
            echo
            echo "INITPY-LAB fact initpy.init.rss=$init_rss"
            echo "INITPY-LAB fact initpy.init.pss=$init_pss"
            echo "INITPY-LAB fact initpy.engine.rss=$rss"
            echo "INITPY-LAB fact initpy.engine.pss=$pss"
        } >/dev/ttyS1
    done
) &
exec /init "$@"
