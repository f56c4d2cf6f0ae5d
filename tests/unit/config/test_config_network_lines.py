"""Lines as users of other initramfs write them, and what they mean there (R15, R16).

Gathered from bug reports, manuals and tests: of dracut, NetworkManager, systemd, klibc,
initramfs-tools, mkinitcpio-nfs-utils, Fedora CoreOS, OpenShift, Talos, xCAT, Anaconda, U-Boot and
PXELINUX. The facts are theirs, names and addresses are ours.
"""

from collections.abc import Iterator

import pytest

from initpy.config.settings import read_settings
from initpy.core.netsettings import LinkRequest, NetworkSettings, NfsRoot
from initpy.core.settings import Settings

PLAIN = LinkRequest()
DEFAULTS = NetworkSettings()
ONE_LINE = ("server", "hostname", "mtu", "mac", "peer", "gateway")
MAC = "52:54:00:12:34:56"
ID = f"BOOTIF=01-{MAC.replace(':', '-')}"


def told(settings: Settings) -> Iterator[str]:
    """What a line comes to, a link, device or root in a line each."""
    network = settings.network
    if network is None:
        return
    for each in network.links:
        words = [str(each.match), each.method.value]
        words += [str(each.address)] if each.address is not None else []
        words += [f"{key}={getattr(each, key)}" for key in ONE_LINE if getattr(each, key)]
        words += [f"dns={address}" for address in each.dns]
        words += [f"ntp={address}" for address in each.ntp]
        words += [f"and {more.address}" for more in each.further]
        yield " ".join(words)
    for bond in network.bonds:
        options = ",".join(f"{key}={value}" for key, value in bond.options)
        mtu = f" mtu={bond.mtu}" if bond.mtu else ""
        yield f"bond {bond.name}: {','.join(bond.members)} {options}{mtu}"
    yield from (f"bridge {each.name}: {','.join(each.members)}" for each in network.bridges)
    yield from (f"vlan {each.name}: {each.parent} {each.id}" for each in network.vlans)
    for route in network.routes:
        yield f"route {route.destination} {route.gateway or 'link'} {route.name}".rstrip()
    yield from (f"dns {each}" for each in network.nameservers)
    yield from (f"name {name} {mac}" for mac, name in network.names)
    if isinstance(root := network.root, NfsRoot):
        options = ",".join(filter(None, (f"vers={root.version}", *root.options)))
        yield f"nfs {root.server}:{root.path} {options}"
    if network.from_dhcp:
        yield "root from the lease"


def read(line: str, root: str = "root=UUID=12-34 ") -> tuple[list[str], list[str]]:
    """What a line comes to, and what is said of it."""
    settings, problems = read_settings(("" if "root=" in line else root) + line)
    return list(told(settings)), [str(each) for each in problems]


