#!/bin/sh
# Create a Debian system in a folder of the cache. It stays unchanged afterwards: users mount an
# overlay over it.
#
#   debian.sh other         the Debian release that this machine does not run, with all of
#                           qemu/packages, a virtual environment and a kernel, for
#                           qemu/other-debian.sh (some minutes)
#   debian.sh debian-12     Debian 12 as its installer leaves it, for scenarios with `system` and the
#                           tests of kernel packages' hooks (a minute)
#   debian.sh debian-13     Debian 13, the same
#   debian.sh debian-12-sysvinit    Debian 12 with another init; also debian-12-openrc, debian-12-runit
#   debian.sh debian-12-loader      Debian 12 with the programs of systemd-boot
#   debian.sh debian-12-san         Debian 12 with open-iscsi, multipath-tools and nvme-cli; also -13-
#   debian.sh debian-12-links       Debian 12 with NetworkManager, and what ifupdown needs for bonds,
#                                   VLANs and bridges; also debian-13-links
#   debian.sh debian-12-cloud       Debian 12 with cloud-init; also debian-13-cloud
#   debian.sh --print KIND  print the folder, whether it exists or not
set -eu

cd "$(dirname "$0")/.."
. qemu/common.sh

other_suite() {
    case "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" in
    trixie) echo bookworm ;;
    *) echo trixie ;;
    esac
}

# installed: print the packages that Debian's installer adds to those of priority `important` for a
# machine with these layers, and what docs/install.md demands
installed() {
    echo systemd-sysv udev dbus libpam-systemd kmod cron ifupdown procps iproute2 \
        lvm2 mdadm cryptsetup e2fsprogs xfsprogs btrfs-progs dosfstools util-linux console-setup \
        busybox-static zstd python3 python3-pyudev python3-pyroute2 python3-pyelftools python3-rich \
        python3-zstandard
}

# describe KIND: set what, suite, include, and the target folder, whose name depends on the recipe
describe() {
    variant=apt excluded=""
    case "$1" in
    other)
        what="the other Debian"
        suite="$(other_suite)"
        include="$(packages)"
        recipe="$include $(sed '/^\[tool/,$d' pyproject.toml) $(cat qemu/debian.sh)"
        ;;
    debian-12 | debian-13 | debian-12-sysvinit | debian-12-openrc | debian-12-runit | debian-12-loader | \
        debian-12-iscsi | debian-12-nm | debian-1[23]-san | debian-1[23]-links | debian-1[23]-cloud)
        what="a Debian ${1#debian-} as installed"
        suite=bookworm
        include="$(installed)"
        case "$1" in
        debian-13*)
            suite=trixie
            # A package of its own since Debian 13: without it crypttab is not read.
            include="$include systemd-cryptsetup"
            ;;
        esac
        # Other inits, and with them what replaces or needs systemd's.
        other=""
        case "$1" in
        *-sysvinit) other="sysvinit-core sysv-rc" ;;
        *-openrc) other="sysvinit-core openrc" ;;
        *-runit) other="runit-init runit initscripts sysv-rc" ;;
        esac
        variant=important
        case "$1" in
        *-loader) include="$include systemd-boot" ;;
        *-iscsi) include="$include open-iscsi" ;;
        *-nm) include="$include network-manager" ;;
        *-san) include="$include open-iscsi multipath-tools nvme-cli" ;;
        *-links) include="$include network-manager ifenslave vlan bridge-utils" ;;
        *-cloud) include="$include cloud-init" ;;
        esac
        if [ -n "$other" ]; then
            include="$(echo "$include" | sed "s/systemd-sysv/$other/; s/libpam-systemd//")"
            variant=required # systemd-sysv is important
        fi
        excluded='path-exclude=/usr/share/doc/* path-exclude=/usr/share/info/* path-exclude=/usr/share/man/*
            path-exclude=/usr/share/locale/*'
        recipe="$variant $include $excluded $(sed -n '/^finish_installed/,/^}/p' qemu/debian.sh)"
        ;;
    *) fail "qemu/debian.sh: unknown kind: $1
  try: other, debian-12, debian-13, debian-12-sysvinit, debian-12-openrc, debian-12-runit,
  debian-12-loader, debian-12-iscsi, debian-12-nm, debian-12-san, debian-13-san, debian-12-links,
  debian-13-links, debian-12-cloud, debian-13-cloud" ;;
    esac
    target="$cache/debian/$1-$suite-$(printf %s "$recipe" | sha256sum | cut -c1-12)"
}

# apt_mirror: print the mirror of this machine's apt; nothing without package lists
apt_mirror() {
    found="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        'Label: Debian' 'Component: main' | sed -n 1p)"
    case "$found" in
    # A file with a list of mirrors, as in Debian's cloud images: apt-transport-mirror(1).
    mirror+file:*)
        list="${found#mirror+file:}"
        sed -n 's/^\([^#[:space:]]\{1,\}\).*/\1/p' "${list%/}" | sed -n 1p
        ;;
    *) echo "$found" ;;
    esac
}

