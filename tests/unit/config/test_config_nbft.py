"""The firmware's table for NVMe boot is read whatever firmware writes into it."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.network import nbft
from initpy.config.settings import read_settings
from initpy.core.netsettings import LinkMatch, Method, NvmeRoot
from initpy.core.settings import Settings
from initpy.scenario.ibft import FirmwarePath, FirmwareTable
from initpy.scenario.model import Scenario
from initpy.scenario.nbft import content
from initpy.scenario.parse import load_scenario

PLAIN = load_scenario(Path(__file__).parents[2] / "scenarios/net-nbft.toml")
HOST = "nqn.2014-08.org.nvmexpress:uuid:5f1ab8a5-0001-4f6e-a1c5-000000000064"
STORE = "nqn.2004-01.org.example:store"
FIRST = NvmeRoot("tcp", "10.0.2.1", "", 4420, STORE)
SECOND = NvmeRoot("tcp", "10.0.3.1", "10.0.3.7", 4420, STORE)
CARDS = ("52:54:00:00:00:00", "52:54:00:00:00:01")


def table(*paths: FirmwarePath, scenario: Scenario = PLAIN, host: str = HOST) -> bytes:
    """A table; without paths that of the scenario."""
    assert scenario.nbft is not None
    made = FirmwareTable(host, paths or scenario.nbft.paths)
    return content(replace(scenario, nbft=made))


def mended(data: bytearray) -> bytes:
    """The table with the checksum that its bytes need."""
    data[9] = (data[9] - sum(data)) % 256
    return bytes(data)


def settings(line: str, *tables: bytes) -> tuple[Settings, tuple[str, ...]]:
    """What a command line comes to with the firmware's tables."""
    found, wrong = read_settings(line)
    assert not wrong
    named = {f"NBFT{number or ''}": data for number, data in enumerate(tables)}
    found, problems = nbft.applied(found, named)
    return found, tuple(str(each) for each in problems)


def test_cards_and_subsystems_are_as_the_table_says() -> None:
    found = nbft.read("NBFT", table())
    assert found.problems == ()
    assert (found.host_nqn, found.host_id) == (HOST, HOST.rpartition(":")[2])
    assert found.targets == (FIRST, SECOND)
    leased, fixed = found.links
    assert (leased.match, leased.method) == (LinkMatch(mac=CARDS[0]), Method.DHCP)
    assert (fixed.match, fixed.method) == (LinkMatch(mac=CARDS[1]), Method.STATIC)
    assert fixed.address == ip_interface("10.0.3.7/24")
    assert fixed.gateway is None


def test_vlan_gateway_and_ipv6_are_taken() -> None:
    path = FirmwarePath("eth1", "second", "fd00::7/48", gateway="fd00::1", vlan=7)
    (link,) = nbft.read("NBFT", table(path)).links
    assert (link.vlan, link.gateway) == (7, ip_address("fd00::1"))
    assert link.address == ip_interface("fd00::7/48")


def test_an_address_of_another_version_is_not_the_source() -> None:
    path = FirmwarePath("eth1", "second", "fd00::7/48")
    assert nbft.read("NBFT", table(path)).targets == (SECOND._replace(source=""),)


@pytest.mark.parametrize(
    ("line", "methods"),
    [
        ("root=UUID=5f1a-b8a5", ["dhcp", "none"]),
        ("root=UUID=5f1a-b8a5 ip=nbft", ["dhcp", "none"]),
        ("root=UUID=5f1a-b8a5 ip=ens3:nbft", ["dhcp", "none"]),
        ("root=UUID=5f1a-b8a5 ip=dhcp6", ["dhcp6", "dhcp", "none"]),
        ("root=UUID=5f1a-b8a5 ip=ens3:dhcp6", ["dhcp6", "dhcp", "none"]),
        ("root=UUID=5f1a-b8a5 ip=ens3:nbft ip=ens4:dhcp", ["dhcp", "dhcp", "none"]),
        ("root=UUID=5f1a-b8a5 rd.nvmf.discover=tcp,10.0.2.1", ["dhcp", "none", "dhcp"]),
    ],
)
def test_ip_says_which_links_count(line: str, methods: list[str]) -> None:
    found, problems = settings(line, table())
    assert problems == ()
    assert found.network is not None
    assert [each.method.value for each in found.network.links] == methods
    assert found.network.targets[-2:] == (FIRST, SECOND)
    assert found.network.nvme.host_nqn == HOST


