#!/bin/sh
# Debian systems in folders of the cache, made once and never written to afterwards; their users lay
# an overlay over them.
#
#   debian.sh hooks         a small Debian 12: the tests of kernel packages' hooks (a minute)
#   debian.sh other         the release that this machine has not, with all of qemu/packages, a virtual
#                           environment and a kernel: qemu/other-debian.sh (some minutes)
#   debian.sh --print KIND  the folder, which need not exist
set -eu

cd "$(dirname "$0")/.."
. qemu/common.sh

other_suite() {
    case "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" in
    trixie) echo bookworm ;;
    *) echo trixie ;;
    esac
}

# What a kind consists of. Another recipe is another folder.
describe() {
    case "$1" in
    hooks)
        what="a small Debian for the tests of hooks"
        suite=bookworm
        # What `initpy install` needs there: kernel-install and udev, and all that the generic image
        # holds.
        include="systemd udev kmod zstd busybox-static cryptsetup-bin lvm2 mdadm python3 python3-pyudev
            python3-pyelftools python3-rich python3-zstandard python3-lz4"
        recipe="$include"
        ;;
    other)
        what="the other Debian"
        suite="$(other_suite)"
        include="$(packages)"
        recipe="$include $(sed '/^\[tool/,$d' pyproject.toml) $(cat qemu/debian.sh)"
        ;;
    *) fail "qemu/debian.sh knows no Debian named $1
  try: hooks, other" ;;
    esac
    target="$cache/debian/$1-$suite-$(printf %s "$recipe" | sha256sum | cut -c1-12)"
}

# Where this machine's apt takes Debian from; empty where it has no lists.
apt_mirror() {
    found="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        'Label: Debian' 'Component: main' | sed -n 1p)"
    case "$found" in
    # A file that lists mirrors, as Debian's images for clouds have it: apt-transport-mirror(1).
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
    [ -n "$mirror" ] || fail "apt on this machine knows no mirror of Debian
  try: name one in INITPY_DEBIAN_MIRROR"
}

# An older keyring does not know the key of a newer release.
need_keys() {
    [ ! -e "/usr/share/keyrings/debian-archive-$suite-stable.gpg" ] || return 0
    apt-get -qq -y install debian-archive-keyring >/dev/null || true
}

# How this machine's apt reaches its mirrors.
apt_settings() {
    apt-config dump | grep -E '^Acquire::(https?:|Check-)' || true
    echo 'Acquire::Retries "3";'
}

# Files by which pip and apt of this machine get through its network. Lines that name none are of no
# harm.
network_files() {
    printf '%s\n' /etc/ssl/certs/ca-certificates.crt /etc/pip.conf "$HOME/.config/pip/pip.conf" \
        "${PIP_CONFIG_FILE:-}" "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}"
    apt-config dump | sed -n 's/^Acquire::https.*::CaInfo "\(.*\)";/\1/Ip'
}

# mmdebstrap calls this with the folder while apt there still has its lists.
finish_other() {
    network_files | sort -u | while read -r file; do
        [ ! -f "$file" ] || install -D -m 0644 "$file" "$1$file"
    done
    # initpy stays editable: qemu/other-debian.sh mounts the checkout there.
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

make_system() {
    find_mirror
    need_keys
    say "making $what ($suite) from $mirror (once; what it says: $log)"
    # Those of makers that were killed.
    rm -rf --one-file-system "$cache/debian"/.new.*
    work="$(mktemp -d "$cache/debian/.new.XXXXXX")"
    trap 'rm -rf --one-file-system "$work"' EXIT
    apt_settings >"$work/apt"
    script="$PWD/qemu/debian.sh"
    export script kind
    # It ends when this script does, and takes its mounts along.
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child mmdebstrap --mode=root \
        --variant=apt --aptopt="$work/apt" --include="$include" \
        --customize-hook='"$script" --finish "$kind" "$1"' "$suite" "$work/root" \
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        >"$log" 2>&1 &
    maker=$!
    trap 'kill -KILL "$maker"; wait "$maker" || exit 130' INT TERM
    wait "$maker" || {
        tail -n 10 "$log" >&2
        fail "mmdebstrap failed (all it said: $log)
  try: check the network; another mirror, in INITPY_DEBIAN_MIRROR"
    }
    mv "$work/root" "$target"
    # The one before may be in use by another checkout.
    # shellcheck disable=SC2012  # names of our own making
    ls -dt "$cache/debian/$kind"-* | tail -n +3 | xargs -r rm -rf --one-file-system
}

case "${1:-}" in
--finish)
    [ "$2" != other ] || finish_other "$3"
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
    say "only root can make $what; what runs there will be skipped" >&2
    exit 0
fi
mkdir -p "$cache/debian"
log="$cache/debian/$kind.log"
# Of several checkouts, one makes it.
exec 9>"$cache/debian/lock"
flock 9
[ -d "$target" ] || make_system
