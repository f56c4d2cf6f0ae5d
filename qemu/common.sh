# Read by setup.sh, debian.sh and other-debian.sh, which run in the checkout's folder.
# shellcheck shell=sh disable=SC2034  # the readers use what is set here

cache="${XDG_CACHE_HOME:-$HOME/.cache}/initpy"

say() { echo "${label:-setup}: $*"; }
fail() {
    say "$@" >&2
    exit 1
}

# The names and patterns of qemu/packages that hold for this architecture.
packages() {
    architecture="$(dpkg --print-architecture)"
    sed 's/ *#.*//' qemu/packages | while read -r name only; do
        case "$only" in "" | "[$architecture]") [ -z "$name" ] || echo "$name" ;; esac
    done
}
