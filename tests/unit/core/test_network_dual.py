"""Links with IPv4 and IPv6 (R15): neither waits for the other, and both are kept."""

from ipaddress import ip_interface

from test_network_root import NetDesk, link, network
from test_network_virtual import asked

from initpy.core.actions import Moved, Record
from initpy.core.devices.graph import Device
from initpy.core.netsettings import LinkMatch, LinkRequest, Method, NfsRoot
from initpy.core.network.actions import AcceptRouters, Configure, StopDhcp, SwitchLink
from initpy.core.network.values import LinkConfig
from initpy.core.settings import Settings

ETH0 = LinkMatch("eth0")
FOUR, SIX = NfsRoot("10.0.2.1", "/srv/root"), NfsRoot("fd00::1", "/srv/root")


def both(root: NfsRoot, six: Method = Method.AUTO6, match: LinkMatch = ETH0) -> Settings:
    """Settings with DHCP and a method of IPv6 for one link."""
    return network(root=root, links=(LinkRequest(match), LinkRequest(match, six)))


def heard(address: str = "fd00::5/64") -> Device:
    """The link with an address that a router has given it."""
    plain = link()
    return plain._replace(properties={**plain.properties, "addresses6": address})


def versions(desk: NetDesk) -> list[tuple[int, LinkConfig]]:
    """What the link was to have, with the version of IP."""
    return [(each.version, each.config) for _, each in desk.log if isinstance(each, Configure)]


def files(desk: NetDesk) -> dict[str, str]:
    """The files that were left."""
    return {each.name: each.text for _, each in desk.log if isinstance(each, Record)}


def test_a_link_is_switched_on_once_for_both() -> None:
    desk = NetDesk(both(FOUR))
    desk.see(link(up=False))
    assert asked(desk, SwitchLink) == [SwitchLink("eth0", True)]
    assert asked(desk, AcceptRouters) == [AcceptRouters("eth0")]


def test_a_root_at_an_ipv6_address_does_not_wait_for_a_lease() -> None:
    desk = NetDesk(both(SIX))
    desk.see(link())
    desk.see(heard())
    desk.configured()
    assert [each.options[-1] for each in desk.mounts()] == ["clientaddr=fd00::5"]
    desk.mounted()
    assert asked(desk, StopDhcp) == [StopDhcp("eth0")]
    assert [each for each in asked(desk, SwitchLink) if not each.up] == []
    assert "DHCP=no" in files(desk)["90-initpy-eth0.network"]


def test_a_root_at_an_ipv4_address_is_not_looked_for_by_ipv6() -> None:
    desk = NetDesk(both(FOUR))
    desk.see(link())
    desk.see(heard())
    desk.configured()
    assert desk.mounts() == []
    desk.lease()
    desk.configured()
    assert [each.options[-1] for each in desk.mounts()] == ["clientaddr=10.0.2.15"]
    desk.mounted()
    text = files(desk)["90-initpy-eth0.network"]
    assert "DHCP=ipv4" in text and "IPv6AcceptRA=yes" in text
    assert "method=auto" in files(desk)["initpy-eth0.nmconnection"]


def test_each_version_is_configured_by_itself() -> None:
    desk = NetDesk(both(FOUR))
    desk.see(link())
    desk.lease()
    desk.see(heard())
    assert versions(desk) == [
        (4, LinkConfig(("10.0.2.15/24",))),
        (6, LinkConfig(learned=("fd00::5/64",))),
    ]


def test_an_ipv6_lease_is_handed_over_beside_that_of_ipv4() -> None:
    desk = NetDesk(both(FOUR, Method.DHCP6))
    desk.see(link())
    wanted = link()
    desk.see(
        wanted._replace(properties={**wanted.properties, "new_dhcp6_ia_na1_ia_addr1": "fd00::32"})
    )
    desk.configured()
    desk.lease()
    desk.configured()
    desk.mounted()
    assert set(files(desk)) >= {"net-eth0.conf", "net6-eth0.conf"}
    text = files(desk)["90-initpy-eth0.network"]
    assert "DHCP=ipv4" in text and "Address=fd00::32/128" in text and "10.0.2.15" not in text


def test_links_that_compete_do_so_for_each_version() -> None:
    desk = NetDesk(both(FOUR, match=LinkMatch()))
    desk.see(link("eth0"))
    desk.see(link("eth1"))
    desk.lease("eth1")
    plain = link("eth0")
    desk.see(plain._replace(properties={**plain.properties, "addresses6": "fd00::5/64"}))
    found = [(each.link, each.version) for _, each in desk.log if isinstance(each, Configure)]
    assert found == [("eth1", 4), ("eth0", 6)]


def test_the_tree_and_the_journal_tell_both() -> None:
    desk = NetDesk(both(FOUR))
    desk.see(link())
    labels = [each.label for each in desk.nodes()]
    assert "link eth0 (IPv4)" in labels and "link eth0 (IPv6)" in labels
    lanes = {each.job for each in asked(desk, Moved) if each.job.startswith("link")}
    assert lanes == {"link@net/eth0", "link6@net/eth0"}


def test_a_router_that_comes_while_a_dhcpv6_server_is_asked_is_heard() -> None:
    desk = NetDesk(network(root=SIX, links=(LinkRequest(ETH0, Method.EITHER6),)))
    desk.see(link())
    desk.wait(20.0)
    desk.see(heard())
    desk.configured()
    assert len(desk.mounts()) == 1


def test_a_fixed_ipv6_address_stays_beside_advertisements() -> None:
    request = LinkRequest(ETH0, Method.STATIC, ip_interface("fd00::9/64"), routers=True)
    desk = NetDesk(network(root=SIX, links=(request,)))
    desk.see(link(up=False))
    assert asked(desk, AcceptRouters) == [AcceptRouters("eth0")]
    desk.see(link())
    assert versions(desk) == [(6, LinkConfig(("fd00::9/64",)))]