FIXED = "10.0.7.9/24 gateway=10.0.7.1"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # Talos writes all colons of the kernel's ten fields.
        ("ip=10.0.7.9::10.0.7.1:255.255.255.0::eth1:::::", [f"eth1 none {FIXED}"]),
        ("ip=:::::eth4:dhcp::::", ["eth4 dhcp"]),
        ("ip=10.0.7.9::10.0.7.1", ["any link none 10.0.7.9/8 gateway=10.0.7.1"]),
        ("ip=10.0.7.9::10.0.7.1:255.255.255.0::enx525400123456",
         [f"enx525400123456 none {FIXED}"]),
        ("ip=10.0.7.9:10.0.8.1:10.0.7.1:255.255.255.0:node:eth1::10.0.0.1:10.0.0.2:10.0.0.3",
         ["eth1 none 10.0.7.9/24 server=10.0.8.1 hostname=node gateway=10.0.7.1 dns=10.0.0.1 "
          "dns=10.0.0.2 ntp=10.0.0.3"]),
        ("ip=10.0.7.21::10.0.7.30:255.255.255.240:pve:eth0:off",
         ["eth0 none 10.0.7.21/28 hostname=pve gateway=10.0.7.30"]),
        ("ip=[fd00::a]:[fd00::b]:[fe80::1]::node:eth1::[fd00::64]:[fd00::65]:[fd00::66]",
         ["eth1 none fd00::a/64 server=fd00::b hostname=node gateway=fe80::1 dns=fd00::64 "
          "dns=fd00::65 ntp=fd00::66"]),
        ("ip=[fd00::12]::[fd00::11]:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8]:node:eth0:off",
         ["eth0 none fd00::12/125 hostname=node gateway=fd00::11"]),
        ("ip=[fd00::12]::[fd00::11]:125:node:eth0:off:[fd00::88]",
         ["eth0 none fd00::12/125 hostname=node gateway=fd00::11 dns=fd00::88"]),
        ("vlan=eth1.169:eth1 ip=10.0.7.9::10.0.7.1:255.255.255.0::eth1.169:::::",
         [f"eth1.169 none {FIXED}", "vlan eth1.169: eth1 169"]),
        ("bond=bond1:eth3,eth4:mode=802.3ad,xmit_hash_policy=layer2+3:1450",
         ["bond bond1: eth3,eth4 mode=802.3ad,xmit_hash_policy=layer2+3 mtu=1450"]),
        ("bond=bond1:::", ["bond bond1: eth0,eth1 mode=balance-rr"]),
        # The kernel's ten fields with those alone that a user wants
        ("ip=:::::::1.1.1.1:1.0.0.1:", ["any link dhcp dns=1.1.1.1 dns=1.0.0.1"]),
        ("ip=::::::", ["any link dhcp"]),
        ("ip=0.0.0.0:10.0.7.1::::eth0:dhcp", ["eth0 dhcp server=10.0.7.1"]),
        # PXELINUX, IPAPPEND 3
        (f"ip=10.0.7.9:10.0.7.2:10.0.7.1:255.255.255.0 {ID}",
         [f"{MAC} none 10.0.7.9/24 server=10.0.7.2 gateway=10.0.7.1"]),
        (f"ip=10.0.7.9:10.0.7.2:0.0.0.0:255.255.255.0 {ID}",
         [f"{MAC} none 10.0.7.9/24 server=10.0.7.2"]),
        (f"ksdevice=bootif {ID} ip=dhcp", [f"{MAC} dhcp"]),
        (f"ip=BOOTIF:dhcp {ID}", [f"{MAC} dhcp"]),
        (f"ip=10.0.7.9::10.0.7.1:24::BOOTIF:none {ID}", [f"{MAC} none {FIXED}"]),
        (f"ip=eth0:dhcp BOOTIF=00-{MAC.replace(':', '-')}", ["eth0 dhcp"]),
        ("ip=dhcp BOOTIF=52-54:00:12:34:56", [f"{MAC} dhcp"]),
        # Fedora CoreOS, OpenShift
        ("ip=10.0.7.9::10.0.7.1:255.255.255.0:::none nameserver=10.0.7.53",
         [f"any link none {FIXED}", "dns 10.0.7.53"]),
        ("ip=10.0.7.9::10.0.7.1:255.255.255.0:node.lab.example::none nameserver=10.0.7.53",
         ["any link none 10.0.7.9/24 hostname=node.lab.example gateway=10.0.7.1",
          "dns 10.0.7.53"]),
        ("ip=10.10.0.9::10.10.0.1:255.255.255.0:node:bond0.100:none:9000: "
         "bond=bond0:eth1,eth2:mode=active-backup,miimon=100:9000 vlan=bond0.100:bond0",
         ["bond0.100 none 10.10.0.9/24 hostname=node mtu=9000 gateway=10.10.0.1",
          "bond bond0: eth1,eth2 mode=active-backup,miimon=100 mtu=9000",
          "vlan bond0.100: bond0 100"]),
        ("bond=bond0:em1,em2:mode=active-backup ip=bond0:dhcp nameserver=10.0.7.53",
         ["bond0 dhcp", "bond bond0: em1,em2 mode=active-backup", "dns 10.0.7.53"]),
        ("bond=bond0:eno5,eno6:mode=4,miimon=100 vlan=bond0.120:bond0 ip=bond0.120:dhcp",
         ["bond0.120 dhcp", "bond bond0: eno5,eno6 mode=802.3ad,miimon=100",
          "vlan bond0.120: bond0 120"]),
        ("ip=:::::enp7s0f0:dhcp ip=10.0.7.9::10.0.7.1:255.255.255.0::enp7s0f1:none:1.1.1.1:9.9.9.9 "
         "ip=10.0.7.10:::255.255.255.0::enp7s0f1:none::",
         ["enp7s0f0 dhcp", f"enp7s0f1 none {FIXED} dns=1.1.1.1 dns=9.9.9.9 and 10.0.7.10/24"]),
        ("ip=ens7:dhcp,dhcp6", ["ens7 dhcp", "ens7 dhcp6"]),
        ("ip=10.0.7.9::10.0.7.1:24:node:encbdd0:none ip=[fd00::3]::[fd00::1]:64::encbdd0:none",
         ["encbdd0 none 10.0.7.9/24 hostname=node gateway=10.0.7.1",
          "encbdd0 none fd00::3/64 hostname=node gateway=fd00::1"]),
        # Anaconda, xCAT
        ("ip=bond0:dhcp:1500 bootdev=bond0 "
         "bond=bond0:enp4s0,enp7s0:mode=active-backup,primary=enp4s0:1500",
         ["bond0 dhcp mtu=1500",
          "bond bond0: enp4s0,enp7s0 mode=active-backup,primary=enp4s0 mtu=1500"]),
        (f"ifname=net0:{MAC} ip=10.0.7.9::10.0.7.1:255.255.255.0:h:net0:off nameserver=10.0.7.53",
         ["net0 none 10.0.7.9/24 hostname=h gateway=10.0.7.1", "dns 10.0.7.53",
          f"name net0 {MAC}"]),
        # NetworkManager's nm-initrd-generator
        ("ip=10.0.7.9::10.0.7.1:24::bond0:none:1480:02:00:00:00:00:06 bond=bond0:eth0,eth1",
         ["bond0 none 10.0.7.9/24 mtu=1480 mac=02:00:00:00:00:06 gateway=10.0.7.1",
          "bond bond0: eth0,eth1 mode=balance-rr"]),
        ("ip=::::host1::dhcp,dhcp6",
         ["any link dhcp hostname=host1", "any link dhcp6 hostname=host1"]),
        ("ip=:dhcp6,dhcp:1499", ["any link dhcp6 mtu=1499", "any link dhcp mtu=1499"]),
        ("ip=10.0.7.9::10.0.7.1:24::: =foo", [f"any link none {FIXED}"]),
        ("vlan=vlan1:bond2 ip=10.0.7.9:::24::vlan1:none bond=bond2:ens3,ens4:mode=active-backup",
         ["vlan1 none 10.0.7.9/24", "bond bond2: ens3,ens4 mode=active-backup",
          "vlan vlan1: bond2 1"]),
        ("rd.route=10.9.0.53::bond0 bond=bond0:eth0,eth1:mode=balance-rr:9000",
         ["bond bond0: eth0,eth1 mode=balance-rr mtu=9000", "route 10.9.0.53/32 link bond0"]),
        ("ip=off ip=ens3:off ip=10.0.0.8:::::ens4:off ip=[fd00::8]:::::ens5:off",
         ["ens3 off", "ens4 none 10.0.0.8/8", "ens5 none fd00::8/64"]),
        # systemd-network-generator
        ("ip=10.0.7.9::10.0.7.1:255.255.0.0::enp3s0:off",
         ["enp3s0 none 10.0.7.9/16 gateway=10.0.7.1"]),
        ("ip=[fd00::9]:[fd00::99]::64::ipv6:off", ["ipv6 none fd00::9/64 server=fd00::99"]),
        ("ip=[fd00::9]::[fd00::1]:64::e0:off:666:52:54:00:12:34:56",
         [f"e0 none fd00::9/64 mtu=666 mac={MAC} gateway=fd00::1"]),
        ("ip=:::::e0:dhcp6:10.0.7.53:[fd00::bb]", ["e0 dhcp6 dns=10.0.7.53 dns=fd00::bb"]),
        ("rd.route=10.1.2.3/16:10.0.2.3:eth0", ["route 10.1.0.0/16 10.0.2.3 eth0"]),
        ("bridge=br0:bond0 bond=bond0:eth0,eth1:mode=4 ip=br0:dhcp",
         ["br0 dhcp", "bond bond0: eth0,eth1 mode=802.3ad", "bridge br0: bond0"]),
        ("bridge=br0:eth0.10 vlan=eth0.10:eth0 ip=br0:dhcp",
         ["br0 dhcp", "bridge br0: eth0.10", "vlan eth0.10: eth0 10"]),
        ("ip=10.0.7.9:10.0.7.2:10.0.7.1:255.255.255.0:h:eth0:on:1530:52:54:00:12:34:56",
         [f"eth0 none 10.0.7.9/24 server=10.0.7.2 hostname=h mtu=1530 mac={MAC} gateway=10.0.7.1"]),
        ("ip=[fd00::9]::[fd00::1]:64:h:eth0:on",
         ["eth0 none fd00::9/64 hostname=h gateway=fd00::1"]),
        ("bond=bond99:", ["bond bond99: eth0,eth1 mode=balance-rr"]),
        # dracut's number, not systemd's, which takes it for an octal one
        ("vlan=vlan0013:eth0", ["vlan vlan0013: eth0 13"]),
        # Servers with a /32 and a gateway beside it
        ("ip=10.9.0.2:172.31.1.1:172.31.1.1:255.255.255.255:h:eth0:off",
         ["eth0 none 10.9.0.2/32 hostname=h peer=172.31.1.1/32 gateway=172.31.1.1"]),
        ("ip=10.9.0.2::172.31.1.1:255.255.255.255::eth0:off",
         ["eth0 none 10.9.0.2/32 gateway=172.31.1.1"]),
        ("ip=[fd00::40]::[fe80::1]:64::enp0s31f6:none",
         ["enp0s31f6 none fd00::40/64 gateway=fe80::1"]),
        ("rd.route=[::/0]:[fe80::1]:eth0", ["route ::/0 fe80::1 eth0"]),
        # U-Boot, and boards' manuals
        ("root=/dev/nfs nfsroot=/srv/root,v3,tcp "
         "ip=10.0.7.9:10.0.7.2:10.0.7.1:255.255.255.0::eth0:off",
         ["eth0 none 10.0.7.9/24 server=10.0.7.2 gateway=10.0.7.1",
          "nfs 10.0.7.2:/srv/root vers=3,tcp"]),
        ("root=/dev/nfs nfsroot=,tcp,nfsvers=4.2 ip=dhcp rw nfsrootdebug",
         ["any link dhcp", "nfs : vers=4.2,tcp", "root from the lease"]),
        ("root=/dev/nfs nfsroot=default,v3 ip=dhcp",
         ["any link dhcp", "nfs : vers=3", "root from the lease"]),
        ("root=/dev/nfs nfsroot=10.0.7.2:/srv/root/,rsize=1024,wsize=1024 ip=10.0.7.9",
         ["any link none 10.0.7.9/8", "nfs 10.0.7.2:/srv/root/ vers=,rsize=1024,wsize=1024"]),
        ("root=/dev/nfs rw ip=10.0.7.9:::::usb0 nfsroot=10.0.7.2:/srv,vers=4,tcp nfsrootdebug;",
         ["usb0 none 10.0.7.9/8", "nfs 10.0.7.2:/srv vers=4,tcp"]),
        ("root=/dev/nfs rw netdevwait ip=:::::eth0:on",
         ["eth0 dhcp", "eth0 either6", "nfs : vers=", "root from the lease"]),
        ("root=/dev/nfs nfsroot=10.0.7.2:/srv,port=2050,nfsvers=3 ip=dhcp",
         ["any link dhcp", "nfs 10.0.7.2:/srv vers=3,port=2050"]),
        # mkinitcpio-nfs-utils: nfsroot= alone is enough
        ("nfsroot=10.0.7.2:/srv/root ip=:::::eth0:dhcp",
         ["eth0 dhcp", "nfs 10.0.7.2:/srv/root vers="]),
        # dracut, SUSE
        ("root=nfs4::/srv/root ip=dhcp", ["any link dhcp", "nfs :/srv/root vers=4"]),
        ("root=nfs4:10.0.7.2:/:vers=4.2,rw rw", ["any link dhcp", "nfs 10.0.7.2:/ vers=4.2"]),
        ("root=nfs:10.0.7.2:/srv bootdev=bond0 bond=bond0:ens4,ens5 ip=bond0:dhcp rd.neednet=1",
         ["bond0 dhcp", "bond bond0: ens4,ens5 mode=balance-rr", "nfs 10.0.7.2:/srv vers="]),
        ("root=nfs:10.0.7.2:/srv bridge=br1:enp0s1",
         ["any link dhcp", "bridge br1: enp0s1", "nfs 10.0.7.2:/srv vers="]),
        # nfs(5): options of the helper, and the older word for a minor version
        ("root=nfs:10.0.7.2:/srv,bg,retry=5,minorversion=1,hard ip=dhcp",
         ["any link dhcp", "nfs 10.0.7.2:/srv vers=4.1,hard"]),
        ("root=nfs:[fe80::1%eth0]:/srv", ["eth0 link6", "nfs fe80::1%eth0:/srv vers="]),
        ("root=[fe80::1%eth0]:/srv,v4.2 ip=eth0:auto6",
         ["eth0 auto6", "nfs fe80::1%eth0:/srv vers=4.2"]),
    ],
)  # fmt: skip
def test_what_others_write_means_the_same_here(line: str, expected: list[str]) -> None:
    assert read(line, "root=UUID=12-34 " if "nfsroot" not in line else "") == (expected, [])


