"""DHCP messages as bytes: servers' messages are decoded; malformed ones never get through."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from initpy.core.network.values import DhcpKind, Reply, Request, Route
from initpy.runtime.net import wire

MAC = "52:54:00:12:34:56"
HEAD = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")


def message(options: bytes, kind: int = 5, mac: str = MAC, op: int = 2) -> bytes:
    """A server's message with these options after its type."""
    return HEAD.pack(
        op, 1, 6, 0, 7, 0, 0, bytes(4), bytes([10, 0, 2, 15]), bytes([10, 0, 2, 3]), bytes(4),
        bytes.fromhex(mac.replace(":", "")), b"", b"boot", b"c\x82Sc",
    ) + bytes([53, 1, kind]) + options + b"\xff"  # fmt: skip


def option(code: int, data: bytes) -> bytes:
    """One option."""
    return bytes([code, len(data)]) + data


FULL = (
    option(54, bytes([10, 0, 2, 2])) + option(1, bytes([255, 255, 255, 0]))
    + option(3, bytes([10, 0, 2, 2, 10, 0, 2, 9])) + option(51, struct.pack("!I", 120))
    + option(17, b"10.0.2.1:/srv/root\0") + option(26, struct.pack("!H", 1400))
    + option(6, bytes([10, 0, 2, 2])) + option(15, b"example.org") + option(12, b"me")
    + option(42, bytes([10, 0, 2, 4])) + option(58, struct.pack("!I", 60))
    + option(59, struct.pack("!I", 105))
    + option(121, bytes([24, 10, 1, 0, 10, 0, 2, 7, 0, 10, 0, 2, 8, 32, 1, 2, 3, 4, 0, 0, 0, 0]))
    + option(119, b"\x03eng\x07example\x03org\x00\x03ops\xc0\x04")
)  # fmt: skip


def test_an_acknowledgement_with_all_that_a_root_needs() -> None:
    assert wire.decode(message(FULL), MAC) == Reply(
        DhcpKind.ACK,
        7,
        "10.0.2.15",
        "10.0.2.2",
        24,
        ("10.0.2.2", "10.0.2.9"),
        (Route("10.1.0.0/24", "10.0.2.7"), Route("0.0.0.0/0", "10.0.2.8"), Route("1.2.3.4/32")),
        120.0,
        60.0,
        105.0,
        "10.0.2.1:/srv/root",
        "10.0.2.3",
        "boot",
        "me",
        "example.org",
        ("eng.example.org", "ops.example.org"),
        ("10.0.2.2",),
        ("10.0.2.4",),
        1400,
    )


def test_a_lease_for_ever_and_one_that_says_no_time() -> None:
    for_ever = wire.decode(message(option(51, b"\xff\xff\xff\xff")), MAC)
    assert for_ever is not None and for_ever.lease is None
    bootp = wire.decode(message(b""), MAC)
    assert bootp is not None and bootp.lease is None and bootp.routes is None


def test_messages_for_others_and_of_clients_are_passed_over() -> None:
    assert wire.decode(message(FULL), "52:54:00:00:00:01") is None
    assert wire.decode(message(FULL, op=1), MAC) is None
    assert wire.decode(message(FULL, kind=1), MAC) is None


@pytest.mark.parametrize(("code", "data"), [
    (121, bytes([33, 10, 0, 2, 7])),
    (121, bytes([24, 10, 1])),
    (119, b"\x03eng\xc0\x20"),
    (119, b"\x03en"),
    (119, b"\xc0\x00"),
    (3, b"\x0a\x00\x02"),
    (6, b"\x0a"),
    (42, b"\x0a\x00\x02\x01\x01"),
    (26, b"\x00\x00\x05\xdc"),
    (58, b"\x00"),
    (59, b""),
    (12, b"\xff\xfe"),
    (15, b"a\nb"),
    (17, b"\x1b[2Jroot"),
    (17, b"/srv/r\xe9"),
])  # fmt: skip
def test_an_option_that_is_malformed_is_left_out(code: int, data: bytes) -> None:
    found = wire.decode(message(option(code, data)), MAC)
    assert found is not None and found.address
    [told] = found.malformed
    assert told.startswith(f"option {code}: ")
    assert found._replace(malformed=()) == wire.decode(message(b""), MAC)


@pytest.mark.parametrize(
    "bad",
    [option(1, bytes([255, 0, 255, 0])), option(51, b"\x00\x0e"), option(54, b"\x0a\x00")],
)
def test_a_message_is_dropped_without_what_a_lease_needs(bad: bytes) -> None:
    with pytest.raises(wire.MalformedError):
        wire.decode(message(bad), MAC)


def test_a_domain_that_is_none_is_left_out_of_a_search_list() -> None:
    found = wire.decode(message(option(119, b"\x03a b\x00\x03eng\x00")), MAC)
    assert found is not None and found.search == ("eng",) and not found.malformed


@given(some.binary(max_size=700))
def test_any_bytes_are_a_reply_or_dropped(raw: bytes) -> None:
    try:
        found = wire.decode(raw, MAC)
    except wire.MalformedError as error:
        assert str(error)
    else:
        assert found is None or isinstance(found, Reply)


@given(some.lists(some.tuples(some.integers(1, 254), some.binary(max_size=40)), max_size=12))
def test_any_options_are_decoded_or_dropped(options: list[tuple[int, bytes]]) -> None:
    raw = message(b"".join(option(code, data) for code, data in options))
    try:
        found = wire.decode(raw, MAC)
    except wire.MalformedError:
        return
    assert found is None or all(
        each.isprintable() for each in (found.root_path, found.host, found.domain, *found.search)
    )


@given(some.binary(max_size=600))
def test_a_datagram_is_found_again_in_its_packet(payload: bytes) -> None:
    packet = bytearray(wire.datagram(payload))
    packet[22:24] = struct.pack("!H", wire.CLIENT_PORT)
    assert wire.payload_of(bytes(packet)) == payload


@given(some.binary(max_size=100))
def test_any_packet_is_passed_over_or_has_a_payload(packet: bytes) -> None:
    found = wire.payload_of(packet)
    assert found is None or len(found) <= len(packet)


def test_a_request_says_who_asks_for_what() -> None:
    request = Request(DhcpKind.REQUEST, 9, 3, "10.0.2.15", "10.0.2.2", host="me")
    raw = wire.encode(request, MAC)
    assert raw[4:8] == (9).to_bytes(4) and raw[8:10] == (3).to_bytes(2)
    assert option(61, b"\x01" + bytes.fromhex(MAC.replace(":", ""))) in raw
    assert option(50, bytes([10, 0, 2, 15])) in raw and option(12, b"me") in raw
    identified = wire.encode(request._replace(identifier="ff0102"), MAC)
    assert option(61, b"\xff\x01\x02") in identified
