"""`ip=` and what goes with it, in the forms that their documents have (R15).

Lines are those of nfsroot.rst of the kernel, dracut.cmdline(7), initramfs-tools(7), and what their
users write.
"""

from ipaddress import ip_address, ip_interface, ip_network

import pytest

from initpy.config.settings import read_settings
from initpy.core.netsettings import (
    Bond,
    Bridge,
    FixedAddress,
    LinkMatch,
    LinkRequest,
    Method,
    NetLimits,
    NetworkSettings,
    Route,
    Vlan,
)

ANY = LinkMatch()
ETH0 = LinkMatch("eth0")
MAC = "52:54:00:12:34:56"


def network(line: str) -> NetworkSettings:
    """What a command line without an error asks of the network."""
    settings, problems = read_settings(f"root=UUID=12-34 {line}")
    assert problems == ()
    assert settings.network is not None
    return settings.network


def static(address: str, **fields: object) -> LinkRequest:
    """A request for one address on eth0."""
    request = LinkRequest(ETH0, Method.STATIC, ip_interface(address))
    return request._replace(**fields)  # type: ignore[arg-type]  # of any field


def both(request: LinkRequest) -> tuple[LinkRequest, LinkRequest]:
    """The request, and one for IPv6."""
    return request, request._replace(method=Method.EITHER6)


ONE, GATEWAY, SERVER = ip_address("10.0.7.53"), ip_address("10.0.7.1"), ip_address("10.0.7.2")
V6, V6_GATEWAY = "2001:db8::77/64", ip_address("2001:db8::1")


