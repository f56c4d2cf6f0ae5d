"""The lab: boots scenarios in virtual machines, on disks that the real tools create."""
