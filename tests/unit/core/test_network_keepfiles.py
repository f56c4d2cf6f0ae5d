"""What the real system is told of the links that root stands on (R17)."""

import configparser
import shlex
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from initpy.core.network.keepfiles import files
from initpy.core.network.keptlink import Kept
from initpy.core.network.linkfiles import LinkFile
from initpy.core.network.values import DEFAULT_ROUTE, DhcpKind, Reply, Route

MAC = "52:54:00:12:34:56"
STATIC = Kept(
    "ens3",
    MAC,
    ("10.0.7.77/24", "fd00::77/64"),
    (Route("10.9.0.0/16", "10.0.7.9"), Route(DEFAULT_ROUTE, "10.0.7.1"), Route("::/0", "fd00::1")),
    mtu=1400,
    dns=("10.0.7.53", "fd00::53"),
    search=("example.org", "lab"),
    ntp=("10.0.7.1",),
    hostname="client",
    ifindex=2,
)
LEASE = Reply(
    DhcpKind.ACK,
    1,
    "10.0.7.50",
    "10.0.7.2",
    prefix=24,
    lease=120.0,
    root_path="10.0.7.2:/srv",
    next_server="10.0.7.3",
    domain="example.org",
)
LEASED = Kept("ens4", MAC, ("10.0.7.50/24",), lease=LEASE, seconds=97.5, dns=("10.0.7.2",))


def made(*links: Kept) -> dict[str, str]:
    """The files by path."""
    return {f"{each.folder}/{each.name}": each.text for each in files(links)}


def sections(text: str) -> dict[str, dict[str, str]]:
    """A file with sections; of several of one name the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def sourced(text: str) -> dict[str, str]:
    """The variables that a shell has after it has read a file."""
    names = [line.partition("=")[0] for line in text.splitlines()]
    script = text + "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
    done = subprocess.run(
        ["/bin/sh", "-eu"], input=script.encode(), capture_output=True, check=True
    )
    return dict(zip(names, done.stdout.decode().split("\0"), strict=False))


def test_networkd_adopts_a_static_link() -> None:
    text = made(STATIC)["/run/systemd/network/90-initpy-ens3.network"]
    found = sections(text)
    assert found["Match"] == {"Name": "ens3"}
    assert found["Link"] == {"MTUBytes": "1400"}
    assert found["Network"]["KeepConfiguration"] == "yes"
    assert found["Network"]["DHCP"] == "no"
    assert found["Network"]["Domains"] == "example.org lab"
    for line in ("Address=10.0.7.77/24", "Address=fd00::77/64", "DNS=10.0.7.53", "DNS=fd00::53",
                 "Destination=10.9.0.0/16\nGateway=10.0.7.9",
                 "Destination=0.0.0.0/0\nGateway=10.0.7.1"):  # fmt: skip
        assert line in text


def test_networkd_goes_on_with_a_lease() -> None:
    """The same identifier, so that the server gives the same address."""
    text = made(LEASED)["/run/systemd/network/90-initpy-ens4.network"]
    found = sections(text)
    assert found["Network"]["DHCP"] == "ipv4"
    assert found["Network"]["KeepConfiguration"] == "yes"
    assert found["DHCPv4"]["ClientIdentifier"] == "mac"
    assert "[Address]" not in text
    by_duid = LEASED._replace(identifier="ff00000001")
    text = made(by_duid)["/run/systemd/network/90-initpy-ens4.network"]
    assert sections(text)["DHCPv4"]["ClientIdentifier"] == "duid"


LEASED_6 = Kept("ens4", MAC, ("fd00::32/128",), leased_6="fd00::32/128",
                duid="00030001525400123456", iaid="00123456")  # fmt: skip


def test_a_lease_of_dhcpv6_goes_on_as_the_same_client() -> None:
    """It renews the lease. In the file of ours, the address is not networkd's to take away."""
    found = made(LEASED_6)
    own = sections(found["/run/systemd/network/90-initpy-ens4.network"])
    client = {"DUIDType": "link-layer", "IAID": str(0x123456)}
    assert own["DHCPv6"] == client | {"UseAddress": "no", "UseDelegatedPrefix": "no"}
    assert own["Address"] == {"Address": "fd00::32/128"}
    drop_in = sections(found["/run/systemd/network/10-netplan-ens4.network.d/initpy.conf"])
    assert drop_in == {"Network": {"KeepConfiguration": "yes"}, "DHCPv6": client}
    path = "/run/NetworkManager/system-connections/initpy-ens4.nmconnection"
    six = sections(found[path])["ipv6"]
    assert six["dhcp-duid"] == "00:03:00:01:52:54:00:12:34:56"
    assert six["dhcp-iaid"] == str(0x123456)
    # With a file of the user networkd has the address, and takes it away as it ends.
    unit = sections(found["/run/systemd/system/systemd-networkd.service.d/initpy.conf"])
    assert unit["Service"]["KillSignal"] == unit["Service"]["RestartKillSignal"] == "SIGKILL"
    assert not [path for path in made(STATIC, LEASED) if "networkd.service.d" in path]


