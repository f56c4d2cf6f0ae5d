#!/bin/sh
# Set up a bare Debian 12 or 13 for `make demo` and `make test`: packages, a virtual environment, a
# kernel package unpacked (not installed). Idempotent; a stamp keyed by its inputs makes later runs
# quick.
set -eu

cd "$(dirname "$0")/.."
. qemu/common.sh
stamp="$cache/setup.stamp"

missing_packages() {
    # dpkg-query fails for a name that it never saw; what it knows is printed all the same.
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
        { [ "$(id -u)" != 0 ] || [ -d "$(qemu/debian.sh --print hooks)" ]; }
}

install_packages() {
    missing="$(missing_packages)"
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || fail "these packages are missing and only root can install them:
  try: sudo apt-get install --no-install-recommends $missing"
    say "installing $missing(Debian packages; tools that make, fill and boot disks)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o Acquire::Retries=3 update || fail "apt-get update failed
  try: check the network and apt's sources (man sources.list), then run make setup again"
    # The words are package names, and patterns for apt and not for this shell.
    set -f
    # shellcheck disable=SC2086
    apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends $missing \
        >"$cache/apt.log" 2>&1 || {
        tail -n 15 "$cache/apt.log" >&2
        fail "apt-get install failed (all it said: $cache/apt.log)
  try: apt-get install --no-install-recommends $missing"
    }
    set +f
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
# Both wait for the network most of the time.
qemu/debian.sh hooks &
hooks=$!
make_venv
.venv/bin/python qemu/prepare_kernel.py
wait "$hooks"
(inputs; pwd) >"$stamp"
say "done"
