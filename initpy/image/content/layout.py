"""What every image has whatever is built into it: folders, links, device nodes, identity."""

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

# /lib32 and /libx32 are for other ABIs than the image's one interpreter needs.
MERGED = ("bin", "sbin", "lib", "lib64")

LINKS = {
    "/etc/mtab": "/proc/self/mounts",  # mount(8) and the tools of file systems look there
    "/var/run": "/run",
    "/var/lock": "/run/lock",
}

# Before devtmpfs is mounted the kernel opens the console, and the interpreter
# reads random numbers; it aborts where it finds neither getrandom's nor a
# device (admin-guide/devices.txt has the numbers).
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
    """Folders, the links of the merged /usr, and device nodes."""
    for path, mode in FOLDERS.items():
        tree.add(path, Folder(mode), replace=True)
    for name in MERGED:
        tree.add(f"/{name}", Link(f"usr/{name}"))
    for path, target in LINKS.items():
        tree.add(path, Link(target))
    for path, (mode, major, minor) in NODES.items():
        tree.add(path, Node(stat.S_IFCHR | mode, major, minor))


def entry_points(version: str) -> dict[str, Entry]:
    """/init and /usr/bin/initpy, which start the interpreter isolated from everything."""
    # -I: no environment, no user's folder; -S: no site; -B: write no bytecode.
    first = f"#!/usr/bin/python{version} -ISB\n"
    init = "from initpy.runtime.supervisor import main\n\nmain()\n"
    command = "from initpy.cli import main\n\nraise SystemExit(main())\n"
    return {
        "/init": File((first + init).encode(), 0o755),
        "/usr/bin/initpy": File((first + command).encode(), 0o755),
    }


def release(system: Path = Path("/etc/os-release")) -> bytes:
    """The text of /etc/initrd-release, by which tools know an initramfs (os-release(5))."""
    text = system.read_text() if system.is_file() else "ID=linux\nNAME=Linux\n"
    kept = [line for line in text.splitlines() if not line.startswith(("VARIANT", "PRETTY_NAME"))]
    pretty = next((line for line in text.splitlines() if line.startswith("PRETTY_NAME=")), "")
    name = pretty.partition("=")[2].strip("\"'") or "Linux"
    kept += [f'PRETTY_NAME="{name} (initpy initramfs)"', "VARIANT_ID=initpy"]
    return ("\n".join(kept) + "\n").encode()
