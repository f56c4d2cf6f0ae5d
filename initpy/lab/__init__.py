"""The lab: virtual machines, disks made by the real tools, and scenarios booted on them."""