find_mirror() {
    mirror="${INITPY_DEBIAN_MIRROR:-$(apt_mirror)}"
    if [ -z "$mirror" ]; then
        apt-get -qq -o Acquire::Retries=3 update || true
        mirror="$(apt_mirror)"
    fi
    [ -n "$mirror" ] || fail "apt on this machine has no mirror of Debian
  try: set one in INITPY_DEBIAN_MIRROR"
}

# need_keys: install a keyring with the keys of the release
need_keys() {
    [ ! -e "/usr/share/keyrings/debian-archive-$suite-stable.gpg" ] || return 0
    apt-get -qq -y install debian-archive-keyring >/dev/null || true
}

# apt_settings: print this machine's settings for reaching its mirrors
apt_settings() {
    apt-config dump | grep -E '^Acquire::(https?:|Check-)' || true
    echo 'Acquire::Retries "3";'
}

# network_files: print the files with this machine's network settings for pip and apt, and perhaps
# empty lines
network_files() {
    printf '%s\n' /etc/ssl/certs/ca-certificates.crt /etc/pip.conf "$HOME/.config/pip/pip.conf" \
        "${PIP_CONFIG_FILE:-}" "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}"
    apt-config dump | sed -n 's/^Acquire::https.*::CaInfo "\(.*\)";/\1/Ip'
}

# finish_other FOLDER: mmdebstrap's hook, called while apt in the folder still has its lists
finish_other() {
    network_files | sort -u | while read -r file; do
        [ ! -f "$file" ] || install -D -m 0644 "$file" "$1$file"
    done
    # The installation is editable: qemu/other-debian.sh mounts the checkout at /src.
    mkdir "$1/src"
    cp -r pyproject.toml README.md initpy qemu "$1/src"
    env -u TMPDIR XDG_CACHE_HOME=/root/.cache chroot "$1" sh -ec '
        cd /src
        /usr/bin/python3 -m venv /venv
        /venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir \
            --retries 5 -e ".[desk,dask,test]"
        /venv/bin/python qemu/prepare_kernel.py
        rm /root/.cache/initpy/*.deb'
}

# finish_installed FOLDER: mmdebstrap's hook: what the installer's own steps leave
finish_installed() {
    printf 'debian\n' >"$1/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n' >"$1/etc/hosts"
    printf 'source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n' \
        >"$1/etc/network/interfaces"
    rm -rf "$1/var/cache/apt" "$1/var/lib/apt/lists"
    mkdir -p "$1/var/cache/apt/archives/partial" "$1/var/lib/apt/lists/partial"
}

make_system() {
    find_mirror
    need_keys
    say "creating $what ($suite) from $mirror (once; log: $log)"
    # Remove the remains of killed runs.
    rm -rf --one-file-system "$cache/debian"/.new.*
    work="$(mktemp -d "$cache/debian/.new.XXXXXX")"
    trap 'rm -rf --one-file-system "$work"' EXIT
    apt_settings >"$work/apt"
    dpkg_options=""
    # No globbing: the patterns are dpkg's.
    set -f
    for each in $excluded; do
        dpkg_options="$dpkg_options --dpkgopt=$each"
    done
    script="$PWD/qemu/debian.sh"
    export script kind
    # mmdebstrap ends with this script, and its mounts with it.
    # shellcheck disable=SC2086  # several options on purpose
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child mmdebstrap --mode=root \
        --variant="$variant" --aptopt="$work/apt" --include="$include" $dpkg_options \
        --customize-hook='"$script" --finish "$kind" "$1"' "$suite" "$work/root" \
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        >"$log" 2>&1 &
    maker=$!
    set +f
    trap 'kill -KILL "$maker"; wait "$maker" || exit 130' INT TERM
    wait "$maker" || {
        tail -n 10 "$log" >&2
        fail "mmdebstrap failed (log: $log)
  try: check the network; set another mirror in INITPY_DEBIAN_MIRROR"
    }
    mv "$work/root" "$target"
    # Keep the previous one, which another checkout may use.
    # shellcheck disable=SC2012  # this script chose the names
    ls -dt "$cache/debian/$kind-$suite"-* | tail -n +3 | xargs -r rm -rf --one-file-system
}

case "${1:-}" in
--finish)
    case "$2" in
    other) finish_other "$3" ;;
    debian-*) finish_installed "$3" ;;
    esac
    exit
    ;;
--print)
    describe "$2"
    echo "$target"
    exit
    ;;
esac
kind="${1:-}"
describe "$kind"
[ ! -d "$target" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    say "only root can create $what; its tests will be skipped" >&2
    exit 0
fi
mkdir -p "$cache/debian"
log="$cache/debian/$kind.log"
# Only one of several checkouts creates it.
exec 9>"$cache/debian/lock"
flock 9
[ -d "$target" ] || make_system
