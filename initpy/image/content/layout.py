"""The fixed content of every image: folders, links, device nodes, /init, initrd-release."""

import stat
from pathlib import Path

from initpy.image.tree import Entry, File, Folder, Link, Node, Tree

FOLDERS = {
    "/dev": 0o755,
    "/etc": 0o755,
    "/proc": 0o555,
    "/root": 0o700,
    "/run": 0o755,
    "/sys": 0o555,
    "/sysroot": 0o755,
    "/tmp": 0o1777,
    "/usr/bin": 0o755,
    "/usr/lib": 0o755,
    "/usr/lib64": 0o755,
    "/usr/sbin": 0o755,
    "/var": 0o755,
}

# /lib32 and /libx32 hold libraries of ABIs that no program of the image has.
MERGED = ("bin", "sbin", "lib", "lib64")

LINKS = {
    "/etc/mtab": "/proc/self/mounts",  # mount(8) and file system tools read it
    "/var/run": "/run",
    "/var/lock": "/run/lock",
}

# Before devtmpfs is mounted, the kernel opens the console and the interpreter reads random numbers.
# Python aborts if getrandom(2) would block and there is no /dev/urandom. The numbers are those of
# Documentation/admin-guide/devices.txt.
NODES = {
    "/dev/console": (0o600, 5, 1),
    "/dev/kmsg": (0o600, 1, 11),
    "/dev/null": (0o666, 1, 3),
    "/dev/random": (0o666, 1, 8),
    "/dev/tty": (0o666, 5, 0),
    "/dev/urandom": (0o666, 1, 9),
    "/dev/zero": (0o666, 1, 5),
}


def add_layout(tree: Tree) -> None:
    """Add the folders, the links of the merged /usr, and the device nodes."""
    for path, mode in FOLDERS.items():
        tree.add(path, Folder(mode), replace=True)
    for name in MERGED:
        tree.add(f"/{name}", Link(f"usr/{name}"))
    for path, target in LINKS.items():
        tree.add(path, Link(target))
    for path, (mode, major, minor) in NODES.items():
        tree.add(path, Node(stat.S_IFCHR | mode, major, minor))


def entry_points(version: str) -> dict[str, Entry]:
    """Return /init and /usr/bin/initpy, which start the interpreter in isolated mode."""
    # -I: no environment and no user's folder; -S: no site; -B: write no bytecode.
    first = f"#!/usr/bin/python{version} -ISB\n"
    init = "from initpy.runtime.supervisor import main\n\nmain()\n"
    command = "from initpy.cli import main\n\nraise SystemExit(main())\n"
    return {
        "/init": File((first + init).encode(), 0o755),
        "/usr/bin/initpy": File((first + command).encode(), 0o755),
    }


def release(system: Path = Path("/etc/os-release")) -> bytes:
    """Return /etc/initrd-release, by which programs recognise an initramfs (os-release(5))."""
    text = "ID=linux\nNAME=Linux\n"
    if system.is_file():
        text = system.read_text("utf-8", "surrogateescape")
    kept = [line for line in text.splitlines() if not line.startswith(("VARIANT", "PRETTY_NAME"))]
    pretty = next((line for line in text.splitlines() if line.startswith("PRETTY_NAME=")), "")
    name = pretty.partition("=")[2].strip("\"'") or "Linux"
    kept += [f'PRETTY_NAME="{name} (initpy initramfs)"', "VARIANT_ID=initpy"]
    return ("\n".join(kept) + "\n").encode(errors="surrogateescape")