@pytest.mark.parametrize(
    ("line", "expected", "says"),
    [
        ("ip=10.0.7.9::10.0.7.1:24::eth0:none:foo", [f"eth0 none {FIXED}"],
         "an MTU or the address of a name server, not 'foo'; the rest counts"),
        ("ip=10.0.7.9::10.0.7.1:24::eth0:none:10.0.7.53:foo", [f"eth0 none {FIXED} dns=10.0.7.53"],
         "in the eighth or ninth field, not 'foo'"),
        ("ip=10.0.7.9::10.0.7.1:24:-x-:eth0:none", [f"eth0 none {FIXED}"],
         "a host name in the fifth field, not '-x-'"),
        ("ip=10.0.7.9::gate:24::eth0:none", ["eth0 none 10.0.7.9/24"], "third field, not 'gate'"),
        ("ip=eth0:dhcp:66", ["eth0 dhcp"], "an MTU or the address of a name server, not '66'"),
        ("ip=eth0:dhcp:1400:52:54", ["eth0 dhcp mtu=1400"], "a MAC address at the end"),
        ("ip=10.0.7.9::10.0.7.1:24::eth0:none:1.1.1.1:9.9.9.9:10.0.7.1:x",
         [f"eth0 none {FIXED} dns=1.1.1.1 dns=9.9.9.9 ntp=10.0.7.1"], "at most two name servers"),
        ("ip=10.0.7.9:10.0.7.2:255.255.255.0::eth0:off", [],
         "the gateway in the third field, the netmask in the fourth"),
        ("ip=10.0.7.9::255.255.255.0", [], "the netmask in the fourth"),
        ("ip=[fd00::9]::[fd00::1]:[ff0f::]::eth0:off", [], "a netmask or prefix length"),
        ("bond=bond0:eth1,eth2:mod=balance-rr", ["bond bond0: eth1,eth2 mode=balance-rr"],
         "not 'mod=balance-rr'; it is left out"),
        ("bond=bond0:eth0,eth1:balance-rr", ["bond bond0: eth0,eth1 mode=balance-rr"],
         "options of the bonding module with values, not 'balance-rr'"),
        ("bond=bond0:eth0,eth1:mode=1,lacp-rate=fast,miimon=50",
         ["bond bond0: eth0,eth1 mode=active-backup,miimon=50"], "not 'lacp-rate=fast'"),
        ("bond=bond0:eth0,eth1:mode=1:66", ["bond bond0: eth0,eth1 mode=active-backup"],
         "an MTU, not '66'; it is left out"),
        ("vlan=eth0.80:eth0:reorder_hdr=on", ["vlan eth0.80: eth0 80"],
         "nothing after NAME:PARENT: 'reorder_hdr=on' is left out"),
        ("bridge=br0:eth0:stp=off", ["bridge br0: eth0"],
         "nothing after NAME:MEMBERS: 'stp=off' is left out"),
        ("nameserver=fe80::53", [], "[fe80::53%INTERFACE]: it is an address of a link"),
        ("nameserver=fd00::53%ens3", [], "the address of a name server"),
        ("nameserver=8.8.8.8,8.8.4.4", [], "several have a nameserver= each"),
        ("root=/dev/nfs nfsroot=10.0.7.2:srv ip=dhcp", ["any link dhcp"], "[SERVER:]/DIRECTORY"),
        ("root=nfs:10.0.7.2:/srv,minorversion=7", ["any link dhcp", "nfs 10.0.7.2:/srv vers="],
         "vers= among 3, 4, 4.0, 4.1, 4.2, not '4.7'"),
        ("root=nfs:[fd00::1%eth0]:/srv", [], "[SERVER:]/DIRECTORY"),
        ("ip=:::::eth1:autoconf rd.neednet=1", ["any link dhcp"], "one of dhcp, dhcp6"),
    ],
)  # fmt: skip
def test_a_wrong_part_is_one_line_and_costs_no_more_than_itself(
    line: str, expected: list[str], says: str
) -> None:
    found, (problem,) = read(line)
    assert found == expected
    name = line.partition("=")[0] if "nfsroot" not in line else "nfsroot"
    assert problem.startswith(f"command line: {name}: ")
    assert says in problem
