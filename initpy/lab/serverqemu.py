"""The machine with the servers in QEMU, for servers whose drivers User Mode Linux does not have.

Its root is the same as there, by 9p. A card of it is on the hub of the card under test, by a port
of its own; see `switch`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.image.formats import cpio
from initpy.image.formats.decompress import Stream, recognise
from initpy.image.kernel.kmod import read_index
from initpy.image.tree import Entry, File
from initpy.lab.errors import LabError

_INIT = PROJECT / "qemu" / "server-initramfs.sh"
_BUSYBOX = Path("/bin/busybox")
_FIRST = ("virtio_pci", "9pnet_virtio", "9p")  # modules that lead to the machine's root
_MEMORY = 256  # MiB
PORT = "servers"  # of a hub, behind the name of the card under test


@dataclass(frozen=True, slots=True)
class Emulation:
    """How QEMU runs a machine: the program, the options for its processor, a kernel."""

    program: str
    accelerator: tuple[str, ...]
    kernel: Path
    modules: Path
    cmdline: str


@dataclass(frozen=True, slots=True)
class Plug:
    """A card: its hardware address, and the name of its port."""

    mac: str
    port: str


def command(how: Emulation, folder: Path, own: Path, tree: Path, plugs: list[Plug],
            disks: list[Path]) -> list[str]:  # fmt: skip
    """Return QEMU's command line.

    `folder`: where the sockets of the hubs are; `own`: the machine's, with its orders; `tree`: with
    the packages of the servers.
    """
    initramfs = own / "initramfs"
    initramfs.write_bytes(cpio.segment(dict(_files(how.modules))))
    words = [
        how.program, *how.accelerator, "-nodefaults", "-no-user-config", "-display", "none",
        "-no-reboot", "-smp", "1", "-m", str(_MEMORY), "-kernel", str(how.kernel),
        "-initrd", str(initramfs), "-device", "virtio-rng-pci",
        "-append", f"console=ttyS0 quiet panic=-1 LAB_ORDERS=/dev/ttyS1 {how.cmdline}".strip(),
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
        "-chardev", f"pipe,id=orders,path={own / 'orders'}", "-serial", "chardev:orders",
    ]  # fmt: skip
    for tag, place in (("tree", tree), ("modules", how.modules.parent), ("lab", own)):
        share = f"local,id={tag},path={place},security_model=none,readonly=on"
        words += ["-fsdev", share, "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    for number, plug in enumerate(plugs):
        ends = (
            f"{end}.type=unix,{end}.path={folder / plug.port}.{name}"
            for end, name in (("local", "qemu"), ("remote", "hub"))
        )
        words += ["-netdev", f"dgram,id=net{number},{','.join(ends)}"]
        words += ["-device", f"virtio-net-pci,netdev=net{number},romfile=,mac={plug.mac}"]
    for disk in disks:
        words += ["-drive", f"if=virtio,format=raw,cache=unsafe,file={disk}"]
    return words


def _files(modules: Path) -> Iterator[tuple[str, Entry]]:
    """Yield the files of the initramfs, by path."""
    if not _BUSYBOX.exists():
        raise LabError(f"the server machine in QEMU needs {_BUSYBOX}\n  try: make setup")
    index = read_index(modules)
    names = list[str]()
    for name in _FIRST:
        for each in (*reversed(index.dependencies.get(name, ())), *(index.resolve(name) or ())):
            names += [each] if each not in names else []
    yield "/init", File(_INIT, 0o755)
    yield "/usr/bin/busybox", File(_BUSYBOX, 0o755)
    for name in names:
        yield f"/modules/{name}.ko", File(_plain(modules / index.paths[name]))
    yield "/modules/order", File("".join(f"{name}.ko\n" for name in names).encode())


def _plain(module: Path) -> bytes:
    """Return a module as insmod(8) takes it."""
    data = memoryview(module.read_bytes())
    kind = recognise(data)
    return b"".join(Stream(data, 0, kind).pieces()) if kind is not None else bytes(data)
