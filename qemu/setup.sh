#!/bin/sh
# Set up a bare Debian 12 or 13 for `make demo` and `make test`: packages, a virtual environment, an
# unpacked (not installed) kernel package. Idempotent; a stamp with a hash of the inputs makes later
# runs fast.
set -eu

cd "$(dirname "$0")/.."
. qemu/common.sh
stamp="$cache/setup.stamp"

missing_packages() {
    # dpkg-query fails for an unknown name, but prints the known ones.
    installed="
$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' 2>/dev/null |
        sed -n 's/^installed //p')
"
    packages | while read -r wanted; do
        # shellcheck disable=SC2254  # a pattern on purpose
        case "$installed" in
        *"
"$wanted"
"*) ;;
        *) printf '%s ' "$wanted" ;;
        esac
    done
}

inputs() {
    sha256sum pyproject.toml qemu/setup.sh qemu/common.sh qemu/packages qemu/debian.sh
    /usr/bin/python3 --version 2>/dev/null || true
}

up_to_date() {
    [ -f "$stamp" ] && [ -x .venv/bin/python ] && [ -z "$(missing_packages)" ] &&
        [ "$(inputs; pwd)" = "$(cat "$stamp")" ] && ls "$cache"/kernels/*/boot/vmlinuz-* >/dev/null 2>&1 &&
        { [ "$(id -u)" != 0 ] || [ -d "$(qemu/debian.sh --print debian-12)" ]; }
}

install_packages() {
    missing="$(missing_packages)"
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || fail "these packages are missing and only root can install them:
  try: sudo apt-get install --no-install-recommends $missing"
    say "installing $missing(Debian packages: tools that create, fill and boot disks)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o Acquire::Retries=3 update || fail "apt-get update failed
  try: check the network and apt's sources (man sources.list), then run make setup again"
    # No globbing: patterns are for apt, not for this shell.
    set -f
    # shellcheck disable=SC2086
    apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends $missing \
        >"$cache/apt.log" 2>&1 || {
        tail -n 15 "$cache/apt.log" >&2
        fail "apt-get install failed (log: $cache/apt.log)
  try: apt-get install --no-install-recommends $missing"
    }
    set +f
}

make_venv() {
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "creating .venv from /usr/bin/python3 (the interpreter that goes into the image)"
        rm -rf .venv
        /usr/bin/python3 -m venv .venv || fail "cannot create .venv
  try: apt-get install python3-venv"
    fi
    say "installing the Python packages of pyproject.toml into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 5 \
        -e '.[desk,dask,test]' || fail "pip failed
  try: check the network (PIP_INDEX_URL sets a mirror, PIP_CERT a proxy's certificate), then run
  make setup again"
}

if up_to_date; then
    exit 0
fi
mkdir -p "$cache"
rm -f "$stamp"
install_packages
# In parallel, as both mostly wait for the network.
qemu/debian.sh debian-12 &
debian=$!
make_venv
.venv/bin/python qemu/prepare_kernel.py
wait "$debian"
(inputs; pwd) >"$stamp"
say "done"