@pytest.mark.parametrize(
    ("value", "request_"),
    [
        # A word alone: both grammars
        ("dhcp", LinkRequest()),
        ("on", both(LinkRequest())),
        ("any", both(LinkRequest())),
        ("all", both(LinkRequest())),
        ("bootp", LinkRequest()),
        ("both", LinkRequest()),
        ("dhcp6", LinkRequest(method=Method.DHCP6)),
        ("auto6", LinkRequest(method=Method.AUTO6)),
        ("either6", LinkRequest(method=Method.EITHER6)),
        ("link6", LinkRequest(method=Method.LINK6)),
        ("single-dhcp", LinkRequest(method=Method.SINGLE_DHCP)),
        ("dhcp,0,initpy", LinkRequest(client_id=b"\0initpy")),
        ("dhcp,1,525400123456", LinkRequest(client_id=b"\x01525400123456")),
        # INTERFACE:METHOD[:MTU[:MAC]]
        ("eth0:dhcp", LinkRequest(ETH0)),
        ("eth0:on", both(LinkRequest(ETH0))),
        ("eth0:any", both(LinkRequest(ETH0))),
        ("dhcp,dhcp6", (LinkRequest(), LinkRequest(method=Method.DHCP6))),
        ("eth0:dhcp,auto6", (LinkRequest(ETH0), LinkRequest(ETH0, Method.AUTO6))),
        ("eth0:auto6,dhcp6", LinkRequest(ETH0, Method.EITHER6)),
        ("eth0:dhcp,link6:1400",
         (LinkRequest(ETH0, mtu=1400), LinkRequest(ETH0, Method.LINK6, mtu=1400))),
        ("enp0s3:auto6", LinkRequest(LinkMatch("enp0s3"), Method.AUTO6)),
        ("ens3:dhcp6", LinkRequest(LinkMatch("ens3"), Method.DHCP6)),
        ("eth0:link6", LinkRequest(ETH0, Method.LINK6)),
        ("eth0:either6", LinkRequest(ETH0, Method.EITHER6)),
        ("eth0:dhcp:1400", LinkRequest(ETH0, mtu=1400)),
        (f"eth0:dhcp:1400:{MAC}", LinkRequest(ETH0, mtu=1400, mac=MAC)),
        (f"eth0:dhcp::{MAC.upper()}", LinkRequest(ETH0, mac=MAC)),
        ("52-54-00-12-34-56:dhcp", LinkRequest(LinkMatch(mac=MAC))),
        ("bond0.7:dhcp", LinkRequest(LinkMatch("bond0.7"))),
        # The kernel's fields
        ("10.0.7.77::10.0.7.1:255.255.255.0::eth0:none",
         static("10.0.7.77/24", gateway=GATEWAY)),
        ("10.0.7.77:10.0.7.2:10.0.7.1:255.255.255.0:klient:eth0:off",
         static("10.0.7.77/24", server=SERVER, gateway=GATEWAY, hostname="klient")),
        ("10.0.7.77::10.0.7.1:255.255.255.0:klient:eth0:none:10.0.7.53",
         static("10.0.7.77/24", gateway=GATEWAY, hostname="klient", dns=(ONE,))),
        ("10.0.7.77::10.0.7.1:255.255.255.0::eth0:none:10.0.7.53:10.0.7.2:10.0.7.1",
         static("10.0.7.77/24", gateway=GATEWAY, dns=(ONE, SERVER), ntp=(GATEWAY,))),
        ("10.0.7.77::10.0.7.1:255.255.255.0::eth0:none::10.0.7.2",
         static("10.0.7.77/24", gateway=GATEWAY, dns=(SERVER,))),
        ("10.0.7.77::10.0.7.1:255.255.255.0::eth0:none:10.0.7.53::10.0.7.1",
         static("10.0.7.77/24", gateway=GATEWAY, dns=(ONE,), ntp=(GATEWAY,))),
        ("10.0.7.77::10.0.7.1:255.255.255.0::eth0", static("10.0.7.77/24", gateway=GATEWAY)),
        ("10.0.7.77::10.0.7.1:255.255.255.0::eth0:", static("10.0.7.77/24", gateway=GATEWAY)),
        ("10.0.7.77::10.0.7.1:255.255.255.0::eth0:on", static("10.0.7.77/24", gateway=GATEWAY)),
        ("10.0.7.77:::255.255.255.0::eth0:none", static("10.0.7.77/24")),
        ("10.0.7.77:::::eth0:none", static("10.0.7.77/8")),
        ("172.16.0.9:::::eth0:none", static("172.16.0.9/16")),
        ("192.168.1.9:::::eth0:none", static("192.168.1.9/24")),
        ("10.0.7.77:0.0.0.0:0.0.0.0:255.255.255.0::eth0:none", static("10.0.7.77/24")),
        ("10.0.7.77::10.0.7.1:255.255.255.0",
         static("10.0.7.77/24", gateway=GATEWAY, match=ANY)),
        ("10.0.7.77::10.0.7.1:255.255.255.0:::static",
         static("10.0.7.77/24", gateway=GATEWAY, match=ANY)),
        (":::::eth0:dhcp", LinkRequest(ETH0)),
        ("::::klient:eth0:dhcp", LinkRequest(ETH0, hostname="klient")),
        ("::::klient.example:eth0:", LinkRequest(ETH0, hostname="klient.example")),
        (":10.0.7.2::::eth0:dhcp", LinkRequest(ETH0, server=SERVER)),
        ("::::::dhcp", LinkRequest()),
        ("::::klient:eth0:dhcp:::10.0.7.2",
         LinkRequest(ETH0, hostname="klient", ntp=(SERVER,))),
        (":::::eth0:on:10.0.7.53", both(LinkRequest(ETH0, dns=(ONE,)))),
        # dracut's fields: a prefix length, a peer, MTU and MAC address, IPv6
        ("10.0.7.77::10.0.7.1:24::eth0:none", static("10.0.7.77/24", gateway=GATEWAY)),
        ("10.0.7.77:10.0.7.1::32::eth0:none",
         static("10.0.7.77/32", peer=ip_interface("10.0.7.1/32"))),
        ("10.0.7.77:10.0.7.1/24::255.255.255.255::eth0:none",
         static("10.0.7.77/32", peer=ip_interface("10.0.7.1/24"))),
        ("10.0.7.77::10.0.7.1:24::eth0:none:9000",
         static("10.0.7.77/24", gateway=GATEWAY, mtu=9000)),
        (f"10.0.7.77::10.0.7.1:24::eth0:none:9000:{MAC}",
         static("10.0.7.77/24", gateway=GATEWAY, mtu=9000, mac=MAC)),
        (f"10.0.7.77::10.0.7.1:24::eth0:none::{MAC}",
         static("10.0.7.77/24", gateway=GATEWAY, mac=MAC)),
        ("[2001:db8::77]::[2001:db8::1]:64:klient:eth0:none",
         static(V6, gateway=V6_GATEWAY, hostname="klient")),
        ("[2001:db8::77/64]::[2001:db8::1]::klient:eth0:none",
         static(V6, gateway=V6_GATEWAY, hostname="klient")),
        ("[2001:db8::77]::[2001:db8::1]:64::eth0:none:[2001:db8::1]:10.0.7.53",
         static(V6, gateway=V6_GATEWAY, dns=(V6_GATEWAY, ONE))),
        ("[2001:db8::77]:::64::eth0:none:1400", static(V6, mtu=1400)),
        ("[2001:db8::77]:[2001:db8::1]::128::eth0:none",
         static("2001:db8::77/128", peer=ip_interface("2001:db8::1/128"))),
        ("[2001:db8::77]:::64::eth0:auto6", static(V6, routers=True)),
        ("[2001:db8::77]:::64::eth0:link6", static(V6)),
        ("10.0.7.77:::24::eth0:auto6",
         (static("10.0.7.77/24"), LinkRequest(ETH0, Method.AUTO6))),
        ("[2001:db8::77]:::64:klient:eth0:dhcp:1400",
         (static(V6, hostname="klient", mtu=1400),
          LinkRequest(ETH0, hostname="klient", mtu=1400))),
        (":::::eth0:ibft", LinkRequest(ETH0, Method.IBFT)),
        ("10.0.7.77", static("10.0.7.77/8", match=ANY)),
        ("10.0.7.77/24", static("10.0.7.77/24", match=ANY)),
        # nm-initrd-generator(8) and systemd-network-generator.service(8)
        ("auto", both(LinkRequest())),
        (f"br7:auto:1280:{MAC}", both(LinkRequest(LinkMatch("br7"), mtu=1280, mac=MAC))),
        ("eth0:fw", LinkRequest(ETH0, Method.IBFT)),
        (":dhcp6:1499", LinkRequest(method=Method.DHCP6, mtu=1499)),
        ("::::::dhcp:1499", LinkRequest(mtu=1499)),
        ("eth0:link-local", LinkRequest(ETH0, Method.LINK6)),
        (f"{MAC.replace(':', '-')}:ibft", LinkRequest(LinkMatch(mac=MAC), Method.IBFT)),
        ("10.0.7.77/16:::::eth0", static("10.0.7.77/16")),
        ("[2001:db8::77]:::56::eth0", static("2001:db8::77/56")),
        (f"[2001:db8::77]/64::[2001:db8::1]::klient:{MAC.replace(':', '-')}::10.0.7.53",
         static(V6, gateway=V6_GATEWAY, hostname="klient", match=LinkMatch(mac=MAC),
                dns=(ONE,))),
    ],
)  # fmt: skip
def test_ip_in_both_grammars(
    value: str, request_: LinkRequest | tuple[LinkRequest, LinkRequest]
) -> None:
    expected = (request_,) if isinstance(request_, LinkRequest) else request_
    assert network(f"ip={value}").links == expected
    assert network(f"nfsaddrs={value}").links == expected