def test_networkd_is_told_of_another_duid_than_that_of_the_card() -> None:
    """A card that took the MAC address of another one, or a client that has a file with its own."""
    other = LEASED_6._replace(duid="0004000102030405060708090a0b0c0d0e0f")
    own = sections(made(other)["/run/systemd/network/90-initpy-ens4.network"])["DHCPv6"]
    assert own["DUIDType"] == "uuid"
    assert own["DUIDRawData"] == "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f"
    nameless = LEASED_6._replace(duid="00ff01", iaid="00123456")
    for each in (nameless, LEASED_6._replace(duid=""), LEASED_6._replace(iaid="")):
        assert "DHCPv6" not in made(each)["/run/systemd/network/90-initpy-ens4.network"]


def test_a_file_of_netplan_keeps_the_link_too() -> None:
    text = made(STATIC)["/run/systemd/network/10-netplan-ens3.network.d/initpy.conf"]
    assert sections(text) == {"Network": {"KeepConfiguration": "yes"}}


def test_a_file_that_makes_the_link_gives_it_no_other_mac_address() -> None:
    other = "52:54:00:00:00:01"
    vlan = LEASED._replace(name="br0.7", made=True, below=("br0",), macs=(("br0", other),))
    there = (
        LinkFile("20-vlan.netdev", ("br0.7",)),
        LinkFile("30-bond.netdev", ("bond0",)),
        LinkFile("40-bridge.netdev", ("br0",)),
    )
    found = {f"{each.folder}/{each.name}": each.text for each in files([vlan], there)}
    for name, mac in (("20-vlan", MAC), ("10-netplan-br0.7", MAC), ("40-bridge", other)):
        text = found[f"/run/systemd/network/{name}.netdev.d/initpy.conf"]
        assert sections(text) == {"NetDev": {"MACAddress": mac}}
    assert not any("30-bond" in path for path in found)
    assert not any(".netdev" in path for path in made(LEASED))


def test_networkmanager_takes_a_connection_over() -> None:
    found = made(STATIC)
    path = "/run/NetworkManager/system-connections/initpy-ens3.nmconnection"
    keyfile = sections(found[path])
    assert keyfile["connection"]["interface-name"] == "ens3"
    assert keyfile["ipv4"]["method"] == "manual"
    assert keyfile["ipv4"]["address1"] == "10.0.7.77/24,10.0.7.1"
    assert keyfile["ipv4"]["route1"] == "10.9.0.0/16,10.0.7.9"
    assert keyfile["ipv4"]["dns"] == "10.0.7.53;"
    assert keyfile["ipv6"]["address1"] == "fd00::77/64,fd00::1"
    device = sections(found["/run/NetworkManager/devices/2"])["device"]
    assert device["connection-uuid"] == keyfile["connection"]["uuid"]
    assert keyfile["connection"]["uuid"].endswith("-525400123456")
    conf = sections(found["/run/NetworkManager/conf.d/initpy.conf"])
    assert conf["device-initpy-ens3"]["keep-configuration"] == "yes"
    # NetworkManager ignores a keyfile that others can read.
    modes = {each.name: each.mode for each in files([STATIC])}
    assert modes["initpy-ens3.nmconnection"] == 0o600


