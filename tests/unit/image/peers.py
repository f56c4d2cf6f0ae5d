"""Small images with the layout of other generators, packed by the real tools."""

import shutil
import subprocess
from pathlib import Path

from fake_modules import VERSION, relocatable
from foreign import compressed, real_cpio

from initpy.image.formats.elf import Libraries, configured_folders

MODULES = (
    ("kernel/drivers/block/virtio_blk.ko", ""),
    ("kernel/drivers/ata/libata.ko", ""),
    ("kernel/drivers/ata/ahci.ko", "libata"),
    ("kernel/fs/ext4/ext4.ko", "crc16"),
    ("kernel/lib/crc16.ko", ""),
)
ALIASES = {
    "virtio_blk": "virtio:d00000002v*",
    "ahci": "pci:v00008086d00002922sv*sd*bc*sc*i*",
    "ext4": "fs-ext4",
}


def add_program(base: Path, program: str) -> None:
    """Copy a program of this machine with its libraries and links below a folder."""
    source = Path(program).resolve()
    closure = Libraries(configured_folders()).closure([source])
    target = base / program.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    for path in closure.paths:
        place = base / str(path).lstrip("/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path.resolve(), place)


def merged(base: Path) -> Path:
    """Make a folder whose /bin, /sbin and /lib* are links into /usr."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (base / "usr" / name).mkdir(parents=True)
        (base / name).symlink_to(f"usr/{name}")
    return base


def add_modules(
    base: Path, modules: tuple[tuple[str, str], ...] = MODULES, *, builtin: str = ""
) -> None:
    """Write modules with depmod's tables; `modules` are (path, names of dependencies)."""
    folder = base / "usr/lib/modules" / VERSION
    paths = {Path(path).stem: path for path, _ in modules}
    lines = []
    for path, depends in modules:
        name = Path(path).stem
        info = f"name={name}\0license=GPL\0depends={depends}\0"
        info += f"alias={ALIASES[name]}\0" if name in ALIASES else ""
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(relocatable(info))
        lines.append(f"{path}: {' '.join(paths[each] for each in depends.split(',') if each)}\n")
    (folder / "modules.order").write_text("".join(f"{path}\n" for path in paths.values()))
    (folder / "modules.builtin").write_text(builtin)
    subprocess.run(["depmod", "-b", str(base), VERSION], check=True)
    # depmod finds dependencies by symbols, which these modules lack.
    (folder / "modules.dep").write_text("".join(lines))
    (folder / "modules.dep.bin").unlink()


def write(base: Path, text: str, path: str, mode: int = 0o644) -> None:
    target = base / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(mode)


def dracut(base: Path) -> Path:
    """Write the content of a dracut image: systemd's /init, hooks, version."""
    merged(base)
    add_program(base, "/usr/bin/cat")
    write(base, "#!/bin/sh\nexec cat /proc/cmdline\n", "/usr/lib/systemd/systemd", 0o755)
    (base / "init").symlink_to("usr/lib/systemd/systemd")
    write(base, "dracut-059-4\n", "/usr/lib/dracut/dracut-059-4")
    write(base, "#!/bin/sh\ncat /run/x\n", "/usr/lib/dracut/hooks/mount/99-mount.sh", 0o755)
    write(base, "root:x:0:0::/root:/bin/sh\n", "/etc/passwd")
    add_modules(base)
    return base


def initramfs_tools(base: Path) -> Path:
    """Write the content of an initramfs-tools image: scripts, configuration."""
    merged(base)
    add_program(base, "/usr/bin/cat")
    write(base, "#!/bin/sh\n. /scripts/functions\n", "/init", 0o755)
    write(base, "cat /proc/cmdline\n", "/scripts/functions")
    write(base, "MODULES=most\n", "/conf/initramfs.conf")
    add_modules(base)
    return base


def pack(base: Path, image: Path, compression: str, early: bytes = b"") -> Path:
    image.write_bytes(early + compressed(real_cpio(base), compression))
    return image