STATIC, STATIC_6 = static("10.0.7.77/24", gateway=GATEWAY), static(V6, gateway=V6_GATEWAY)
FIXED, FIXED_6 = "10.0.7.77::10.0.7.1:24::eth0:none", "[2001:db8::77]::[2001:db8::1]:64::eth0:none"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("eth0:dhcp", "eth0:dhcp6"), (LinkRequest(ETH0), LinkRequest(ETH0, Method.DHCP6))),
        (("eth0:dhcp6", "eth0:dhcp"), (LinkRequest(ETH0, Method.DHCP6), LinkRequest(ETH0))),
        ((FIXED, FIXED_6), (STATIC, STATIC_6)),
        ((FIXED, "eth0:auto6"), (STATIC, LinkRequest(ETH0, Method.AUTO6))),
        (("eth0:dhcp", FIXED_6), (LinkRequest(ETH0), STATIC_6)),
        ((FIXED_6, "eth0:auto6"), (STATIC_6._replace(routers=True),)),
        (("eth0:auto6", FIXED_6), (STATIC_6._replace(routers=True),)),
        (("eth0:auto6", "eth0:dhcp6"), (LinkRequest(ETH0, Method.EITHER6),)),
        (("eth0:link6", "eth0:dhcp6"), (LinkRequest(ETH0, Method.DHCP6),)),
        (("eth0:dhcp", "eth0:dhcp"), (LinkRequest(ETH0),)),
        (("eth0:dhcp", "eth0:dhcp:1400"), (LinkRequest(ETH0, mtu=1400),)),
        (("eth0:dhcp:1400", "eth0:auto6"),
         (LinkRequest(ETH0, mtu=1400), LinkRequest(ETH0, Method.AUTO6, mtu=1400))),
        ((FIXED, "10.0.8.77:::24::eth0:none"),
         (STATIC._replace(further=(FixedAddress(ip_interface("10.0.8.77/24")),)),)),
        ((FIXED, FIXED), (STATIC,)),
        (("dhcp", "auto6"), (LinkRequest(), LinkRequest(method=Method.AUTO6))),
        (("eth0:dhcp", "eth1:dhcp6"),
         (LinkRequest(ETH0), LinkRequest(LinkMatch("eth1"), Method.DHCP6))),
    ],
)  # fmt: skip
def test_all_ip_of_one_interface_count(
    values: tuple[str, ...], expected: tuple[LinkRequest, ...]
) -> None:
    assert network(" ".join(f"ip={each}" for each in values)).links == expected


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((FIXED, "eth0:dhcp"), "no dhcp beside what is asked for eth0"),
        (("eth0:dhcp", FIXED), "no dhcp beside what is asked for eth0"),
        ((FIXED_6, "eth0:dhcp6"), "no dhcp6 beside what is asked for eth0"),
    ],
)
def test_a_version_has_addresses_from_one_source(values: tuple[str, ...], told: str) -> None:
    line = " ".join(f"ip={each}" for each in values)
    settings, problems = read_settings(f"root=UUID=12-34 {line}")
    assert [each for each in problems if told in str(each)] == list(problems) and problems
    assert settings.network is not None
    [request] = settings.network.links
    assert request.address is not None


