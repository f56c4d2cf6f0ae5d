"""What the user asked of the network, as values. `config.network` makes them.

A boot with a local root never imports this module. Addresses are those of `ipaddress`, MAC
addresses lower-case hexadecimal with colons.
"""

import enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

from initpy.core.secret import Secret
from initpy.core.tuples import NamedTuple

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network


class Method(enum.Enum):
    """How a link gets its addresses; the value is dracut's word in `ip=`, as in dracut.cmdline(7).

    The kernel's and dracut's `on`, `any`, `both` and `bootp` are `DHCP`.
    """

    STATIC = "none"  # the addresses of the request and no others
    DHCP = "dhcp"  # DHCPv4
    SINGLE_DHCP = "single-dhcp"  # DHCPv4 on all links; after the first lease the others stop
    DHCP6 = "dhcp6"
    AUTO6 = "auto6"  # router advertisements
    EITHER6 = "either6"  # router advertisements, then DHCPv6
    LINK6 = "link6"  # up, with a link-local IPv6 address only
    OFF = "off"  # the link is left down, whatever others get
    IBFT = "ibft"  # what the firmware's table says of this link; replaced once that is read
    NBFT = "nbft"  # the same of the table for NVMe

    __hash__ = object.__hash__

    @property
    def version(self) -> int:
        """The version of IP that it gives addresses of; 4 where the address tells."""
        return 6 if self in (Method.DHCP6, Method.AUTO6, Method.EITHER6, Method.LINK6) else 4


class LinkMatch(NamedTuple):
    """The link that is meant: by its name or its MAC address; neither: any link."""

    name: str = ""
    mac: str = ""

    @property
    def any(self) -> bool:
        """True if every link is meant."""
        return not self.name and not self.mac

    def __str__(self) -> str:
        return self.name or self.mac or "any link"


class FixedAddress(NamedTuple):
    """An address beside the first of a request."""

    address: IPInterface
    peer: IPInterface | None = None
    gateway: IPAddress | None = None


class LinkRequest(NamedTuple):
    """What a link, or each link that `match` leaves open, is to get of one version of IP.

    All `ip=` for a link come to one request for each version, see `config.network.merge`.
    """

    match: LinkMatch = LinkMatch()
    method: Method = Method.DHCP
    address: IPInterface | None = None
    peer: IPInterface | None = None  # the other end of a point-to-point link
    gateway: IPAddress | None = None
    server: IPAddress | None = None  # where NFS and the like are, unless they name their own
    hostname: str = ""  # sent with DHCP, and the machine's name where nothing else is
    dns: tuple[IPAddress, ...] = ()
    ntp: tuple[IPAddress, ...] = ()
    mtu: int | None = None
    mac: str = ""  # given to the link
    client_id: bytes = b""  # DHCP option 61 with its type first; empty: as the real system's
    vlan: int | None = None  # of the firmware's table
    further: tuple[FixedAddress, ...] = ()  # more addresses of the same version
    routers: bool = False  # beside a fixed IPv6 address, router advertisements are taken at once

    @property
    def version(self) -> int:
        """The version of IP, 4 or 6."""
        return self.address.version if self.address is not None else self.method.version


class Route(NamedTuple):
    """`rd.route=`"""

    destination: IPNetwork
    gateway: IPAddress | None = None  # None: on the link
    name: str = ""  # of the link; empty: the one that the gateway is on


class Vlan(NamedTuple):
    """`vlan=`"""

    name: str
    parent: str
    id: int  # 0 to 4094


class Bond(NamedTuple):
    """`bond=`; the options are the kernel module's, checked names and all: mode, miimon, …"""

    name: str
    members: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()
    mtu: int | None = None


class Bridge(NamedTuple):
    """`bridge=`"""

    name: str
    members: tuple[str, ...]


VirtualLink = Vlan | Bond | Bridge


class NetLimits(NamedTuple):
    """`rd.net.timeout.*` and `rd.net.dhcp.retry=`: seconds that a step may take, as limits.

    None: only the deadline of the root counts.
    """

    link: float | None = None  # until the link appears
    up: float | None = None
    carrier: float | None = None
    dhcp: float | None = None  # for one attempt
    dhcp_tries: int | None = None
    route: float | None = None
    dad: float | None = None  # IPv6 duplicate address detection
    auto: float | None = None  # router advertisements


# What the root is, or stands on. The names of servers are as the user wrote them: an address
# without brackets, or a host name.


class NfsRoot(NamedTuple):
    """The root is an NFS export. What is empty is the lease's to tell."""

    server: str = ""
    path: str = ""  # `%s` stands for the client's address
    version: str = ""  # "3", "4", "4.1"; empty: the newest that the server has
    options: tuple[str, ...] = ()  # without vers=, ro, rw


