"""Scenarios in which the simulator may take another course, and why it cannot know better."""

ANOTHER_COURSE = {
    "debian-12-btrfs": "which disk is ready last, and is mounted, depends on the machine",
    "linear-old-on-raid0": "its model of libblkid sees one superblock on a disk, not two",
    "luks-once-lost": "whether a module is tried again before root is mounted depends on the pace",
    "lvm-foreign-on-two-halves": "a member may be offered once more while the other half stops",
    "lvm-same-name": "whether LVM knows of two groups when it is asked depends on the pace",
    "lvm-same-name-by-uuid": "which group is activated first depends on which disk is ready first",
    "mapping-silent": "nobody makes mappings with dmsetup in its shell",
    "md-superblock-damaged": "whether the offers of both members meet depends on the machine",
    "md-foreign-unwritten": "how far a container is known when the look begins depends on the pace",
    "net-iscsi-btrfs-two-units": "which disk is ready last, and is mounted, depends on the machine",
    "multipath-path-late": "how far the boot is when the second path comes depends on the machine",
    "raid0-foreign-on-two-halves": "which half starts first, and how soon the other, is by chance",
    "raid1-old-above-foreign-raid1": "its model of libblkid sees one superblock on a disk, not two",
    "raid5-foreign-lvm-member-in-look": "what the late member interrupts depends on the pace",
    "resume-two-volumes": "which volume is asked for depends on which disk is ready first",
    "shutdown-btrfs-raid1": "which disk is ready last, and is mounted, depends on the machine",
    "shutdown-multipath": "how far the boot is when the second path comes depends on the machine",
    "udev-workers-killed": "which device a worker looks at when it dies depends on the machine",
    "zfs-bootfs": "how far the other pool is when root is mounted depends on the pace",
    "uki-gpt-auto": "it has no firmware that tells which disk was booted",
}
