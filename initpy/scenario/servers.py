"""What surrounds the machine of a scenario: network cards and servers, shared folders."""

from dataclasses import dataclass
from uuid import UUID, uuid5
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Times:
    """When a cable or server is up, in seconds after the start of /init; it may come back."""

    up: float | None = 0.0  # 0: at the start; None: never
    down: float | None = None
    back: float | None = None

    def changes(self) -> tuple[tuple[float, bool], ...]:
        """Return the times at which it comes (True) and goes after the start, in order."""
        found = [] if not self.up else [(self.up, True)]
        found += [] if self.down is None else [(self.down, False)]
        return tuple(found if self.back is None else [*found, (self.back, True)])


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card; `carrier` says when its cable is plugged in."""

    name: str  # the kernel's: eth0, eth1, in the file's order
    carrier: Times = Times()
    lease: float | None = None  # seconds until the DHCP server answers; None: no server
    switch: str = ""  # the card whose cable leads to the same switch; "": none
    vlan: int = 0  # that the servers on this card are in; 0: none


NAMESPACES = UUID("6e766d65-0000-4000-8000-6e616d657370")  # of the lab

ADDRESS_ONLY = ("dhcp", "dhcp6", "router")  # kinds of servers that have no disk


def unit_serial(disk: str) -> str:
    """Return the serial number that a unit of an iSCSI target gets: 25 hexadecimal digits."""
    return f"{crc32(disk.encode()):08x}".ljust(25, "0")


def namespace_uuid(disk: str) -> str:
    """Return the UUID that a namespace of an NVMe server gets."""
    return str(uuid5(NAMESPACES, disk))


def machine_address(nic: str) -> str:
    """Return the address of the server machine on the network of a card."""
    return f"10.0.{2 + int(nic.removeprefix('eth'))}.1"


def machine_address_6(nic: str) -> str:
    """Return the IPv6 address of the server machine on the network of a card."""
    return f"fd00:0:0:{2 + int(nic.removeprefix('eth'))}::1"


def machine_address_link(nic: str) -> str:
    """Return the address of the link that the server machine has there, by the card's MAC."""
    return f"fe80::5054:ff:fe00:1{int(nic.removeprefix('eth')):02x}"


def machine_addresses(nic: str) -> tuple[str, ...]:
    """Return all addresses of the server machine on the network of a card."""
    return machine_address(nic), machine_address_6(nic), machine_address_link(nic)


@dataclass(frozen=True, slots=True)
class Server:
    """A server on the network of a card; while it is down, it refuses connections."""

    name: str
    kind: str  # nbd, iscsi, nvme, nfs, dhcp, dhcp6, router
    serves: tuple[str, ...]  # disks of the scenario, which the machine then does not have
    nic: str
    address: str
    port: int
    times: Times = Times()
    target: str = ""  # iSCSI: the target's name, NVMe: the subsystem's
    login: tuple[str, ...] = ()  # iSCSI: user and password of CHAP; none: it asks for none
    login_in: tuple[str, ...] = ()  # iSCSI: by which the target shows who it is
    admits: str = ""  # iSCSI, NVMe: the one initiator or host that may log in; "": all
    group: int = 1  # iSCSI: of the portal; each further server with a target is one more portal
    moved_to: str = ""  # iSCSI: the server to which this portal redirects all logins
    for_good: bool = False  # iSCSI: the redirection is permanent
    paths: tuple[str, ...] = ()  # iSCSI: the disks that those in `serves` are further paths to
    refers: str = ""  # NVMe: the server that its discovery controller names besides
    export: str = ""  # NFS: where it exports the file system of its disk; "": a folder of disks
    versions: tuple[str, ...] = ()  # NFS: that it speaks; none: all
    tls: bool = False  # NBD: it speaks TLS only, and asks for a certificate
    refuses: bool = False  # NFS: it exports to other machines
    withdraws: bool = False  # NFS: while it is down it answers, and has no export
    link: str = ""  # NFS: a symbolic link to its export, inside that
    pseudo_root: bool = False  # NFS: its export is the root of what NFSv4 shows (fsid=0)
    root_path: str = ""  # DHCP: option 17
    resolves: str = ""  # DHCP, router: the one name that it knows as a name server; "": it is none
    resolves_to: tuple[str, ...] = ()  # the addresses of that name; (): its own
    lease: float = 3600.0  # DHCP: seconds
    mtu: int = 0  # DHCP: option 26; 0: none
    relayed: bool = False  # DHCP: it is in another network, and the server machine is its router

    @property
    def units(self) -> tuple[str, ...]:
        """Return the disks whose content it serves."""
        return self.paths or self.serves

    @property
    def on_a_machine(self) -> bool:
        """True if it runs on the lab's server machine."""
        exported = self.kind in (*ADDRESS_ONLY, "nvme") or bool(self.export)
        return exported or self.address in machine_addresses(self.nic)


def distant_address(nic: str) -> str:
    """Return the address of a DHCP server behind a relay on the network of a card."""
    return f"10.9.{machine_address(nic).split('.')[2]}.2"


@dataclass(frozen=True, slots=True)
class Share:
    """A folder of the host that the hypervisor shares, with the content of a disk."""

    kind: str  # 9p, virtiofs
    tag: str
    disk: str  # of the scenario, which the machine then does not have
