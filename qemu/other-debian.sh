#!/bin/sh
# Run lint, types and tests with the programs of the Debian release that this machine does not run.
#
# The checkout and that Debian are lower layers of overlays in a private mount namespace. The script
# writes to neither, and leaves no mount and no process, however it ends.
set -eu

cd "$(dirname "$0")/.."
label=other-debian
. qemu/common.sh

# The time limit of a step in seconds: several times its usual duration on two processors.
limit="${OTHER_DEBIAN_LIMIT:-1800}"

# steps: print the steps in their order: a name, and arguments for Python. tests/simulation and
# tests/properties use no program of the distribution; tests/debian uses its own Debian.
#
# Slow tests are left out, as in `make unit`. (Their parentheses spare the expression a space.)
#
# With OTHER_DEBIAN_PEERS=1: compare the drivers of the generic image with those of initramfs-tools'
# and dracut's instead. This needs the network, and half an hour when it runs first.
steps() {
    if [ -n "${OTHER_DEBIAN_PEERS:-}" ]; then
        echo "drivers -m pytest -p no:cacheprovider tests/debian/test_generic_drivers.py"
        return
    fi
    cat <<LIST
lint -m ruff check --no-cache
types -m mypy --cache-dir /root/.cache/mypy
unit -m pytest -p no:cacheprovider -n 2 --dist worksteal -m not(slow) tests/unit
boots -m pytest -p no:cacheprovider -n 3 --dist worksteal $(boots)
LIST
}

# boots: print the scenarios to boot there, all but two in its User Mode Linux
boots() {
    for name in plain-ext4-label lvm-on-luks-on-raid1 raid1-member-late raid5-member-missing \
        raid10-pair-missing lvm-thin lvm-raid1-member-missing btrfs-raid1-late luks-keyfile \
        luks-typed-at-once bcache-disk-late usr-checked-on-lvm loop-file-on-lvm shell-unlock \
        driver-missing partuuid-nvme; do
        printf 'tests/boot/test_scenarios.py::test_scenario_holds[%s] ' "$name"
    done
}

# inside ROOT WORK: the part that runs as process 1 of a PID namespace, whose end kills all processes
inside() {
    root="$1" work="$2" failed=""
    mount --make-rprivate /
    mount -t tmpfs -o mode=0755 changes "$work"
    mkdir "$work/system" "$work/src" "$work/.system" "$work/.src" "$work/root"
    mount -t overlay -o "lowerdir=$root,upperdir=$work/system,workdir=$work/.system" debian "$work/root"
    mount -t overlay -o "lowerdir=$PWD,upperdir=$work/src,workdir=$work/.src" checkout "$work/root/src"
    # Keep the kernel, images and the caches of tools.
    mount --bind "$root/root/.cache" "$work/root/root/.cache"
    mount -t proc proc "$work/root/proc"
    mount --rbind /sys "$work/root/sys"
    mount --rbind /dev "$work/root/dev"
    mount -t tmpfs tmp "$work/root/tmp"
    if [ -n "${OTHER_DEBIAN_PEERS:-}" ]; then
        # debootstrap needs both; the changes disappear with the overlay.
        env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$work/root" \
            sh -c 'apt-get -qq update && apt-get -qq install -y wget' </dev/null >/dev/null
        limit="${OTHER_DEBIAN_LIMIT:-3600}"
    fi
    # No globbing: names of tests contain brackets.
    set -f
    while read -r name words; do
        say "$name ($words)"
        started="$(date +%s)"
        # shellcheck disable=SC2086  # several words on purpose
        env -i HOME=/root LC_ALL=C.UTF-8 PATH=/venv/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            timeout --signal=INT --kill-after=60 "$limit" chroot "$work/root" \
            sh -c 'cd /src && exec /venv/bin/python "$@"' sh $words </dev/null || {
            status=$?
            [ "$status" != 124 ] || say "$name exceeded its limit of $limit seconds"
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
    say "only root can mount another Debian and chroot into it; not run:"
    steps | sed 's/^/  /'
    exit 0
fi
qemu/debian.sh other
root="$(qemu/debian.sh --print other)"
say "in $root"
mkdir -p "$cache/debian/mnt"
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
    qemu/other-debian.sh --inside "$root" "$cache/debian/mnt"
