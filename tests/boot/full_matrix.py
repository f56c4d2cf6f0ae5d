"""The scenarios that only `make boots` runs, and why `make test` can do without them.

Those that wait for minutes are marked `slow` in their files.
"""

_BUS = "QEMU: one more way to the same disk; {} has this bus"
_ROOT = "QEMU: one more way to name a root; root-names has five"

ONLY_IN_THE_FULL_MATRIX = {
    "btrfs-nvme": _BUS.format("partuuid-nvme"),
    "host-btrfs-nvme": _BUS.format("partuuid-nvme"),
    "usr-on-lvm-late": _BUS.format("partuuid-nvme"),
    "luks-header-stick": _BUS.format("luks-key-stick-late"),
    "luks-key-stick": _BUS.format("luks-key-stick-late"),
    "partlabel-usb-luks1": _BUS.format("luks-key-stick-late"),
    "host-luks-key-stick": "QEMU: host-lvm-on-luks-on-raid1 has an image for one machine",
    "minimal-lvm-on-luks-on-raid1": "QEMU: host-lvm-on-luks-on-raid1 has an image for one machine",
    "squashfs-overlay": "QEMU: overlay-on-disk has an overlay, root-names this bus",
    "root-major-minor": _ROOT,
    "root-number": _ROOT,
    "root-by-path": _ROOT,
    "gpt-auto-two-disks": "QEMU: gpt-auto and uki-gpt-auto look for such partitions",
    "uki": "QEMU: uki-gpt-auto starts such an image",
    "imsm-disk-missing": "QEMU: imsm-raid1 has firmware RAID, many others lack a disk",
    "ddf-raid1": "QEMU: imsm-raid1 has firmware RAID with external metadata",
    "raid1-nbd-cable-late": "QEMU: nbd-root-server-late has the network",
    "raid1-nbd-server-lost": "QEMU: nbd-root-server-late has the network",
    "root-never-halt": "QEMU: root-never-poweroff ends the machine in the same place",
}
