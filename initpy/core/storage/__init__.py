"""Technologies that put devices together: md, LVM, btrfs."""
