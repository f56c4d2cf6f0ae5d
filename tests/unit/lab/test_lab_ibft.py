"""The firmware's table as the kernel reads it: struct by struct, as in iscsi_ibft.c."""

import struct
from pathlib import Path

from initpy.lab import ibft
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.write import write_scenario
from initpy.simulation.kernel.ibft import files

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def table_of(scenario: Scenario) -> bytes:
    """The table from its start: QEMU makes the first 36 bytes."""
    return bytes(36) + ibft.content(scenario)


def text(table: bytes, at: int) -> str:
    length, place = struct.unpack_from("<HH", table, at)
    return table[place : place + length].decode()


def test_the_blocks_are_where_the_control_block_says() -> None:
    table = table_of(load_scenario(SCENARIOS / "net-ibft-chap.toml"))
    assert struct.unpack_from("<BBHBB", table, 48) == (1, 1, 18, 0, 1)
    initiator, nic, target, nic_1, target_1 = struct.unpack_from("<HHHHH", table, 48 + 8)
    assert (nic_1, target_1) == (0, 0)
    assert struct.unpack_from("<BBHBB", table, initiator) == (2, 1, 74, 0, 3)
    assert text(table, initiator + 70) == "iqn.2004-01.org.example:by-firmware"
    assert struct.unpack_from("<BBHBB", table, nic) == (3, 1, 102, 0, 3)
    assert table[nic + 6 : nic + 24] == bytes(10) + b"\xff\xff\x0a\x00\x02\x07" + bytes((24, 1))
    assert table[nic + 90 : nic + 96] == bytes.fromhex("525400000000")
    assert struct.unpack_from("<BBHBB", table, target) == (4, 1, 54, 0, 3)
    assert struct.unpack_from("<H8sBB", table, target + 22) == (3260, bytes(8), 2, 0)
    assert [text(table, target + 34 + 4 * number) for number in range(5)] == [
        "iqn.2004-01.org.example:store", "me", "hush-my-secret", "they", "mum-is-the-word",
    ]  # fmt: skip


def test_the_kernel_shows_it(tmp_path: Path) -> None:
    scenario = load_scenario(SCENARIOS / "net-ibft-chap.toml")
    found = files(scenario)
    assert found["ethernet0/ip-addr"] == "10.0.2.7\n"
    assert found["target0/rev-chap-name-secret"] == "mum-is-the-word\n"
    write_scenario(scenario, tmp_path / "again.toml")
    assert load_scenario(tmp_path / "again.toml").ibft == scenario.ibft
