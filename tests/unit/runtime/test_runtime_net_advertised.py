"""What the kernel passes on of router advertisements: name servers and domains (R15, RFC 8106)."""

import struct
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.runtime.net import advertised
from initpy.runtime.net.advertised import Told


def rdnss(*addresses: str, lifetime: int = 600) -> bytes:
    """An option with name servers."""
    packed = b"".join(IPv6Address(each).packed for each in addresses)
    return struct.pack(">BBHI", 25, 1 + 2 * len(addresses), 0, lifetime) + packed


def dnssl(*domains: str, lifetime: int = 600) -> bytes:
    """An option with domains."""
    names = b"".join(
        b"".join(bytes((len(part),)) + part.encode() for part in each.split(".")) + b"\0"
        for each in domains
    )
    names += bytes(-len(names) % 8)
    return struct.pack(">BBHI", 31, 1 + len(names) // 8, 0, lifetime) + names


def message(options: bytes, number: int = 2, icmp: int = 134) -> bytes:
    """What a netlink socket gets: header, struct nduseroptmsg, the options, the router."""
    body = struct.pack("=BxHiBB6x", 10, len(options), number, icmp, 0) + options
    body += struct.pack("=HH", 20, 1) + IPv6Address("fe80::1").packed
    return struct.pack("=LHHLL", 16 + len(body), 68, 0, 0, 0) + body


def test_servers_and_domains_are_read() -> None:
    data = message(rdnss("fd00::53", "fe80::53") + dnssl("example.org", "lab.example"))
    assert list(advertised.read(data)) == [
        Told(2, ("fd00::53", "fe80::53"), ("example.org", "lab.example"))
    ]
    assert list(advertised.read(message(rdnss("fd00::53", lifetime=0)))) == [
        Told(2, withdrawn=("fd00::53",))
    ]


def test_other_messages_and_what_no_file_should_have_are_passed_over() -> None:
    other = struct.pack("=LHHLL", 16, 16, 0, 0, 0)
    assert list(advertised.read(other + message(rdnss("ff02::1")))) == [Told(2)]
    assert list(advertised.read(message(rdnss("fd00::53"), icmp=137))) == []
    assert list(advertised.read(message(dnssl("a b.example")))) == [Told(2)]
    assert list(advertised.read(message(rdnss("fd00::53")[:-4]))) == [Told(2)]


@given(st.binary(max_size=80))
def test_whatever_a_router_sends_is_read(data: bytes) -> None:
    for _ in advertised.read(message(data)):
        pass
    for _ in advertised.read(data):
        pass


def test_what_routers_tell_stays_for_another_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advertised, "FOLDER", str(tmp_path))
    monkeypatch.setattr(advertised, "FILE", f"{tmp_path}/routers.")
    assert advertised.known("eth0") == ("", "")
    assert advertised.note("eth0", Told(2, ("fe80::53",), ("example.org",)))
    assert not advertised.note("eth0", Told(2, ("fe80::53",)))
    assert advertised.note("eth0", Told(2, ("fd00::53",)))
    assert advertised.known("eth0") == ("fe80::53%eth0 fd00::53", "example.org")
    assert advertised.note("eth0", Told(2, withdrawn=("fe80::53", "example.org")))
    assert advertised.known("eth0") == ("fd00::53", "")
    assert advertised.known("eth1") == ("", "")