class VirtioFsRoot(NamedTuple):
    """The root is a virtiofs share of the hypervisor; it needs no link."""

    tag: str


class NinePRoot(NamedTuple):
    """The root is a 9p share. Over virtio it needs no link; over TCP it names a server."""

    tag: str  # or the path on the server, `aname` of mount(8)
    server: str = ""


class Chap(NamedTuple):
    """A login: of this machine at the target, and of the target at this machine."""

    username: str = ""
    password: Secret | None = None
    username_in: str = ""
    password_in: Secret | None = None


class IscsiRoot(NamedTuple):
    """An iSCSI target. Without an IQN all that the portal names in its discovery are meant."""

    server: str = ""  # empty: the lease's to tell
    port: int = 3260
    target: str = ""  # its IQN
    lun: int = 0  # which of the target's units the root is; a login shows all of them
    group: int = 1  # target portal group tag
    login: Chap = Chap()
    interface: str = ""  # iface record of open-iscsi
    link: str = ""  # that the session is bound to


class NbdRoot(NamedTuple):
    """An export of an NBD server."""

    server: str = ""
    port: int = 10809
    export: str = ""  # empty: the default export
    device: str = "/dev/nbd0"
    options: tuple[str, ...] = ()  # of nbd-client


class NvmeRoot(NamedTuple):
    """`rd.nvmf.discover=`: a discovery controller of NVMe over TCP, or a subsystem."""

    transport: str
    server: str
    source: str = ""  # the address of this machine to connect from; empty: as the routes say
    port: int = 0  # 0: not told, see PORTS of core.network.nvme
    subsystem: str = ""  # its NQN; empty: all that the controller names


MountedRoot = NfsRoot | VirtioFsRoot | NinePRoot
Target = IscsiRoot | NbdRoot | NvmeRoot


class Iscsi(NamedTuple):
    """What holds for all iSCSI sessions."""

    initiator: str = ""  # IQN of this machine; empty: of the firmware, or the image's
    firmware: bool = False  # log in to the targets of the firmware's table
    firmware_links: bool = False  # set up links as the firmware's table says
    all_firmware_links: bool = False  # not only the one the machine booted from
    login: Chap = Chap()  # at targets that name none
    login_retries: int | None = None
    parameters: tuple[tuple[str, str], ...] = ()  # records of open-iscsi: name, value
    of_file: tuple[tuple[str, str], ...] = ()  # the same of iscsid.conf, which come before


class Nvme(NamedTuple):
    """What holds for all NVMe-oF connections."""

    host_nqn: str = ""
    host_id: str = ""
    firmware: bool = True  # the NVMe Boot Firmware Table counts
    static: bool = True  # the discovery controllers count that the image names
    on: bool = True  # not `rd.nonvmf`


class NetworkSettings(NamedTuple):
    """All of it. `Settings.network` is None where nothing asks for a network."""

    links: tuple[LinkRequest, ...] = ()
    defaulted: bool = False  # no `ip=`, so `links` has the default; worth a word to the user
    off: bool = False  # `ip=off`: no link is touched
    needed: bool = False  # the network is brought up though the root may not need it (rd.neednet)
    boot_link: LinkMatch | None = None  # bootdev=, BOOTIF=: the root is behind this link
    names: tuple[tuple[str, str], ...] = ()  # ifname=: MAC address, name
    vlans: tuple[Vlan, ...] = ()
    bonds: tuple[Bond, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    routes: tuple[Route, ...] = ()
    nameservers: tuple[str, ...] = ()  # an address of a link has that link
    peer_dns: bool = True  # name servers of leases count
    limits: NetLimits = NetLimits()
    root: MountedRoot | None = None  # None: `Settings.root` is a block device, or `from_dhcp`
    targets: tuple[Target, ...] = ()  # logged in to, for block devices
    # The lease's root-path says what the root is: root=dhcp, netroot=dhcp, nfsroot=auto. If
    # `root` is there nevertheless, it has what the user said of the options.
    from_dhcp: bool = False
    iscsi: Iscsi = Iscsi()
    nvme: Nvme = Nvme()

    @property
    def may_need_firmware(self) -> bool:
        """True if links or targets are as the firmware's iSCSI table (iBFT) says."""
        wanted = self.iscsi.firmware or self.iscsi.firmware_links
        return wanted or any(each.method is Method.IBFT for each in self.links)

    @property
    def is_wanted(self) -> bool:
        """True if a boot brings the network up."""
        return not self.off and (self.root_needs_link or self.needed)

    @property
    def root_needs_link(self) -> bool:
        """True if the root cannot be reached without a link."""
        local = isinstance(self.root, VirtioFsRoot) or (
            isinstance(self.root, NinePRoot) and not self.root.server
        )
        firmware = self.iscsi.firmware
        return bool(self.targets or self.from_dhcp or firmware or (self.root and not local))