def test_networkmanager_goes_on_with_a_lease() -> None:
    path = "/run/NetworkManager/system-connections/initpy-ens4.nmconnection"
    keyfile = sections(made(LEASED)[path])
    assert keyfile["ipv4"]["method"] == "auto"
    assert keyfile["ipv4"]["dhcp-client-id"] == "mac"


def test_ifupdown_leaves_the_link_alone() -> None:
    found = made(STATIC, LEASED)
    # ifup asks the file of each interface; ifdown leaves one alone that nothing defines.
    assert found["/run/network/ifstate"] == "lo=lo\nens3=initpy\nens4=initpy\n"
    assert found["/run/network/ifstate.ens3"] == "initpy\n"
    assert "no-auto-down ens3 ens4\n" in found["/run/network/interfaces.d/initpy"]
    assert "/run/initramfs/open-iscsi.interface" not in found
    # Debian's udev rule does not start iscsid for paths of multipath.
    wanted = "/run/systemd/system/sysinit.target.d/initpy-iscsid.conf"
    assert wanted not in found
    with_session = made(LEASED._replace(iscsi=True))
    assert with_session[wanted].endswith("[Unit]\nWants=iscsid.service\n")
    # Debian's open-iscsi would log out of a session that it does not see root stand on.
    logout = "/run/systemd/system/open-iscsi.service.d/initpy.conf"
    assert logout not in with_session
    below_lvm = made(LEASED._replace(iscsi=True, hidden=True))
    assert below_lvm[logout].endswith("[Service]\nExecStop=\n")
    assert with_session["/run/initramfs/open-iscsi.interface"] == "ens4\n"


def test_a_shell_reads_what_ipconfig_would_leave() -> None:
    found = sourced(made(LEASED)["/run/net-ens4.conf"])
    assert found["DEVICE"] == "ens4"
    assert found["PROTO"] == "dhcp"
    assert found["IPV4ADDR"] == "10.0.7.50"
    assert found["IPV4NETMASK"] == "255.255.255.0"
    assert found["IPV4BROADCAST"] == "10.0.7.255"
    assert "IPV4GATEWAY" not in found
    assert found["IPV4DNS0"] == "10.0.7.2"
    assert found["ROOTSERVER"] == "10.0.7.3"
    assert found["ROOTPATH"] == "10.0.7.2:/srv"
    assert found["DHCPLEASETIME"] == "97"
    static = made(STATIC)
    # cloud-init raises an error for any word but this, `dhcp` and `dhcp6`.
    assert sourced(static["/run/net-ens3.conf"])["PROTO"] == "none"
    assert sourced(static["/run/net-ens3.conf"])["DHCPLEASETIME"] == "0"
    six = sourced(static["/run/net6-ens3.conf"])
    assert (six["DEVICE6"], six["IPV6ADDR"], six["IPV6GATEWAY"]) == ("ens3", "fd00::77", "fd00::1")


def test_cloud_init_is_told_only_what_it_can_set() -> None:
    """It takes each file for a card, and makes what the file says a setting."""
    bond = STATIC._replace(name="bond0", made=True)
    assert not [path for path in made(bond) if path.startswith(("/run/net-", "/run/net6-"))]
    learned = STATIC._replace(learned=("fd00::77/64",))
    assert "/run/net6-ens3.conf" not in made(learned)
    leased = STATIC._replace(leased_6="fd00::77/64")
    assert sourced(made(leased)["/run/net6-ens3.conf"])["IPV6PROTO"] == "none"


