"""Leases that servers give which are out of order (R15): the search goes on, the boot too."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_network_root import NetDesk, link, network, up
from test_network_virtual import asked

from initpy.core.actions import Record
from initpy.core.netsettings import LinkMatch, LinkRequest, Method, NetworkSettings
from initpy.core.network.link import Link, leased
from initpy.core.network.linkconfig import config_of
from initpy.core.network.values import DhcpKind, LinkConfig, Reply, Route

OWN = "10.0.2.15"


def lease(**fields: Any) -> Reply:
    """A lease of 10.0.2.15."""
    known: dict[str, Any] = {"address": OWN, "server": "10.0.2.2", "prefix": 24, "lease": 3600.0}
    return Reply(DhcpKind.ACK, 1, **{**known, **fields})


def config(**fields: Any) -> LinkConfig:
    """What a link gets of a lease."""
    return leased(LinkRequest(), lease(**fields))


@pytest.mark.parametrize("bad", ["10.0.2.255", "10.0.2.0", OWN, "127.0.0.1", "224.0.0.1",
                                 "255.255.255.255"])  # fmt: skip
def test_a_router_that_can_be_none_is_passed_over(bad: str) -> None:
    expected = (Route("0.0.0.0/0", "10.0.2.1"),)
    assert config(routers=(bad, "10.0.2.1")).routes == expected
    assert config(routers=(bad,)).routes == ()


def test_a_router_outside_of_the_network_is_on_the_link() -> None:
    over_link, default = Route("192.0.2.1/32"), Route("0.0.0.0/0", "192.0.2.1")
    assert config(prefix=32, routers=("192.0.2.1",)).routes == (over_link, default)
    routes = (Route("198.51.100.0/24", "192.0.2.1"), default)
    assert config(routes=routes).routes == (over_link, *routes)
    assert config(routes=(over_link, default)).routes == (over_link, default)


@pytest.mark.parametrize(
    ("mtu", "expected"), [(0, 0), (67, 0), (575, 0), (576, 576), (9000, 9000), (65535, 65535)]
)
def test_an_mtu_counts_if_a_packet_fits_in(mtu: int, expected: int) -> None:
    assert config(mtu=mtu).mtu == expected


@pytest.mark.parametrize(
    "fields",
    [{"address": ""}, {"address": "0.1.2.3"}, {"address": "127.0.0.9"}, {"address": "224.0.0.9"},
     {"server": ""}, {"lease": 0.0}],
)  # fmt: skip
def test_an_offer_that_nobody_could_use_does_not_end_the_search(fields: dict[str, Any]) -> None:
    desk = up()
    desk.reply(DhcpKind.OFFER, **fields)
    assert [kind for _, kind in desk.sent()] == [DhcpKind.DISCOVER]
    desk.lease()
    assert desk.configs() == [LinkConfig(("10.0.2.15/24",))]


def test_a_lease_whose_renewal_is_due_at_once_is_renewed_at_half_its_time() -> None:
    desk = up()
    desk.lease(lease=100.0, renew=0.0)
    desk.configured()
    desk.wait(49.0)
    assert [kind for _, kind in desk.sent()] == [DhcpKind.DISCOVER, DhcpKind.REQUEST]


def test_a_server_that_refuses_each_request_is_asked_once_a_second_at_most() -> None:
    desk = up()
    for _ in range(5):
        desk.reply(DhcpKind.OFFER)
        desk.reply(DhcpKind.NAK)
        desk.wait(desk.now + 1.0)
    times = [when for when, kind in desk.sent() if kind is DhcpKind.DISCOVER]
    assert len(times) == 6
    assert all(later - before >= 1.0 for before, later in pairwise(times))


def test_what_is_left_out_of_a_lease_is_said_once() -> None:
    desk = up()
    desk.lease(malformed=("option 119: a domain points ahead",))
    desk.configured()
    assert desk.reports().count("left out of the lease of 10.0.2.2: option 119: a domain") == 1


def test_a_domain_with_blanks_is_no_search_list() -> None:
    desk = NetDesk(network())
    desk.see(link())
    desk.lease(domain="example; rm -rf", dns=("10.0.2.53",))
    desk.configured()
    texts = [each.text for each in asked(desk, Record) if each.name == "resolv.conf"]
    assert texts == ["nameserver 10.0.2.53\n"]


ADDRESSES = st.ip_addresses(v=4).map(str)


@given(
    ADDRESSES, st.integers(0, 32) | st.none(), st.lists(ADDRESSES, max_size=3),
    st.none() | st.lists(st.builds(Route, ADDRESSES.map("{}/32".format), ADDRESSES), max_size=3),
    st.integers(0, 65535),
)  # fmt: skip
def test_whatever_a_lease_says_a_link_gets_one_address(
    address: str, prefix: int | None, routers: list[str], routes: list[Route] | None, mtu: int
) -> None:
    given_routes = None if routes is None else tuple(routes)
    found = config(
        address=address, prefix=prefix, routers=tuple(routers), routes=given_routes, mtu=mtu
    )
    assert len(found.addresses) == 1
    targets = [each.target for each in found.routes if not each.gateway]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize(("mtu", "both", "alone"), [(576, 0, 576), (1279, 0, 1279), (1280,) * 3])
def test_an_mtu_that_ends_ipv6_does_not_count_where_that_is_wanted(
    mtu: int, both: int, alone: int
) -> None:
    """RFC 8200, 5: the kernel takes IPv6 from a link with less than 1280."""
    four, six = LinkRequest(LinkMatch("eth0")), LinkRequest(LinkMatch("eth0"), Method.AUTO6)
    for requests, expected in (((four, six), both), ((four,), alone)):
        made = Link("eth0", "52:54:00:00:00:00", four)
        made.lease = Reply(DhcpKind.ACK, 1, "10.0.2.50", "10.0.2.1", 24, mtu=mtu)
        assert config_of(NetworkSettings(links=requests), made).mtu == expected
