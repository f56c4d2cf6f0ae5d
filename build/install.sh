#!/bin/sh
# Installs initpy from a checkout: `make install` calls it as install.sh PREFIX DESTDIR.
# PREFIX is a path of the installed system, DESTDIR the directory that becomes its root.
set -eu

cd "$(dirname "$0")/.."
prefix="${1:?}"
destdir="${2:-}"
library="$prefix/lib/initpy"
command="$prefix/bin/initpy"

# put SOURCE MODE TARGET: installs a file and fills in the paths of this system.
put() {
    mkdir -p "$(dirname "$destdir$3")"
    sed "s|@INITPY@|$command|; s|@LIBRARY@|$library|" "$1" >"$destdir$3.new"
    chmod "$2" "$destdir$3.new"
    mv -f "$destdir$3.new" "$destdir$3"
}

rm -rf "$destdir${library:?}"
find initpy jobs rules build -type f ! -name '*.pyc' ! -path 'build/debian/*' \
    ! -path 'build/kernel-install/*' ! -name '*.sh' | while read -r file; do
    mkdir -p "$destdir$library/$(dirname "$file")"
    install -m 0644 "$file" "$destdir$library/$file"
done
# As distribution packages do: a user other than root could not store the bytecode and would
# compile it at each start.
(cd "$destdir$library" && python3 -m compileall -q -d "$library/initpy" initpy)
put build/command.py 0755 "$command"
put build/debian/postinst 0755 /etc/kernel/postinst.d/initpy
put build/debian/postrm 0755 /etc/kernel/postrm.d/initpy
put build/debian/header_postinst 0755 /etc/kernel/header_postinst.d/initpy
# Below /usr whatever the prefix: kernel-install searches no other directory.
for name in 50-initpy 59-initpy 86-initpy; do
    put build/kernel-install/50-initpy.install 0755 "/usr/lib/kernel/install.d/$name.install"
done
echo "initpy: installed $destdir$command"
echo "initpy: installed the hooks below $destdir/etc/kernel and $destdir/usr/lib/kernel"
