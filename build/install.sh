#!/bin/sh
# Put initpy in place on this system: `make install` calls it as install.sh PREFIX DESTDIR, in the
# checkout. PREFIX is a path of the system itself, DESTDIR a folder that becomes its root.
set -eu

cd "$(dirname "$0")/.."
prefix="${1:?}"
destdir="${2:-}"
library="$prefix/lib/initpy"
command="$prefix/bin/initpy"

# from mode to: with the paths of this system in it
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
# As packages do: who is not root cannot keep the bytecode, and would wait for it each time.
(cd "$destdir$library" && python3 -m compileall -q -d "$library/initpy" initpy)
put build/command.py 0755 "$command"
put build/debian/postinst 0755 /etc/kernel/postinst.d/initpy
put build/debian/postrm 0755 /etc/kernel/postrm.d/initpy
put build/debian/header_postinst 0755 /etc/kernel/header_postinst.d/initpy
# Where distributions have theirs, whatever the prefix is: kernel-install looks nowhere else.
for name in 50-initpy 59-initpy 86-initpy; do
    put build/kernel-install/50-initpy.install 0755 "/usr/lib/kernel/install.d/$name.install"
done
echo "initpy is in $destdir$command; its hooks are in $destdir/etc/kernel and $destdir/usr/lib/kernel"
