"""Properties that initpy itself gives to devices, and that job files match."""

ROLE = "INITPY_ROLE"  # root
CRYPT = "INITPY_CRYPT"  # an encrypted volume that only its name tells from random bytes
# Of the mapping of a plain volume: "open" while it is not known whether the passphrase is right,
# "blank" if nothing is to be seen with it.
UNPROVEN = "INITPY_UNPROVEN"
IMAGE = "INITPY_IMAGE"  # the file with the root on this device's file system, "no": not mounted
CHECK = "INITPY_CHECK"  # where it is to be mounted once its file system is checked
OTHER_CHECK = "INITPY_OTHER_CHECK"  # where the real system mounts it once it is checked
RESUME = "INITPY_RESUME"  # a hibernated system may be on this device
FOREIGN = "INITPY_FOREIGN"  # activated read-only to see what is on it: nothing may use it yet
LOOK = "INITPY_LOOK"  # it stands on what is only looked into: "open", "over" to be taken down
# What writes the metadata of the device's array: "gone" on a container whose monitor does not run,
# "awaited" on a volume that is read-only until it does.
MONITOR = "INITPY_MONITOR"
REEXAMINE = "INITPY_REEXAMINE"  # of a container that mdadm was not done with: it looks again
# "array" on a disk whose partition table was made on the mirror that the disk is a member of; the
# runtime reads it.
TABLE = "INITPY_MD_TABLE"
SAME = "INITPY_SAME_AS"  # another path to the disk of this name, which is used in its place
SET = "INITPY_SET"  # of a set: what it is, as the job that gathers its parts calls it
PARTS = "INITPY_PARTS"  # of a set: the paths of its parts
LISTED = "INITPY_LISTED"  # of what a job has listed: what it is, as that job calls it
BELOW_ROOT = "INITPY_BELOW_ROOT"  # where the list says that it belongs, as the real system sees it
TARGET = "INITPY_MOUNT"  # where below the new root this device is to be mounted
# Of exports: the name that root= has for it, and the link, or "virtio", by which it is reached.
ROOT_NAME = "INITPY_ROOT_NAME"
WAY = "INITPY_WAY"