def test_a_server_with_an_ipv6_address_makes_ipv6_a_default() -> None:
    settings, _ = read_settings("root=nfs:[fd00::1]:/srv/root")
    assert settings.network is not None
    assert [each.method for each in settings.network.links] == [Method.DHCP, Method.EITHER6]
    settings, _ = read_settings("root=nfs:10.0.7.2:/srv/root")
    assert settings.network is not None
    assert [each.method for each in settings.network.links] == [Method.DHCP]


def test_several_methods_make_several_requests() -> None:
    found = network("ip=eth0:dhcp,auto6 ip=eth1:link6").links
    assert [(each.match.name, each.method) for each in found] == [
        ("eth0", Method.DHCP), ("eth0", Method.AUTO6), ("eth1", Method.LINK6),
    ]  # fmt: skip


def test_the_same_request_twice_is_one() -> None:
    assert network("ip=eth0:dhcp nfsaddrs=eth0:dhcp").links == (LinkRequest(ETH0),)


@pytest.mark.parametrize("value", ["off", "none", ":::::eth0:off", "eth0:off", "eth0:none"])
def test_no_link_is_touched(value: str) -> None:
    """Where another ip= asks for more, only the link that is named is left down."""
    found = network(f"rd.neednet=1 ip={value}")
    assert found.off
    assert found.links == ()


@pytest.mark.parametrize("word", ["off", "none"])
def test_a_link_that_is_named_is_left_down_beside_others(word: str) -> None:
    others = (LinkRequest(), LinkRequest(LinkMatch("eth1"), Method.OFF))
    assert network(f"ip=dhcp ip=eth1:{word}").links == others
    assert network(f"ip=eth1:{word} ip=dhcp").links == others[::-1]
    assert network(f"ip=eth1:{word} ip=eth1:dhcp").links == (LinkRequest(LinkMatch("eth1")),)


