"""LVM: volume groups, those of other systems, those on arrays that are only looked into."""
