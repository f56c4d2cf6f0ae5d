#!/bin/sh
# Set up a bare Debian 12 for `make demo` and `make test`: packages, a virtual environment, a kernel
# package unpacked (not installed). Idempotent; a stamp keyed by its inputs makes later runs quick.
set -eu

cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/initpy"
stamp="$cache/setup.stamp"

# command or file that shows a package to be present -> the package
needs() {
    cat <<'LIST'
/usr/bin/python3 python3
/usr/lib/python3/dist-packages/venv-marker python3-venv
/usr/bin/qemu-system-x86_64 qemu-system-x86
/usr/share/seabios/bios-256k.bin seabios
/usr/sbin/mdadm mdadm
/usr/sbin/cryptsetup cryptsetup-bin
/usr/sbin/lvm lvm2
/usr/sbin/dmsetup dmsetup
/usr/sbin/make-bcache bcache-tools
/usr/lib/systemd/systemd-udevd udev
/usr/bin/kmod kmod
/usr/bin/busybox busybox-static
/usr/bin/zstd zstd
/usr/bin/xz xz-utils
/usr/bin/bzip2 bzip2
/usr/bin/lz4 lz4
/usr/bin/lzop lzop
/usr/bin/cpio cpio
/usr/sbin/mke2fs e2fsprogs
/usr/sbin/sfdisk fdisk
/usr/sbin/mkfs.xfs xfsprogs
/usr/sbin/mkfs.btrfs btrfs-progs
/usr/bin/mksquashfs squashfs-tools
/usr/sbin/mkfs.vfat dosfstools
/usr/sbin/multipath multipath-tools
/usr/share/OVMF/OVMF_CODE_4M.fd ovmf
/usr/lib/systemd/boot/efi/linuxx64.efi.stub systemd-boot-efi
/usr/bin/mcopy mtools
/usr/bin/objdump binutils
/usr/bin/cc gcc
/usr/include/stdio.h libc6-dev
/usr/include/python3.11/Python.h python3-dev
/usr/sbin/kpartx kpartx
/usr/sbin/nbd-client nbd-client
/usr/sbin/debootstrap debootstrap
/usr/bin/openssl openssl
/usr/bin/swtpm swtpm
/usr/lib/systemd/systemd-measure systemd
/usr/lib/x86_64-linux-gnu/libtss2-esys.so.0 libtss2-esys-3.0.2-0
/usr/lib/x86_64-linux-gnu/libtss2-rc.so.0 libtss2-rc0
/usr/lib/x86_64-linux-gnu/libtss2-mu.so.0 libtss2-mu0
/usr/lib/x86_64-linux-gnu/libtss2-tcti-swtpm.so.0 libtss2-tcti-swtpm0
LIST
}

say() { echo "setup: $*"; }
fail() {
    echo "setup: $*" >&2
    exit 1
}

# The venv module is there without the package; ensurepip is what Debian splits off.
present() {
    case "$1" in
    */venv-marker) /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    *) [ -e "$1" ] ;;
    esac
}

missing_packages() {
    needs | while read -r path package; do
        present "$path" || printf '%s ' "$package"
    done
}

inputs() {
    sha256sum pyproject.toml qemu/setup.sh qemu/debian.sh
    /usr/bin/python3 --version 2>/dev/null || true
}

up_to_date() {
    [ -f "$stamp" ] && [ -x .venv/bin/python ] && [ -z "$(missing_packages)" ] &&
        [ "$(inputs; pwd)" = "$(cat "$stamp")" ] && ls "$cache"/kernels/*/boot/vmlinuz-* >/dev/null 2>&1 &&
        { [ "$(id -u)" != 0 ] || [ -d "$(qemu/debian.sh --print)" ]; }
}

install_packages() {
    missing="$(missing_packages)"
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || fail "these packages are missing and only root can install them:
  try: sudo apt-get install --no-install-recommends $missing"
    say "installing $missing(Debian packages; tools that make, fill and boot disks)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o Acquire::Retries=3 update || fail "apt-get update failed
  try: check the network and /etc/apt/sources.list, then run make setup again"
    # shellcheck disable=SC2086  # a list of words on purpose
    apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends $missing \
        >"$cache/apt.log" 2>&1 || {
        tail -n 15 "$cache/apt.log" >&2
        fail "apt-get install failed (all it said: $cache/apt.log)
  try: apt-get install --no-install-recommends $missing"
    }
}

make_venv() {
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "making .venv from /usr/bin/python3 (the interpreter that goes into the image)"
        rm -rf .venv
        /usr/bin/python3 -m venv .venv || fail "cannot make .venv
  try: apt-get install python3-venv"
    fi
    say "installing the Python packages of pyproject.toml into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 5 \
        -e '.[desk,dask,test]' || fail "pip failed
  try: check the network (a mirror is set with PIP_INDEX_URL, a proxy's certificate with PIP_CERT),
  then run make setup again"
}

if up_to_date; then
    exit 0
fi
mkdir -p "$cache"
rm -f "$stamp"
install_packages
make_venv
.venv/bin/python qemu/prepare_kernel.py
qemu/debian.sh
(inputs; pwd) >"$stamp"
say "done"
