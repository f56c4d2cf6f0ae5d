# Sourced by setup.sh, debian.sh and other-debian.sh, which run in the checkout's folder.
# shellcheck shell=sh disable=SC2034  # the sourcing scripts use the variables

cache="${XDG_CACHE_HOME:-$HOME/.cache}/initpy"

say() { echo "${label:-setup}: $*"; }
fail() {
    say "$@" >&2
    exit 1
}

# packages: print the names and patterns in qemu/packages for this architecture
packages() {
    architecture="$(dpkg --print-architecture)"
    sed 's/ *#.*//' qemu/packages | while read -r name only; do
        case "$only" in "" | "[$architecture]") [ -z "$name" ] || echo "$name" ;; esac
    done
}
