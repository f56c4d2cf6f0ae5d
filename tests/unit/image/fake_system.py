"""A fake system: only the files and links of sysfs that the description reads."""

from collections.abc import Mapping, Sequence

from initpy.image.stack.system import System


class FakeSystem:
    """Answers from the files and links that a test adds; folders follow from the paths."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.contents: dict[str, bytes] = {}
        self.links: dict[str, str] = {}  # each to a path without links
        self.outputs: dict[str, str] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.kernels: dict[str, str] = {}  # path -> release
        self._mounts: list[str] = []

    def text(self, path: str) -> str | None:
        return self.texts.get(self._followed(path))

    def data(self, path: str) -> bytes | None:
        return self.contents.get(self._followed(path))

    def real(self, path: str) -> str | None:
        followed = self._followed(path)
        inside = any(each.startswith(f"{followed}/") for each in (*self.texts, *self.links))
        return followed if inside or followed in self.texts else None

    def names(self, path: str) -> tuple[str, ...]:
        start = f"{self._followed(path)}/"
        known = (*self.texts, *self.contents, *self.links)
        below = [each for each in known if each.startswith(start)]
        return tuple(sorted({each.removeprefix(start).partition("/")[0] for each in below}))

    def output(self, command: Sequence[str]) -> str | None:
        return self.outputs.get(" ".join(command))

    def luks(self, path: str) -> Mapping[str, str] | None:
        return self.headers.get(path)

    def linux(self, path: str) -> str | None:
        return self.kernels.get(self._followed(path))

    def release(self) -> str:
        return "6.1.0-test"

    def machine(self) -> str:
        return "x86_64"

    def _followed(self, path: str) -> str:
        """Return the path with all links resolved."""
        here = ""
        for part in path.strip("/").split("/"):
            here = self.links.get(f"{here}/{part}", f"{here}/{part}")
        return here

    def mount(self, point: str, kind: str, source: str, numbers: str, options: str = "rw") -> None:
        """Add a line to mountinfo."""
        self._mounts.append(f"30 1 {numbers} / {point} rw - {kind} {source} {options}")
        self.texts["/proc/self/mountinfo"] = "\n".join(self._mounts) + "\n"

    def bus(self, path: str, bus: str, driver: str, module: str, modalias: str) -> str:
        """Add a node of a bus with its driver, built in without a module; return its path."""
        place = f"/sys/bus/{bus}/drivers/{driver}"
        self.texts[f"{path}/modalias"] = modalias + "\n"
        self.texts[f"{place}/bind"] = ""
        self.links[f"{path}/driver"] = place
        if module:
            self.load(module)
            self.links[f"{place}/module"] = f"/sys/module/{module}"
        return path

    def load(self, module: str) -> None:
        """Add a loaded module."""
        self.texts[f"/sys/module/{module}/initstate"] = "live\n"

    def block(self, name: str, path: str, numbers: str, **properties: str) -> None:
        """Add a block device at a sysfs path, with its udev record."""
        self.texts[f"{path}/dev"] = numbers + "\n"
        self.links[f"/sys/class/block/{name}"] = path
        self.links[f"/sys/dev/block/{numbers}"] = path
        self.texts[f"/dev/{name}"] = ""
        lines = "".join(f"E:{key}={value}\n" for key, value in properties.items())
        self.texts[f"/run/udev/data/b{numbers}"] = f"N:{name}\n{lines}"

    def mapped(
        self, name: str, numbers: str, label: str, uuid: str, table: str, on: Sequence[str],
        **properties: str,
    ) -> None:  # fmt: skip
        """Add a device-mapper device with its table."""
        path = f"/sys/devices/virtual/block/{name}"
        self.block(name, path, numbers, **properties)
        self.texts[f"{path}/dm/name"] = label + "\n"
        self.texts[f"{path}/dm/uuid"] = uuid + "\n"
        self.links[f"/dev/mapper/{label}"] = f"/dev/{name}"
        self.outputs[f"dmsetup table {label}"] = table
        self.stand(name, on)

    def array(self, name: str, numbers: str, level: str, on: Sequence[str], **props: str) -> None:
        """Add an md array."""
        path = f"/sys/devices/virtual/block/{name}"
        self.block(name, path, numbers, **props)
        self.texts[f"{path}/md/level"] = level + "\n"
        self.texts[f"{path}/md/metadata_version"] = "1.2\n"
        self.stand(name, on)

    def stand(self, name: str, on: Sequence[str]) -> None:
        """Link a device to its slaves in sysfs."""
        path = self.links[f"/sys/class/block/{name}"]
        for below in on:
            self.links[f"{path}/slaves/{below}"] = self.links[f"/sys/class/block/{below}"]
            holder = self.links[f"/sys/class/block/{below}"]
            self.links[f"{holder}/holders/{name}"] = path


def virtio_disk(system: FakeSystem, name: str, slot: int, **properties: str) -> None:
    """Add a virtio disk; its driver and the driver of the PCI bus are modules."""
    pci = f"/sys/devices/pci0000:00/0000:00:0{slot}.0"
    system.bus(pci, "pci", "virtio-pci", "virtio_pci", "pci:v00001AF4d00001042bc01sc00i00")
    node = f"{pci}/virtio{slot}"
    system.bus(node, "virtio", "virtio_blk", "virtio_blk", "virtio:d00000002v00001AF4")
    system.block(name, f"{node}/block/{name}", f"254:{slot * 16}", **properties)


def nested() -> FakeSystem:
    """Return a system with ext4 on LVM on LUKS2 on RAID1 on two virtio disks."""
    system = FakeSystem()
    for slot, name in enumerate(("vda", "vdb"), 1):
        virtio_disk(system, name, slot, ID_FS_TYPE="linux_raid_member")
    for module in ("md_mod", "raid1", "dm_mod", "dm_crypt", "ext4"):
        system.load(module)
    system.array(
        "md127", "9:127", "raid1", ["vda", "vdb"], ID_FS_TYPE="crypto_LUKS", ID_FS_UUID="x"
    )
    table = "0 160000 crypt aes-xts-plain64 :64:logon:cryptsetup:0 0 9:127 32768"
    system.mapped("dm-0", "253:0", "crypt", "CRYPT-LUKS2-3b1f-crypt", table, ["md127"],
                  ID_FS_TYPE="LVM2_member")  # fmt: skip
    system.mapped("dm-1", "253:1", "vg0-root", "LVM-abc", "0 100000 linear 253:0 2048", ["dm-0"],
                  ID_FS_TYPE="ext4", ID_FS_UUID="7a0c", ID_FS_UUID_ENC="7a0c",
                  DM_VG_NAME="vg0", DM_LV_NAME="root")  # fmt: skip
    system.headers["/dev/md127"] = {
        "version": "2", "ciphers": "aes-xts-plain64", "derivation": "argon2id",
        "hashes": "sha256", "tokens": "",
    }  # fmt: skip
    system.mount("/", "ext4", "/dev/mapper/vg0-root", "253:1")
    system.texts["/proc/cmdline"] = "root=UUID=7a0c ro quiet\n"
    return system


def card(system: FakeSystem) -> None:
    """Add a network card, eth0, with a route to 10.0.2.0/24."""
    pci = system.bus("/sys/devices/pci0000:00/0000:00:03.0", "pci", "e1000", "e1000", "pci:v8086")
    system.texts[f"{pci}/net/eth0/ifindex"] = "2\n"
    system.links["/sys/class/net/eth0"] = f"{pci}/net/eth0"
    system.texts["/proc/net/route"] = (
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 0002000A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    )


def iscsi() -> FakeSystem:
    """Add an iSCSI disk; its only hardware is the card with the route to the portal."""
    system = FakeSystem()
    host = "/sys/devices/platform/host2"
    disk = f"{host}/session1/target2:0:0/2:0:0:1"
    system.bus(disk, "scsi", "sd", "sd_mod", "scsi:t-0x00")
    system.block("sda", f"{disk}/block/sda", "8:0", ID_FS_TYPE="ext4")
    system.texts["/sys/class/scsi_host/host2/proc_name"] = "iscsi_tcp\n"
    system.texts["/sys/class/iscsi_connection/connection1:0/persistent_address"] = "10.0.2.2\n"
    card(system)
    system.mount("/", "ext4", "/dev/sda", "8:0")
    return system


def nvme_tcp(transport: str = "tcp") -> FakeSystem:
    """Add an NVMe namespace over TCP, by the device that its two connections lead to."""
    system = FakeSystem()
    card(system)
    head = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    for number in (0, 1):
        control = f"/sys/devices/virtual/nvme-fabrics/ctl/nvme{number}"
        system.links[f"{head}/nvme{number}"] = control
        system.texts[f"{control}/transport"] = f"{transport}\n"
        system.texts[f"{control}/subsysnqn"] = "nqn.2009-06.example:disk\n"
        system.texts[f"{control}/hostnqn"] = "nqn.2009-06.example:me\n"
        told = f"traddr=10.0.2.{2 + number},trsvcid=4420,src_addr=10.0.2.15"
        system.texts[f"{control}/address"] = f"{told}\n"
    for module in ("nvme_core", "nvme_tcp"):
        system.load(module)
    system.block("nvme0n1", f"{head}/nvme0n1", "259:0", ID_FS_TYPE="ext4", ID_FS_UUID="7a0c")
    system.mount("/", "ext4", "/dev/nvme0n1", "259:0")
    return system


_: type[System] = FakeSystem
