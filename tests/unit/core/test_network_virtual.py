"""VLANs, bonds, bridges, and addresses of routers: made and used in whatever order links appear."""

from typing import Any

import pytest
from desk import JOBS
from test_network_root import NetDesk, link, network

from initpy.config.jobs import load_job_file
from initpy.core.actions import HandOver, Record, Run
from initpy.core.devices.graph import Device
from initpy.core.netsettings import (
    Bond,
    Bridge,
    LinkMatch,
    LinkRequest,
    Method,
    NetLimits,
    NfsRoot,
    Vlan,
)
from initpy.core.network.actions import (
    AcceptRouters,
    JoinLink,
    MakeLink,
    RemoveLink,
    SwitchLink,
)
from initpy.core.network.events import LinkJoined, LinkMade
from initpy.core.network.values import DhcpKind, LinkConfig
from initpy.core.settings import Settings

VLAN = Vlan("eth0.7", "eth0", 7)
BOND = Bond("bond0", ("eth0", "eth1"), (("mode", "active-backup"),))


def named(device: Device, name: str, **properties: str) -> Device:
    """The same link with another name, and these properties."""
    return device._replace(
        name=f"net/{name}", properties={**device.properties, "INTERFACE": name, **properties}
    )


def over(name: str, **changes: Any) -> Settings:
    """Settings with DHCP on a link that is made."""
    return network(links=(LinkRequest(LinkMatch(name)),), **changes)


def asked(desk: NetDesk, kind: type[Any]) -> list[Any]:
    """The actions of a kind, without their times."""
    return [each for _, each in desk.actions(kind)]


def test_a_vlan_is_made_once_its_parent_is_switched_on_and_then_used() -> None:
    desk = NetDesk(over("eth0.7", vlans=(VLAN,)))
    desk.see(link(up=False))
    assert asked(desk, SwitchLink) == [SwitchLink("eth0", True)]
    assert asked(desk, MakeLink) == []
    desk.see(link())
    assert asked(desk, MakeLink) == [MakeLink(VLAN)]
    desk.see(named(link(up=False), "eth0.7"))
    desk.give(LinkMade("eth0.7"))
    assert asked(desk, SwitchLink)[-1] == SwitchLink("eth0.7", True)
    desk.see(named(link(), "eth0.7"))
    assert [kind for _, kind in desk.sent("eth0.7")] == [DhcpKind.DISCOVER]
    assert desk.sent("eth0") == []


def test_the_parent_of_the_roots_vlan_stays_up_and_what_else_was_made_is_removed() -> None:
    other = Vlan("eth1.8", "eth1", 8)
    desk = NetDesk(over("eth0.7", vlans=(VLAN, other)))
    for name in ("eth0", "eth1"):
        desk.see(link(name, up=False))
        desk.see(link(name))
    desk.see(named(link(), "eth0.7"))
    desk.see(named(link("eth1", up=False), "eth1.8"))
    desk.lease("eth0.7")
    desk.configured("eth0.7")
    desk.mounted()
    assert desk.actions(HandOver)
    assert asked(desk, RemoveLink) == [RemoveLink("eth1.8")]
    down = [each.link for each in asked(desk, SwitchLink) if not each.up]
    assert down == ["eth1"]
    files = {each.name: each.text for each in asked(desk, Record)}
    assert "Unmanaged=yes" in files["00-initpy-eth0.network"]
    assert "managed=0" in files["initpy.conf"]
    assert "initpy-eth0.7.nmconnection" not in files


def test_members_join_a_bond_as_they_appear_and_have_no_address_of_their_own() -> None:
    desk = NetDesk(network(links=(LinkRequest(),), bonds=(BOND,)))
    desk.see(link("eth1", up=False))
    assert asked(desk, MakeLink) == [MakeLink(BOND)]
    desk.see(named(link(up=False), "bond0"))
    assert asked(desk, JoinLink) == []  # its options may not be set yet
    desk.give(LinkMade("bond0"))
    assert asked(desk, JoinLink) == [JoinLink("eth1", "bond0", True)]
    desk.give(LinkJoined("eth1", "bond0"))
    desk.see(named(link("eth1"), "eth1", master="bond0"))
    desk.see(link("eth0", up=False))
    assert asked(desk, JoinLink)[1:] == [JoinLink("eth0", "bond0", True)]
    desk.see(named(link(), "bond0", address="52:54:00:00:00:01"))
    assert desk.sent("eth1") == [] and len(desk.sent("bond0")) == 1
    assert [each for each in asked(desk, SwitchLink) if each.link != "bond0"] == []


def test_an_engine_that_finds_a_bond_with_its_members_only_sets_what_is_missing() -> None:
    desk = NetDesk(over("bond0", bonds=(BOND,)))
    desk.see(named(link(), "bond0"))
    desk.see(named(link("eth0"), "eth0", master="bond0"))
    desk.see(named(link("eth1", up=False), "eth1"))
    assert asked(desk, MakeLink) == [MakeLink(BOND)]
    desk.give(LinkMade("bond0"))
    assert asked(desk, JoinLink) == [JoinLink("eth1", "bond0", True)]


def test_a_link_that_cannot_be_made_is_told_of_and_tried_again_a_few_times() -> None:
    desk = NetDesk(over("br0", bridges=(Bridge("br0", ("eth0",)),)))
    desk.see(link(up=False))
    for _ in range(7):
        if len(asked(desk, MakeLink)) <= 5:
            desk.give(LinkMade("br0", "Operation not supported"))
        desk.wait(desk.now + 3.0)
    assert len(asked(desk, MakeLink)) == 5
    assert "br0 cannot be made: Operation not supported" in desk.reports()
    assert "; given up" in desk.reports()