def test_the_address_of_a_dhcpv6_server_stays_as_a_fixed_one_with_the_routes_of_routers() -> None:
    leased = Kept("ens4", MAC, ("10.0.7.50/24", "fd00::32/128"), lease=LEASE,
                  leased_6="fd00::32/128")  # fmt: skip
    found = made(leased)
    network = sections(found["/run/systemd/network/90-initpy-ens4.network"])
    assert network["Network"]["DHCP"] == "ipv4"
    assert network["Network"]["IPv6AcceptRA"] == "yes"
    assert network["Address"]["Address"] == "fd00::32/128"
    six = sections(found["/run/NetworkManager/system-connections/initpy-ens4.nmconnection"])["ipv6"]
    assert six == {"method": "auto", "dhcp-duid": "ll", "dhcp-iaid": "mac",
                   "address1": "fd00::32/128"}  # fmt: skip
    assert sourced(made(STATIC)["/run/net6-ens3.conf"])["IPV6PROTO"] == "none"


def test_files_of_a_user_that_may_be_for_the_link_keep_its_address() -> None:
    """networkd would ask as another client, and take the address of the root away."""
    there = (
        LinkFile("20-other.network", ("enp*",)),
        LinkFile("30-driver.network", more=True),
        LinkFile("50-wired.network", ("en*", "eth*")),
        LinkFile("60-later.network", ("ens4",)),
    )
    found = {f"{each.folder}/{each.name}": each.text for each in files([LEASED], there)}
    for name in ("30-driver", "50-wired"):
        drop_in = sections(found[f"/run/systemd/network/{name}.network.d/initpy.conf"])
        assert drop_in["Network"] == {"KeepConfiguration": "yes"}
        assert drop_in["DHCPv4"] == {"ClientIdentifier": "mac"}
    for name in ("20-other", "60-later"):
        assert f"/run/systemd/network/{name}.network.d/initpy.conf" not in found
    static = {f"{each.folder}/{each.name}": each.text for each in files([STATIC], there)}
    text = static["/run/systemd/network/50-wired.network.d/initpy.conf"]
    assert "DHCPv4" not in sections(text)


def test_the_name_servers_of_all_links() -> None:
    assert made(STATIC, LEASED)["/run/initpy/resolv.conf"] == (
        "search example.org lab\nnameserver 10.0.7.53\nnameserver fd00::53\nnameserver 10.0.7.2\n"
    )


def test_resolvconf_learns_the_name_servers_of_a_link() -> None:
    found = made(LEASED, STATIC._replace(dns=()))
    assert found["/run/resolvconf/interface/ens4.initpy"] == "nameserver 10.0.7.2\n"
    assert "/run/resolvconf/interface/ens3.initpy" not in found


def test_a_link_beside_a_local_root_is_the_real_systems() -> None:
    """rd.neednet=1, say: its ifup and networkd set it up as they would without an initramfs."""
    found = {f"{each.folder}/{each.name}" for each in files([LEASED], stands=False)}
    assert found == {
        "/run/net-ens4.conf", "/run/initpy/resolv.conf", "/run/resolvconf/interface/ens4.initpy",
    }  # fmt: skip


def test_a_link_without_an_address_is_not_kept() -> None:
    assert files([STATIC._replace(addresses=())]) == ()


SAID = st.text(max_size=30)


@given(SAID, SAID, SAID, SAID)
def test_what_a_server_says_adds_no_line_and_no_word(
    root_path: str, domain: str, host: str, word: str
) -> None:
    """A lease is untrusted, and these files are read by programs that are root."""
    lease = LEASE._replace(root_path=root_path, domain=domain, host=host, file=word)
    link = LEASED._replace(lease=lease, search=(domain, word))
    usual, found = made(LEASED._replace(search=("a", "b"))), made(link)
    assert found.keys() == usual.keys()
    klibc = found["/run/net-ens4.conf"]
    assert len(klibc.splitlines()) == len(usual["/run/net-ens4.conf"].splitlines())
    for line in klibc.splitlines():
        assert len(shlex.split(line)) == 1
    names = {line.partition("=")[0] for line in usual["/run/net-ens4.conf"].splitlines()}
    assert {line.partition("=")[0] for line in klibc.splitlines()} == names
    for path, text in found.items():
        if path != "/run/net-ens4.conf":
            assert len(text.splitlines()) <= len(usual[path].splitlines()), path
