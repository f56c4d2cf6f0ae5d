"""The scenarios that only `make boots` runs, and why `make test` can do without them.

Those that wait for minutes are marked `slow` in their files.
"""

_BUS = "QEMU: one more way to the same disk; {} has this bus"
_INSTALLED = "another installed system or way into it; debian-12-installer is in the test command"
_SHUTDOWN = "one more layer; shutdown-lvm-on-luks-on-raid1 has three, with the same steps"
_ZFS = "QEMU: the first run builds the driver of ZFS for minutes; all are simulated"
_ROOT = "QEMU: one more way to name a root; root-names has five"

ONLY_IN_THE_FULL_MATRIX = {
    "btrfs-ahci": "QEMU: SATA; four other buses are in the test command",
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
    "gpt-auto": "QEMU: uki-gpt-auto looks for such a partition",
    "gpt-auto-two-disks": "QEMU: uki-gpt-auto looks for such a partition",
    "uki": "QEMU: uki-gpt-auto starts such an image",
    "imsm-disk-missing": "QEMU: imsm-raid1 has firmware RAID, many others lack a disk",
    "imsm-disk-late": "QEMU: imsm-raid1 has firmware RAID, raid1-member-late a late member",
    "ddf-foreign-root": "mdmon 4.2 may die of it; ddf-foreign-two-halves needs no write",
    "ddf-raid1": "QEMU: imsm-raid1 has firmware RAID with external metadata",
    "ddf-other-host": "QEMU: imsm-raid1 has firmware RAID with external metadata",
    "shutdown-imsm": "QEMU: shutdown-ddf-raid1 ends a monitor, in User Mode Linux",
    "shutdown-multipath": "QEMU: shutdown-lvm-on-luks-on-raid1 takes mappings down",
    "shutdown-hangs": "waits for time limits; tests/simulation/test_shutdowns.py has a hang",
    "shutdown-bcache": _SHUTDOWN,
    "shutdown-loop-on-lvm": _SHUTDOWN,
    "shutdown-raid5": _SHUTDOWN,
    "shutdown-thin": _SHUTDOWN,
    "raid1-nbd-cable-late": "QEMU: nbd-root-server-late has the network",
    "raid1-nbd-server-lost": "QEMU: nbd-root-server-late has the network",
    "root-never-halt": "QEMU: root-never-panic ends the machine in the same place",
    "root-never-poweroff": "QEMU: root-never-panic ends the machine in the same place",
    "mount-modprobe-hangs": "QEMU: tools that hang are in other scenarios, with User Mode Linux",
    "resume-debian-default": "QEMU: resume-lvm-on-luks resumes from the same stack",
    "resume-swap-file": "QEMU: resume-partition resumes from a device",
    "resume-firmware-variable": "QEMU: resume-partition resumes without the variable",
    "resume-refused": "QEMU: resume-partition looks at such a device",
    "debian-12-plain": _INSTALLED,
    "debian-12-rescue": _INSTALLED,
    "debian-12-sysvinit": _INSTALLED,
    "debian-12-openrc": _INSTALLED,
    "debian-12-runit": _INSTALLED,
    "debian-13-installer": _INSTALLED,
    "zfs-bootfs": _ZFS,
    "zfs-children": _ZFS,
    "zfs-encrypted": _ZFS,
    "zfs-foreign": _ZFS,
    "zfs-foreign-forced": _ZFS,
    "zfs-key-file": _ZFS,
    "zfs-mirror-late": _ZFS,
    "zfs-on-luks": _ZFS,
    "zfs-own": _ZFS,
    "zfs-raidz-missing": _ZFS,
    "zfs-single": _ZFS,
    "zfs-stripe-missing": _ZFS,
    "udev-workers-killed": "QEMU: udevd-killed ends them as well",
}