def test_the_firmware_says_how_links_are_set_up() -> None:
    for line in ("ip=ibft", "rd.iscsi.ibft", "rd.iscsi.ibft=1", "iscsi_auto", "ip=::::::ibft"):
        assert network(line).iscsi.firmware_links, line
    assert network("iscsi_auto").iscsi.firmware
    assert not network("rd.iscsi.firmware=1").iscsi.firmware_links
    assert network("rd.iscsi.firmware=1").links == ()


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("ifname=bootnet:52:54:00:12:34:56", "names", ((MAC, "bootnet"),)),
        ("ifname=a:52-54-00-12-34-56 ifname=b:52:54:00:12:34:56", "names", ((MAC, "b"),)),
        ("bootdev=eth0 ip=dhcp", "boot_link", ETH0),
        ("bootdev=52:54:00:12:34:56 ip=dhcp", "boot_link", LinkMatch(mac=MAC)),
        ("BOOTIF=01-52-54-00-12-34-56 ip=dhcp", "boot_link", LinkMatch(mac=MAC)),
        ("BOOTIF=52-54-00-12-34-56 ip=dhcp", "boot_link", LinkMatch(mac=MAC)),
        ("BOOTIF=52:54:00:12:34:56 ip=dhcp", "boot_link", LinkMatch(mac=MAC)),
        ("BOOTIF=01-52-54-00-12-34-56 rd.bootif=0 ip=dhcp", "boot_link", None),
        ("BOOTIF=01-52-54-00-12-34-56 bootdev=eth0 ip=dhcp", "boot_link", ETH0),
        ("vlan=eth0.7:eth0", "vlans", (Vlan("eth0.7", "eth0", 7),)),
        ("vlan=eth0.0007:eth0", "vlans", (Vlan("eth0.0007", "eth0", 7),)),
        ("vlan=vlan5:eth0", "vlans", (Vlan("vlan5", "eth0", 5),)),
        ("vlan=vlan0005:eth0", "vlans", (Vlan("vlan0005", "eth0", 5),)),
        ("vlan=a1:eth0 vlan=a2:bond0", "vlans", (Vlan("a1", "eth0", 1), Vlan("a2", "bond0", 2))),
        ("bond", "bonds", (Bond("bond0", ("eth0", "eth1"), (("mode", "balance-rr"),)),)),
        ("bond=bond1", "bonds", (Bond("bond1", ("eth0", "eth1"), (("mode", "balance-rr"),)),)),
        ("bond=b:ens3,ens4:mode=802.3ad,miimon=100,lacp_rate=fast:9000", "bonds",
         (Bond("b", ("ens3", "ens4"),
               (("mode", "802.3ad"), ("miimon", "100"), ("lacp_rate", "fast")), 9000),)),
        ("bond=b:ens3::mode=1", "bonds", (Bond("b", ("ens3",), (("mode", "active-backup"),)),)),
        ("bond=b:e0,e1:mode=active-backup,arp_interval=100,arp_ip_target=10.0.0.1;10.0.0.2",
         "bonds", (Bond("b", ("e0", "e1"),
                        (("mode", "active-backup"), ("arp_interval", "100"),
                         ("arp_ip_target", "10.0.0.1,10.0.0.2"))),)),
        ("bond=b:e0,e1::1530", "bonds",
         (Bond("b", ("e0", "e1"), (("mode", "balance-rr"),), 1530),)),
        ("bond=b:e0:ns_ip6_target=[fc08::1];[fc08::2],arp_interval=100:9000", "bonds",
         (Bond("b", ("e0",), (("mode", "balance-rr"), ("ns_ip6_target", "fc08::1,fc08::2"),
                              ("arp_interval", "100")), 9000),)),
        ("bridge", "bridges", (Bridge("br0", ("eth0",)),)),
        ("bridge=br1:ens3,ens4", "bridges", (Bridge("br1", ("ens3", "ens4")),)),
        ("rd.route=192.168.200.0/24:192.168.100.222:ens10", "routes",
         (Route(ip_network("192.168.200.0/24"), ip_address("192.168.100.222"), "ens10"),)),
        ("rd.route=192.168.200.0/24:192.168.100.222", "routes",
         (Route(ip_network("192.168.200.0/24"), ip_address("192.168.100.222")),)),
        ("rd.route=192.168.200.0/24::ens10", "routes",
         (Route(ip_network("192.168.200.0/24"), None, "ens10"),)),
        ("rd.route=[2001:DB8:3::/8]:[2001:DB8:2::1]:ens10", "routes",
         (Route(ip_network("2000::/8"), ip_address("2001:db8:2::1"), "ens10"),)),
        ("rd.route=[2001:DB8:3::]/48:[2001:DB8:2::1]", "routes",
         (Route(ip_network("2001:db8:3::/48"), ip_address("2001:db8:2::1")),)),
        ("rd.route=10.0.0.0/255.0.0.0:10.0.7.1", "routes",
         (Route(ip_network("10.0.0.0/8"), GATEWAY),)),
        ("rd.route=default:10.0.7.1", "routes", (Route(ip_network("0.0.0.0/0"), GATEWAY),)),
        ("nameserver=10.0.7.53 nameserver=2001:db8::1", "nameservers",
         ("10.0.7.53", "2001:db8::1")),
        ("nameserver=[2001:db8::1]", "nameservers", ("2001:db8::1",)),
        ("nameserver=[FE80::53%ens3]", "nameservers", ("fe80::53%ens3",)),
        ("nameserver=fe80::53%ens3", "nameservers", ("fe80::53%ens3",)),
        ("rd.net.dns=10.0.7.53 nameserver=[2001:db8::1]", "nameservers",
         ("10.0.7.53", "2001:db8::1")),
        ("rd.net.dhcp.client-id=eth0:01-aA-02 ip=eth0:dhcp", "links",
         (LinkRequest(ETH0, client_id=b"\x01\xaa\x02"),)),
        ("ip=eth0:dhcp ip=eth1:dhcp rd.net.dhcp.client-id=eth0:01-02 "
         "rd.net.dhcp.client-id=eth0:@example.com", "links",
         (LinkRequest(ETH0, client_id=b"\0example.com"), LinkRequest(LinkMatch("eth1")))),
        ("rd.peerdns=0", "peer_dns", False),
        ("rd.neednet=1", "needed", True),
        ("rd.neednet rd.neednet=0", "needed", False),
        ("rd.net.timeout.dhcp=30 rd.net.dhcp.retry=3", "limits",
         NetLimits(dhcp=30.0, dhcp_tries=3)),
        ("rd.net.timeout.iflink=60 rd.net.timeout.ifup=20 rd.net.timeout.route=0 "
         "rd.net.timeout.ipv6dad=50 rd.net.timeout.ipv6auto=40 rd.net.timeout.carrier=10",
         "limits", NetLimits(link=60, up=20, dad=50, auto=40, carrier=10)),
        ("ip6=dhcp6", "links", (LinkRequest(method=Method.DHCP6),)),
        ("ip6=eth0", "links", (LinkRequest(ETH0, Method.DHCP6),)),
        ("ip6=off", "links", ()),
    ],
)  # fmt: skip
def test_what_goes_with_it(line: str, field: str, expected: object) -> None:
    assert getattr(network(line), field) == expected