def test_an_address_of_a_member_is_refused_in_words() -> None:
    desk = NetDesk(over("eth0", bonds=(BOND,)))
    assert "ip=eth0:dhcp: it has no address as a member of bond0" in desk.reports()


ROUTER = NfsRoot("fd00::1", "/srv/root")


def test_a_router_gives_the_address_and_the_root_is_mounted_over_it() -> None:
    desk = NetDesk(network(links=(LinkRequest(method=Method.AUTO6),), root=ROUTER))
    desk.see(link(up=False))
    assert asked(desk, AcceptRouters)[0] == AcceptRouters("eth0")
    desk.see(link())
    assert desk.configs() == []
    desk.see(named(link(), "eth0", addresses6="fd00::5/64"))
    assert desk.configs() == [LinkConfig(learned=("fd00::5/64",))]
    desk.configured()
    [mount] = desk.mounts()
    assert mount.source == "[fd00::1]:/srv/root"
    assert mount.options == ("ro", "vers=4.2", "addr=fd00::1", "clientaddr=fd00::5")
    desk.mounted()
    files = {each.name: each.text for each in asked(desk, Record)}
    assert "IPv6AcceptRA=yes" in files["90-initpy-eth0.network"]
    assert "[Address]" not in files["90-initpy-eth0.network"]


def test_the_users_limits_end_a_search_and_a_new_cable_begins_another() -> None:
    limits = NetLimits(dhcp=5.0, dhcp_tries=2)
    desk = NetDesk(network(limits=limits))
    desk.see(link())
    desk.wait(9.0)
    assert "given up" not in desk.reports()
    desk.wait(11.0)
    assert "eth0: no lease within 10 s; it is given up" in desk.reports()
    count = len(desk.sent())
    desk.wait(40.0)
    assert len(desk.sent()) == count
    desk.see(link(carrier=False))
    desk.see(link())
    assert len(desk.sent()) == count + 1


def test_a_job_asks_for_dhcpv6_and_the_engine_gives_the_link_the_address() -> None:
    six = load_job_file(JOBS / "extra" / "dhcp6.toml").jobs
    request = LinkRequest(method=Method.DHCP6)
    desk = NetDesk(network(links=(request,), root=ROUTER), also=tuple(six))
    assert "not supported" not in desk.reports()
    desk.see(named(link(up=False), "eth0"))
    desk.see(named(link(), "eth0"))
    assert asked(desk, AcceptRouters)
    [run] = [each for each in asked(desk, Run) if each.job.startswith("dhcp6")]
    assert run.argv[0] == "dhcpcd" and run.argv[-1] == "eth0"
    client = "new_dhcp6_client_id=00030001525400000001\nnew_dhcp6_ia_na1_iaid=00000001\n"
    bound = "reason=BOUND6\nnew_dhcp6_ia_na1_ia_addr1=fd00::50\n"
    desk.end("dhcp6@net/eth0", output=bound + client)
    assert desk.configs() == [LinkConfig(("fd00::50/128",))]
    desk.configured()
    assert desk.mounts()[0].options[-1] == "clientaddr=fd00::50"
    desk.mounted()
    [own] = [each.text for each in asked(desk, Record) if each.name == "90-initpy-eth0.network"]
    assert "IAID=1\n" in own and "DUIDType=link-layer\n" in own


@pytest.mark.parametrize("client", ["0003", "000300015254000000zz", "0003 00", ""])
def test_what_a_client_tells_of_itself_may_be_anything(client: str) -> None:
    six = load_job_file(JOBS / "extra" / "dhcp6.toml").jobs
    desk = NetDesk(network(links=(LinkRequest(method=Method.DHCP6),), root=ROUTER), also=tuple(six))
    desk.see(named(link(), "eth0"))
    told = f"new_dhcp6_client_id={client}\nnew_dhcp6_ia_na1_iaid=00000001\n"
    desk.end("dhcp6@net/eth0", output=f"new_dhcp6_ia_na1_ia_addr1=fd00::50\n{told}")
    desk.configured()
    desk.mounted()
    [own] = [each.text for each in asked(desk, Record) if each.name == "90-initpy-eth0.network"]
    assert "DHCPv6" not in own


def test_either6_asks_for_dhcpv6_where_no_router_gives_an_address() -> None:
    six = load_job_file(JOBS / "extra" / "dhcp6.toml").jobs
    request = LinkRequest(method=Method.EITHER6)
    desk = NetDesk(network(links=(request,), root=ROUTER), also=tuple(six))
    desk.see(named(link(), "eth0"))
    desk.wait(4.5)
    assert not [each for each in asked(desk, Run) if each.job.startswith("dhcp6")]
    desk.wait(6.0)
    assert [each for each in asked(desk, Run) if each.job.startswith("dhcp6")]


def test_an_image_without_a_dhcpv6_client_says_so() -> None:
    desk = NetDesk(network(links=(LinkRequest(method=Method.DHCP6),)))
    assert "not supported: ip=any link:dhcp6: the image has no DHCPv6 client" in desk.reports()


def test_the_tree_tells_what_a_bond_waits_for() -> None:
    bond = Bond("bond0", ("ens3", "ens4"))
    desk = NetDesk(over("bond0", bonds=(bond,)))
    desk.see(link(up=False))
    [node] = [each for each in desk.nodes() if each.label == "link bond0"]
    assert node.reason == "it is made of ens3, ens4; there are: eth0"
