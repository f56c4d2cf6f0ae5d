"""The properties of links and exports, besides those of udev."""

# Of a link: what the kernel says of it, and the lease that an engine before this one has got.
UP, CARRIER, MAC, TYPE, LEASE = "up", "carrier", "address", "type", "lease"
# Further names by which udev knows a card (its path, its MAC address), with blanks between them.
ALTNAMES = "altnames"
MTU = "mtu"  # that it has
IFINDEX = "ifindex"  # the kernel's number of it
MASTER = "master"  # name of the bond or bridge that it is a member of
# Its usable IPv6 addresses but those of the link itself, `ADDRESS/BITS`, with blanks between them.
ADDRESSES6 = "addresses6"
# The name servers and domains that routers advertise, with blanks between them.
SERVERS_RA, DOMAINS_RA = "servers_ra", "domains_ra"
# A DHCPv6 client is to ask for an address; what it has got, as dhcpcd calls it.
DHCP6, WANTED = "INITPY_DHCP6", "wanted"
LEASED6, NAMESERVERS6 = "new_dhcp6_ia_na1_ia_addr1", "new_dhcp6_name_servers"
DUID6, IAID6 = "new_dhcp6_client_id", "new_dhcp6_ia_na1_iaid"
NET_FOLDER = "net/"  # names of links begin so

# Of an export, besides the marks.
SOURCE = "DEVNAME"  # as mount(8) shows it
# What the mount needs, or may need by what is known so far.
DRIVER, NFS, NFS_3 = "INITPY_DRIVER", "nfs", "nfs3"
EXPORT_NAME = "export/root"

TARGET_FOLDER = "target/"  # names of what is logged in to begin so
NBD = "nbd"  # how the kernel's names of NBD devices begin