def test_the_command_line_names_this_machine_before_the_table() -> None:
    own = "nqn.2014-08.org.example:me"
    found, _ = settings(f"root=UUID=5f1a-b8a5 rd.nvmf.hostnqn={own}", table())
    assert found.network is not None
    assert found.network.nvme.host_nqn == own
    assert found.network.nvme.host_id == ""


@pytest.mark.parametrize("word", ["rd.nvmf.nonbft", "rd.nonvmf"])
def test_the_table_may_be_left_out(word: str) -> None:
    found, problems = settings(f"root=UUID=5f1a-b8a5 {word}", table())
    assert problems == ()
    assert found.network is None or not (found.network.targets or found.network.links)


def test_without_a_table_nothing_changes() -> None:
    found, problems = settings("root=UUID=5f1a-b8a5")
    assert found.network is None
    assert problems == ()


def test_a_bad_table_alone_brings_up_no_network() -> None:
    found, problems = settings("root=UUID=5f1a-b8a5", b"NBFT")
    assert found.network is None
    assert len(problems) == 1


def test_a_table_that_is_asked_for_and_not_there_is_a_problem() -> None:
    found, problems = settings("root=nfs:10.0.2.1:/srv ip=nbft")
    assert found.network is not None
    assert [each.method for each in found.network.links] == [Method.DHCP]
    assert problems == ("ip: 'nbft': expected a table of the firmware (NBFT), and there is none",)


def test_two_tables_count_once_each() -> None:
    found, _ = settings("root=UUID=5f1a-b8a5", table(), table())
    assert found.network is not None
    assert found.network.targets == (FIRST, SECOND)
    assert len(found.network.links) == 2


@pytest.mark.parametrize(
    "data",
    [b"", b"NBFT", table()[:200], table()[:-1] + b"\1", b"IBFT" + table()[4:], bytes(512)],
    ids=["empty", "cut off early", "cut off", "checksum", "another signature", "zeros"],
)
def test_a_bad_table_is_one_problem(data: bytes) -> None:
    found = nbft.read("NBFT", data)
    assert (found.links, found.targets) == ((), ())
    (problem,) = found.problems
    assert str(problem).startswith("/sys/firmware/acpi/tables/NBFT: ")
    assert str(problem).endswith(": expected an NVMe Boot Firmware Table of revision 1")


def test_a_malformed_part_is_one_problem_and_the_others_count() -> None:
    data = bytearray(table())
    data[data.index(STORE.encode())] = ord("-")
    found = nbft.read("NBFT", mended(data))
    assert found.targets == (SECOND,)
    (problem,) = found.problems
    assert "subsystem 1: '10.0.2.1 4420 -qn.2004-01.org.example:store'" in str(problem)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=30), st.booleans())
def test_any_bytes_are_read(changes: list[tuple[int, int]], whole: bool) -> None:
    data = bytearray(table())
    for place, value in changes:
        if place >= 10 or not whole:
            data[place % len(data)] = value
    found = nbft.read("NBFT", mended(data) if whole else bytes(data))
    for each in found.problems:
        assert "\n" not in str(each)
    for target in found.targets:
        assert ip_address(target.server)
        assert 0 < target.port < 65536
    for link in found.links:
        assert link.method is not Method.STATIC or link.address is not None


@given(st.binary(max_size=300))
def test_any_content_is_read(data: bytes) -> None:
    body = bytearray(b"NBFT" + (64 + len(data)).to_bytes(4, "little") + bytes((1, 0)) + bytes(54))
    nbft.read("NBFT", mended(body + bytearray(data)))
