#!/bin/sh
# Run lint, types and tests on the Debian release that this machine has not, with its own programs.
#
# The checkout and the Debian are lower layers of overlays in a private mount name space: nothing is
# written to either, and nothing stays mounted or running however this ends.
set -eu

cd "$(dirname "$0")/.."
label=other-debian
. qemu/common.sh

# Seconds that a step may take: several times what it takes on two cores.
limit="${OTHER_DEBIAN_LIMIT:-900}"

# What runs there, in this order: a name, and words for its Python. tests/simulation and
# tests/properties depend on no program of the distribution; tests/debian has a Debian of its own.
steps() {
    cat <<LIST
lint -m ruff check --no-cache
types -m mypy --cache-dir /root/.cache/mypy
unit -m pytest -p no:cacheprovider -n 2 tests/unit
boots -m pytest -p no:cacheprovider -n 3 --dist worksteal $(boots)
LIST
}

# The scenarios that are booted there, in its User Mode Linux but for two.
boots() {
    for name in plain-ext4-label lvm-on-luks-on-raid1 raid1-member-late raid5-member-missing \
        raid10-pair-missing lvm-thin lvm-raid1-member-missing btrfs-raid1-late luks-keyfile \
        luks-typed-at-once bcache-disk-late usr-checked-on-lvm loop-file-on-lvm shell-unlock \
        driver-missing partuuid-nvme; do
        printf 'tests/boot/test_scenarios.py::test_scenario_holds[%s] ' "$name"
    done
}

# The inner half: process 1 of its own name space, whose end kills all that runs there.
inside() {
    root="$1" work="$2" failed=""
    mount --make-rprivate /
    mount -t tmpfs -o mode=0755 changes "$work"
    mkdir "$work/system" "$work/src" "$work/.system" "$work/.src" "$work/root"
    mount -t overlay -o "lowerdir=$root,upperdir=$work/system,workdir=$work/.system" debian "$work/root"
    mount -t overlay -o "lowerdir=$PWD,upperdir=$work/src,workdir=$work/.src" checkout "$work/root/src"
    # Kept: the kernel, images and the caches of tools.
    mount --bind "$root/root/.cache" "$work/root/root/.cache"
    mount -t proc proc "$work/root/proc"
    mount --rbind /sys "$work/root/sys"
    mount --rbind /dev "$work/root/dev"
    mount -t tmpfs tmp "$work/root/tmp"
    # A test's name may have brackets.
    set -f
    while read -r name words; do
        say "$name ($words)"
        started="$(date +%s)"
        # shellcheck disable=SC2086  # words on purpose
        env -i HOME=/root LC_ALL=C.UTF-8 PATH=/venv/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            timeout --kill-after=10 "$limit" chroot "$work/root" \
            sh -c 'cd /src && exec /venv/bin/python "$@"' sh $words </dev/null || {
            status=$?
            [ "$status" != 124 ] || say "$name took more than $limit seconds and was ended"
            failed="$failed $name"
        }
        say "$name: $(($(date +%s) - started)) s"
    done <<LIST
$(steps)
LIST
    [ -z "$failed" ] || fail "failed:$failed"
}

if [ "${1:-}" = --inside ]; then
    inside "$2" "$3"
    exit
fi
if [ "$(id -u)" != 0 ]; then
    say "only root can mount another Debian and change to it; not run:"
    steps | sed 's/^/  /'
    exit 0
fi
qemu/debian.sh other
root="$(qemu/debian.sh --print other)"
say "in $root"
mkdir -p "$cache/debian/mnt"
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
    qemu/other-debian.sh --inside "$root" "$cache/debian/mnt"
