#!/bin/sh
# Create the root of the lab's server machine in the cache, unless it is there, and print its folder:
# Debian packages, unpacked but not configured (half a minute).
set -eu

cd "$(dirname "$0")/.."
. qemu/common.sh

include=base-files,dnsmasq-base,nfs-kernel-server,nbd-server,iproute2,busybox-static,kmod,coreutils,mount
suite="$(. /etc/os-release && echo "$VERSION_CODENAME")"
recipe="$suite $include $(cat qemu/server.sh)"
target="$cache/server/$suite-$(printf %s "$recipe" | sha256sum | cut -c1-12)"
if [ ! -d "$target" ]; then
    mkdir -p "$cache/server"
    rm -rf "$target.new"
    mmdebstrap --quiet --mode=root --variant=extract --include="$include" "$suite" "$target.new" \
        >"$cache/server/log" 2>&1 || {
        tail -n 15 "$cache/server/log" >&2
        fail "mmdebstrap failed (log: $cache/server/log)"
    }
    for folder in proc sys dev run tmp srv var/lib lib/modules; do
        mkdir -p "$target.new/$folder"
    done
    cat >"$target.new/etc/passwd" <<'USERS'
root:x:0:0:root:/:/bin/sh
_rpc:x:100:65534::/run/rpcbind:/usr/sbin/nologin
statd:x:101:65534::/var/lib/nfs:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
USERS
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$target.new/etc/group"
    : >"$target.new/etc/exports"
    cat >"$target.new/lab-init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
for each in proc:proc sysfs:sys devtmpfs:dev tmpfs:run tmpfs:tmp tmpfs:srv tmpfs:var/lib; do
    $b mount -t "${each%%:*}" "${each%%:*}" "/${each#*:}"
done
$b mkdir -p /run/lab /run/bin
$b mount -t hostfs none /lib/modules -o "${LAB_MODULES%/*}"
$b mount -t hostfs none /run/lab -o "$LAB_FOLDER"
$b --install -s /run/bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/run/bin
exec $b sh /run/lab/init
INIT
    chmod 755 "$target.new/lab-init"
    mv "$target.new" "$target"
fi
echo "$target"
