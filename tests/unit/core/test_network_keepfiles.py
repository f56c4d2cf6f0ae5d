"""What the real system is told of the links that root stands on (R17)."""

import configparser
import shlex
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from initpy.core.network.keepfiles import Kept, files
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


def test_a_file_of_netplan_keeps_the_link_too() -> None:
    text = made(STATIC)["/run/systemd/network/10-netplan-ens3.network.d/initpy.conf"]
    assert sections(text) == {"Network": {"KeepConfiguration": "yes"}}


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
    assert found["/run/network/ifstate"] == "lo=lo\nens3=ens3\nens4=ens4\n"
    assert "no-auto-down ens3 ens4\n" in found["/run/network/interfaces.d/initpy"]
    assert "/run/initramfs/open-iscsi.interface" not in found
    with_session = made(LEASED._replace(iscsi=True))
    assert with_session["/run/initramfs/open-iscsi.interface"] == "ens4\n"


def test_a_shell_reads_what_ipconfig_would_leave() -> None:
    found = sourced(made(LEASED)["/run/net-ens4.conf"])
    assert found["DEVICE"] == "ens4"
    assert found["PROTO"] == "dhcp"
    assert found["IPV4ADDR"] == "10.0.7.50"
    assert found["IPV4NETMASK"] == "255.255.255.0"
    assert found["IPV4BROADCAST"] == "10.0.7.255"
    assert found["IPV4GATEWAY"] == "0.0.0.0"
    assert found["IPV4DNS0"] == "10.0.7.2"
    assert found["ROOTSERVER"] == "10.0.7.3"
    assert found["ROOTPATH"] == "10.0.7.2:/srv"
    assert found["DHCPLEASETIME"] == "97"
    static = made(STATIC)
    assert sourced(static["/run/net-ens3.conf"])["PROTO"] == "static"
    assert sourced(static["/run/net-ens3.conf"])["DHCPLEASETIME"] == "0"
    six = sourced(static["/run/net6-ens3.conf"])
    assert (six["DEVICE6"], six["IPV6ADDR"], six["IPV6GATEWAY"]) == ("ens3", "fd00::77", "fd00::1")


def test_the_name_servers_of_all_links() -> None:
    assert made(STATIC, LEASED)["/run/initpy/resolv.conf"] == (
        "search example.org lab\nnameserver 10.0.7.53\nnameserver fd00::53\nnameserver 10.0.7.2\n"
    )


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
