"""The properties of links and exports, besides those of udev."""

# Of a link: what the kernel says of it, and the lease that an engine before this one has got.
UP, CARRIER, MAC, TYPE, LEASE = "up", "carrier", "address", "type", "lease"
NET_FOLDER = "net/"  # names of links begin so

# Of an export, besides the marks.
SOURCE = "DEVNAME"  # as mount(8) shows it
EXPORT_NAME = "export/root"

TARGET_FOLDER = "target/"  # names of what is logged in to begin so
