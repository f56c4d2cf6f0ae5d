"""R15: a card is meant by any name that udev knows (systemd.link(5), AlternativeNamesPolicy=)."""

from ipaddress import IPv4Network
from typing import Any

import pytest
from test_network_root import NetDesk, link, network

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.netsettings import (
    Bond,
    Bridge,
    LinkMatch,
    LinkRequest,
    Method,
    NfsRoot,
    Route,
    Vlan,
)
from initpy.core.network.actions import (
    Configure,
    JoinLink,
    MakeLink,
    RenameLink,
    SendDhcp,
    SwitchLink,
)
from initpy.core.network.events import LinkMade

MAC, OTHER = "52:54:00:00:00:00", "enx525400000000"


def card(name: str = "eth0", up: bool = True, **properties: str) -> Device:
    """A card that udev knows by two more names."""
    plain = link(up=up)
    known = {**plain.properties, "altnames": f"enp1s0 {OTHER}", **properties}
    return plain._replace(name=f"net/{name}", properties=known)


def did(desk: NetDesk, kind: type[Any]) -> list[Any]:
    """The actions of a kind, without their times."""
    return [each for _, each in desk.actions(kind)]


@pytest.mark.parametrize("name", ["enp1s0", OTHER, "eth0"])
def test_a_name_of_a_card_makes_it_the_parent_of_a_vlan(name: str) -> None:
    vlan = Vlan("data7", name, 7)
    desk = NetDesk(network(links=(LinkRequest(LinkMatch("data7")),), vlans=(vlan,)))
    desk.see(card(up=False))
    assert did(desk, SwitchLink) == [SwitchLink("eth0", True)]
    desk.see(card())
    assert did(desk, MakeLink) == [MakeLink(Vlan("data7", "eth0", 7))]


@pytest.mark.parametrize("name", ["enp1s0", OTHER, "eth0"])
@pytest.mark.parametrize("kind", [Bond, Bridge])
def test_a_name_of_a_card_makes_it_a_member(name: str, kind: type[Bond | Bridge]) -> None:
    made = kind("up0", (name,))
    bonds, bridges = ((made,), ()) if kind is Bond else ((), (made,))
    desk = NetDesk(network(links=(LinkRequest(),), bonds=bonds, bridges=bridges))
    desk.see(card())
    desk.give(LinkMade("up0"))
    assert did(desk, JoinLink) == [JoinLink("eth0", "up0", kind is Bond)]
    assert did(desk, SendDhcp) == []  # a member has no address of its own


def test_two_names_of_one_card_are_one_member() -> None:
    desk = NetDesk(network(bridges=(Bridge("br0", (OTHER, "enp1s0")),)))
    desk.see(card())
    desk.give(LinkMade("br0"))
    assert did(desk, MakeLink) == [MakeLink(Bridge("br0", ("eth0",)))]
    assert len(did(desk, JoinLink)) == 1


def test_a_route_goes_over_the_card_that_it_names_so() -> None:
    route = Route(IPv4Network("10.9.0.0/16"), None, OTHER)
    request = LinkRequest(LinkMatch("enp1s0"), Method.LINK6)
    desk = NetDesk(network(links=(request,), routes=(route,)))
    desk.see(card())
    assert ["10.9.0.0/16"] in [[r.target for r in a.config.routes] for a in did(desk, Configure)]


def test_a_name_server_of_a_link_is_on_the_card_that_it_names_so() -> None:
    request = LinkRequest(LinkMatch("eth0"), Method.LINK6)
    desk = NetDesk(network(links=(request,), nameservers=(f"fe80::1%{OTHER}",)))
    desk.see(card())
    told = [each.text for each in did(desk, Record) if each.name == "resolv.conf"]
    assert told == ["nameserver fe80::1%eth0\n"]


def test_a_server_is_reached_over_the_link_that_it_names_so() -> None:
    root = NfsRoot(f"fe80::1%{OTHER}", "/srv")
    request = LinkRequest(LinkMatch(OTHER), Method.LINK6)
    desk = NetDesk(network(links=(request,), root=root))
    desk.see(card())
    assert ["[fe80::1%eth0]:/srv" in each.source for each in desk.mounts()] == [True]


def test_the_card_of_bootdev_has_the_requests_for_any() -> None:
    desk = NetDesk(network(links=(LinkRequest(),), boot_link=LinkMatch("enp1s0")))
    desk.see(card())
    desk.see(link(up=False)._replace(name="net/eth1"))
    assert {each.link for each in did(desk, SendDhcp)} == {"eth0"}
    assert did(desk, SwitchLink) == []


def test_a_card_has_the_name_of_ifname_first() -> None:
    vlan = Vlan("data7", OTHER, 7)
    settings = network(
        links=(LinkRequest(LinkMatch("data7")),), vlans=(vlan,), names=((MAC, "lan0"),)
    )
    desk = NetDesk(settings)
    desk.see(card(up=False))
    assert [each.name for each in did(desk, RenameLink)] == ["lan0"]
    desk.lose("net/eth0")
    desk.see(card("lan0"))
    assert did(desk, MakeLink) == [MakeLink(Vlan("data7", "lan0", 7))]


def test_a_name_that_another_link_has_means_that_link() -> None:
    desk = NetDesk(network(links=(LinkRequest(LinkMatch("enp1s0")),)))
    desk.see(link(up=False)._replace(name="net/enp1s0"))
    desk.see(card(up=False))
    assert did(desk, SwitchLink) == [SwitchLink("enp1s0", True)]


def test_a_name_that_a_link_is_to_have_means_that_link() -> None:
    vlan = Vlan("enp1s0", "eth0", 7)
    desk = NetDesk(network(links=(LinkRequest(LinkMatch("enp1s0")),), vlans=(vlan,)))
    desk.see(card())
    assert did(desk, SendDhcp) == []
    assert did(desk, MakeLink) == [MakeLink(vlan)]


def test_links_that_are_there_keep_their_requests() -> None:
    """The turn of links that share a request goes by its identity."""
    named = LinkRequest(LinkMatch("enp1s0"), Method.LINK6)
    desk = NetDesk(network(links=(LinkRequest(), named)))
    desk.see(link()._replace(name="net/eth7"))
    desk.see(card())
    assert {each.link for each in did(desk, SendDhcp)} == {"eth7"}
