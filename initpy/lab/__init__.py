"""Virtual machines that boot images on real disks made by the real tools."""
