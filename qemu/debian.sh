#!/bin/sh
# A small Debian 12 for the tests of kernel packages' hooks: a folder in the cache, made once by
# debootstrap (about a minute) and never written to afterwards; tests lay an overlay over it.
set -eu

cache="${XDG_CACHE_HOME:-$HOME/.cache}/initpy"
# What `initpy install` needs there: kernel-install and udev, and all that the generic image holds.
packages=systemd,udev,kmod,zstd,python3,python3-pyudev,python3-pyelftools,python3-rich,python3-zstandard,python3-lz4
# debootstrap follows no virtual packages: zstandard wants python3-cffi-backend-api-min.
packages=$packages,python3-cffi-backend
packages=$packages,busybox-static,cryptsetup-bin,lvm2,mdadm
# Another list is another folder.
target="$cache/debian/bookworm-$(printf %s "$packages" | sha256sum | cut -c1-12)"

if [ "${1:-}" = --print ]; then
    echo "$target"
    exit 0
fi
[ ! -d "$target" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "setup: only root can make the small Debian for the tests of hooks; they will be skipped" >&2
    exit 0
fi
mirror="${INITPY_DEBIAN_MIRROR:-http://deb.debian.org/debian}"
echo "setup: making a small Debian 12 for the tests of hooks, from $mirror (a minute)"
mkdir -p "$cache/debian"
work="$(mktemp -d "$cache/debian/.new.XXXXXX")"
# Also where it is interrupted.
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
debootstrap --variant=minbase --include="$packages" bookworm "$work/root" "$mirror" \
    >"$cache/debootstrap.log" 2>&1 || {
    tail -n 5 "$cache/debootstrap.log" >&2
    echo "setup: debootstrap failed (all it said: $cache/debootstrap.log)
  try: another mirror, in INITPY_DEBIAN_MIRROR" >&2
    exit 1
}
rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
# Older lists' folders are of no use any more.
find "$cache/debian" -mindepth 1 -maxdepth 1 -name 'bookworm-*' -exec rm -rf --one-file-system {} +
mv "$work/root" "$target"
