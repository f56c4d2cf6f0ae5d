#!/bin/sh
# Build the driver of ZFS for the lab's kernel, and collect its tools, in a folder of the cache. Debian has
# both in contrib, the driver as source only.
#
#   zfs.sh RELEASE           build (once; half an hour of one processor). A run that was killed goes on.
#   zfs.sh --print RELEASE   print the folder, whether it exists or not
#
# In the folder: `system`, a Debian 12 with zfs-dkms and zfsutils-linux; `usr`, the files of the tools and
# their libraries; `modules/RELEASE`, the kernel's modules with those of ZFS.
set -eu

cd "$(dirname "$0")/.."
label=zfs
. qemu/common.sh

if [ "$1" = --print ]; then
    echo "$cache/zfs/$2"
    exit
fi
release="$1" target="$cache/zfs/$1" work="$cache/zfs/.new-$1"
kernel="$cache/kernels/$release/usr/lib/modules/$release"
tools="zfsutils-linux libzfs4linux libzpool5linux libnvpair3linux libuutil3linux"
[ ! -d "$target" ] || exit 0
[ "$(id -u)" = 0 ] || fail "only root can build the driver of ZFS in a chroot"
[ -d "$kernel" ] || fail "no kernel $release in $cache/kernels
  try: make setup"
mkdir -p "$work"
exec 9>"$cache/zfs/.lock"
flock 9
[ ! -d "$target" ] || exit 0
log="$cache/zfs/log"

# make_system: a Debian with the tools and the source, without a build: there are no headers yet
make_system() {
    say "creating a Debian 12 with zfs-dkms (once; log: $log)"
    mirror="${INITPY_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' 'Label: Debian' 'Component: main' | sed -n 1p)}"
    [ -n "$mirror" ] || fail "apt on this machine has no mirror of Debian
  try: set one in INITPY_DEBIAN_MIRROR"
    { apt-config dump | grep -E '^Acquire::(https?:|Check-)' || true; } >"$work/apt"
    echo 'Acquire::Retries "3";' >>"$work/apt"
    rm -rf --one-file-system "$work/making"
    # What docs/install.md demands, and what a system as installed has for its root.
    mmdebstrap --mode=root --variant=important --aptopt="$work/apt" --components="main contrib" \
        --include="systemd-sysv udev kmod zstd busybox-static e2fsprogs mdadm lvm2 cryptsetup python3 \
            python3-pyudev python3-pyroute2 python3-pyelftools python3-rich python3-zstandard \
            build-essential dkms zfs-dkms zfsutils-linux" \
        bookworm "$work/making" "$mirror" >"$log" 2>&1 || {
        tail -n 10 "$log" >&2
        fail "mmdebstrap failed (log: $log)"
    }
    mv "$work/making" "$work/system"
}

# add_headers: the headers of the lab's kernel, unpacked and not installed: no hook runs
add_headers() {
    mkdir -p "$work/debs"
    common="linux-headers-${release%-*}-common"
    (cd "$work/debs" && apt-get -o Acquire::Retries=3 download "linux-headers-$release" "$common" \
        "$(apt-cache depends "linux-headers-$release" | sed -n 's/.*Depends: \(linux-kbuild-.*\)/\1/p')")
    for each in "$work"/debs/*.deb; do
        dpkg-deb --fsys-tarfile "$each" | tar -C "$work/system" --keep-directory-symlink -xf -
    done
    touch "$work/headers"
}

# build: configure and make, which go on where a run before has ended
build() {
    say "building the driver of ZFS for $release (log: $log)"
    unshare --mount --pid --fork --kill-child sh -ec '
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        exec chroot "$1" sh -ec "
            [ -d /var/tmp/zfs ] || cp -r /usr/src/zfs-*/ /var/tmp/zfs
            cd /var/tmp/zfs
            [ -e Makefile ] || ./configure --with-config=kernel --with-linux=/lib/modules/$2/source \
                --with-linux-obj=/lib/modules/$2/build
            make"
    ' sh "$work/system" "$release" >>"$log" 2>&1 || fail "the build has failed or was ended (log: $log)"
}

# collect: the tools with the paths of a merged /usr, and the kernel with the driver
collect() {
    rm -rf "$work/usr" "$work/modules"
    mkdir -p "$work/usr" "$work/modules"
    # shellcheck disable=SC2086  # several packages on purpose
    chroot "$work/system" dpkg-query --listfiles $tools | sed 's#^/usr/#/#' |
        grep -E '^/(sbin|bin|lib/udev|lib/[a-z0-9_]*-linux-gnu)/' | sort -u | while read -r each; do
        [ ! -f "$work/system/usr$each" ] || (cd "$work/system/usr" && cp -a --parents ".$each" "$work/usr")
    done
    cp -al "$kernel" "$work/modules/$release"
    rm -f "$work/modules/$release"/modules.dep* "$work/modules/$release"/modules.alias* \
        "$work/modules/$release"/modules.symbols* "$work/modules/$release"/modules.softdep \
        "$work/modules/$release"/modules.devname "$work/modules/$release"/modules.builtin.*bin
    mkdir -p "$work/modules/$release/updates/dkms"
    find "$work/system/var/tmp/zfs/module" -name '*.ko' | while read -r each; do
        strip --strip-debug -o "$work/modules/$release/updates/dkms/${each##*/}" "$each"
    done
    mkdir -p "$work/lib"
    ln -sfn ../modules "$work/lib/modules"
    depmod -b "$work" "$release"
    rm -rf "$work/system/var/tmp/zfs" "$work/debs" "$work/apt"
}

[ -d "$work/system" ] || make_system
[ -e "$work/headers" ] || add_headers
build
collect
mv "$work" "$target"