@pytest.mark.parametrize("boot", ["BOOTIF=01-52-54-00-12-34-56", f"bootdev={MAC}"])
def test_a_request_without_a_link_is_for_the_one_that_the_machine_booted_from(boot: str) -> None:
    found = network(f"ip=dhcp ip=eth0:auto6 {boot}").links
    assert [each.match for each in found] == [LinkMatch(mac=MAC), ETH0]


@pytest.mark.parametrize(
    ("line", "method", "defaulted"),
    [
        ("root=nfs:10.0.7.2:/srv", Method.DHCP, True),
        ("root=dhcp6", Method.DHCP6, True),
        ("root=UUID=12-34 rd.neednet=1", Method.DHCP, True),
        ("root=nfs:10.0.7.2:/srv ip=auto6", Method.AUTO6, False),
    ],
)
def test_dhcp_is_the_default_where_a_link_is_needed(
    line: str, method: Method, defaulted: bool
) -> None:
    settings, problems = read_settings(line)
    assert problems == ()
    assert settings.network is not None
    assert [each.method for each in settings.network.links] == [method]
    assert settings.network.defaulted is defaulted


@pytest.mark.parametrize(
    "line", ["root=UUID=12-34 nameserver=10.0.7.53", "root=virtiofs:share", "ip=off root=dhcp"]
)
def test_no_link_is_asked_for_where_none_is_needed(line: str) -> None:
    settings, _ = read_settings(line)
    assert settings.network is not None
    assert settings.network.links == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ip=", "one of dhcp, dhcp6"),
        ("ip", "one of dhcp, dhcp6"),
        ("ip=dchp", "one of dhcp, dhcp6"),
        ("ip=rarp", "RARP is not supported"),
        ("ip=dhcp,256,x", "dhcp,TYPE,VALUE with a type of 0 to 255"),
        ("ip=dhcp,1", "dhcp,TYPE,VALUE"),
        ("ip=eth0:dhcp:66", "an MTU or the address of a name server, not '66'"),
        ("ip=eth0:dhcp:1500:52:54", "a MAC address at the end, not '52:54'"),
        ("ip=a_name_that_is_too_long:dhcp", "the name of a network interface"),
        ("ip=10.0.7.277::10.0.7.1:24::eth0:none", "the address of this machine in the first"),
        ("ip=10.0.7.77::10.0.7.1:255.0.255.0::eth0:none", "a netmask or prefix length"),
        ("ip=10.0.7.77::10.0.7.1:33::eth0:none", "a netmask or prefix length, not '33'"),
        ("ip=10.0.7.77::10.0.7.1:0.0.0.255::eth0:none", "a netmask or prefix length"),
        ("ip=10.0.7.77::gate:24::eth0:none", "in the third field, not 'gate'"),
        ("ip=10.0.7.77:x:10.0.7.1:24::eth0:none", "server or peer in the second field"),
        ("ip=10.0.7.77::10.0.7.1:24:-x-:eth0:none", "a host name in the fifth field"),
        ("ip=10.0.7.77::10.0.7.1:24::eth0:nonsense", "one of dhcp, dhcp6"),
        ("ip=10.0.7.77::10.0.7.1:24::eth0:dhcp", "no address with dhcp: the address counts"),
        ("ip=10.0.7.77::10.0.7.1:24::eth0:none:1:2:3:4", "an MTU or the address"),
        ("ip=2001:db8::77::[2001:db8::1]:64::eth0:none", "expected"),
        ("ip=fd00::1::fd00::2:64::eth0:none", "IPv6 addresses in brackets, as in [fd00::1]"),
        ("ip=10.0.7.77::fd00::2:64::eth0:none", "(IPv6 in brackets) in the third field"),
        ("ip=10.0.7.77::[fd00::2]:24::eth0:none", "an IPv4 gateway in the third field"),
        ("ip=[fd00::1]::10.0.7.1:64::eth0:none", "an IPv6 gateway in the third field"),
        ("ip=127.0.0.1::10.0.7.1:24::eth0:none", "the address of this machine in the first"),
        ("ip=255.255.255.255::10.0.7.1:24::eth0:none", "the address of this machine in the"),
        ("ip=10.0.7.77::10.0.7.1:24::eth0:dhcp", "no address with dhcp: the address counts"),
        ("ip=10.0.7.77::10.0.7.1:24::eth0:ibft", "no address with ibft: the address counts"),
        ("ip=static", "an address with static, as in ADDRESS::GATEWAY:NETMASK::INTERFACE"),
        ("ip=eth0:static", "an address with static, as in ADDRESS::GATEWAY:NETMASK::INTERFACE"),
        ("ip=:::::eth0:static", "an address with static, as in ADDRESS::GATEWAY"),
        ("ip=eth0:frobnicate", "after the interface one of dhcp, dhcp6"),
        ("ip=eth0:frobnicate:1500", "after the interface one of dhcp, dhcp6"),
        ("ip=dhcp:", "nothing after the method dhcp, or INTERFACE:dhcp"),
        ("ip=dhcp:eth0", "nothing after the method dhcp, or INTERFACE:dhcp"),
        ("rd.net.dns=dns+tls://10.0.7.53", "the address of a name server"),
        ("rd.net.dhcp.client-id=", "INTERFACE:HH-HH-"),
        ("rd.net.dhcp.client-id=:01-02", "INTERFACE:HH-HH-"),
        ("rd.net.dhcp.client-id=eth7:01", "INTERFACE:HH-HH-"),
        ("rd.net.dhcp.client-id=eth7:@", "INTERFACE:HH-HH-"),
        ("rd.net.dhcp.client-id=eth7:01:02", "INTERFACE:HH-HH-"),
        ("rd.net.dhcp.client-id=eth1:01-02", "an ip=eth1:dhcp beside it"),
        ("rd.net.dhcp.vendor-class=x", "not supported: the DHCP server is asked without it"),
        ("ib.pkey=ib0.8004", "not supported: InfiniBand partitions"),
        ("bridge=eth0:eth0", "other interfaces than eth0 as its members"),
        ("vlan=eth0.80:eth0:reorder_hdr=on", "NAME:PARENT"),
        ("ip=10.0.7.77::10.0.7.1:24::eth0:none:10.0.7.5:10.0.7.6:10.0.7.7:10.0.7.8",
         "at most two name servers and a time server"),
        ("ifname=bootnet", "NAME:MAC"),
        ("ifname=bootnet:52:54:00:12:34", "NAME:MAC"),
        ("BOOTIF=01-52-54 ip=dhcp", "a MAC address, as in 01-52-54-00-12-34-56"),
        ("bootdev=", "the name or MAC address"),
        ("vlan=eth0:eth0", "NAME:PARENT"),
        ("vlan=vlan:eth0", "a name that ends with the number of the VLAN, 0 to 4094"),
        ("vlan=vlan4095:eth0", "0 to 4094"),
        ("bond=b:eth0,eth0", "NAME[:MEMBER"),
        ("bond=b:eth0:mode=fast", "a mode among balance-rr"),
        ("bond=b:eth0:speed=1", "options of the bonding module with values, not 'speed=1'"),
        ("bond=b:eth0:mode=1:66", "an MTU, not '66'"),
        ("bridge=br0", "NAME:MEMBER,…"),
        ("rd.route=10.0.0.0/8", "a gateway, an interface, or both"),
        ("rd.route=10.0.0.0/8:2001", "NETWORK/LENGTH:GATEWAY"),
        ("rd.route=10.0.0.0/8:[2001:db8::1]", "NETWORK/LENGTH:GATEWAY"),
        ("nameserver=one", "the address of a name server"),
        ("rd.peerdns=maybe", "yes or no"),
        ("rd.net.timeout.dhcp=x", "a number of seconds"),
        ("rd.net.dhcp.retry=0", "a number of tries, 1 or more"),
        ("rd.net.timeout.dchp=1", "such as rd.net.timeout.dhcp; it is ignored"),
        ("ip6=a/b", "dhcp6, off or the name"),
        ("team=team0:eth0,eth1", "not supported: use bond="),
    ],
)  # fmt: skip
def test_what_is_malformed_is_one_line_and_the_rest_counts(line: str, expected: str) -> None:
    settings, problems = read_settings(f"root=UUID=12-34 {line} ip=eth7:link6")
    (problem,) = problems
    name = line.partition("=")[0].split()[0]
    assert str(problem).startswith(f"command line: {name}:")
    assert expected in str(problem)
    assert settings.network is not None
    assert LinkRequest(LinkMatch("eth7"), Method.LINK6) in settings.network.links
    assert settings.refusal == ""


def test_links_that_would_be_made_of_each_other_are_left_out() -> None:
    line = "bond=a:b,eth0 bridge=b:c1 vlan=c1:a bridge=good:eth5"
    settings, problems = read_settings(f"root=UUID=12-34 rd.neednet=1 {line}")
    assert [each.value for each in problems] == ["a", "b", "c1"]
    assert "not made of each other" in str(problems[0])
    assert settings.network is not None
    assert settings.network.bridges == (Bridge("good", ("eth5",)),)
    assert (settings.network.bonds, settings.network.vlans) == ((), ())
