"""Scenarios in which the simulator may take another course, and why it cannot know better."""

ANOTHER_COURSE = {
    "linear-old-on-raid0": "its model of libblkid sees one superblock on a disk, not two",
    "luks-once-lost": "whether a module is tried again before root is mounted depends on the pace",
    "mapping-silent": "nobody makes mappings with dmsetup in its shell",
    "multipath-path-late": "how far the boot is when the second path comes depends on the machine",
    "raid0-foreign-on-two-halves": "which half starts first, and how soon the other, is by chance",
    "resume-two-volumes": "which volume is asked for depends on which disk is ready first",
    "udev-workers-killed": "which device a worker looks at when it dies depends on the machine",
    "uki-gpt-auto": "it has no firmware that tells which disk was booted",
}
