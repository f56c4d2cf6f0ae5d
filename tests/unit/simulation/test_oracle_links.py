"""The oracle's invariants of links, told made-up stories, wrong and right."""

from pathlib import Path

import pytest

from initpy.core.actions import Action, Run
from initpy.core.devices.graph import Device
from initpy.core.events import Enumerated, Event, JobEnded, TimePassed
from initpy.core.network.actions import Configure
from initpy.core.network.values import LinkConfig
from initpy.scenario.model import Outcome
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.record import Entry, lined
from initpy.simulation.oracle import links
from initpy.simulation.oracle.case import Case
from initpy.simulation.world.making import make_disks

TWO_CARDS = """
title = "two cards lead to two networks, a server is in that of the second"
[machine]
cmdline = "root=LABEL=r ip=dhcp netroot=nbd:10.0.3.1:d"
[[disk]]
name = "d"
size = "64M"
[[layer]]
kind = "ext4"
on = ["d"]
label = "r"
holds = "root"
[[nic]]
name = "eth0"
[[nic]]
name = "eth1"
[[server]]
name = "store"
kind = "{kind}"
serves = ["d"]
nic = "eth1"
{address}
[expect]
outcome = "booted"
"""
CONNECT = Run("nbd-connect@target/nbd0", 1, ("nbd-client", "10.0.3.1", "/dev/nbd0"), "target/nbd0")


def with_server(kind: str, address: str = 'address = "10.0.3.1"') -> str:
    return TWO_CARDS.replace("{kind}", kind).replace("{address}", address)


def has(link: str, address: str) -> Configure:
    return Configure(link, 1, LinkConfig((address,) if address else ()))


def step(time: float, event: Event, *actions: Action, engine: int) -> Entry:
    return Entry(time, engine, lined(event), tuple(map(lined, actions)))


@pytest.mark.parametrize(
    ("engine", "status", "first", "found"),
    [
        (1, 0, "10.0.2.50/24", 0),  # what an engine before has connected may go over it
        (0, 0, "10.0.2.50/24", 1),  # this engine knows over which link the server was reached
        (1, 1, "10.0.2.50/24", 1),  # nothing was reached
        (0, 0, "", 0),
        (0, 0, "10.0.3.60/24", 0),
    ],
)
def test_a_link_keeps_its_address_beside_another_one_where_a_session_may_go_over_it(
    tmp_path: Path, engine: int, status: int, first: str, found: int
) -> None:
    path = tmp_path / "world.toml"
    path.write_text(with_server("nbd"))
    entries = [
        step(1.0, Enumerated((Device("nbd0", {}),)), has("eth1", "10.0.3.50/24"), engine=0),
        step(2.0, TimePassed(), CONNECT, engine=0),
        step(2.1, JobEnded(CONNECT.job, 1, status), has("eth1", ""), engine=0),
        step(3.0, Enumerated((Device("nbd0", {}),)), has("eth0", first), engine=engine),
        step(4.0, TimePassed(), has("eth1", "10.0.3.50/24"), engine=engine),
    ]
    case = Case.told(load_scenario(path), entries, 1000.0, Outcome.BOOTED, screens=(), secrets=())
    assert len([*links.no_link_has_two_addresses(case)]) == found


@pytest.mark.parametrize("address", ['address = "10.0.3.1"', ""])
@pytest.mark.parametrize("partition", [{}, {"DEVTYPE": "partition", "PARTN": "1"}])
def test_the_disk_of_an_iscsi_server_is_known_by_the_number_of_its_unit(
    tmp_path: Path, address: str, partition: dict[str, str]
) -> None:
    path = tmp_path / "world.toml"
    target = 'target = "iqn.2004-01.org.example:store"'
    path.write_text(with_server("iscsi", f"{address}\n{target}").replace(':d"', ':store"'))
    scenario = load_scenario(path)
    probed = make_disks(scenario).disks["d"].probed
    assert probed is not None
    device = Device("sda", {**probed[0], **partition})
    entries = [step(1.0, Enumerated((device,)), engine=0)]
    case = Case.told(scenario, entries, 1000.0, Outcome.BOOTED, screens=(), secrets=())
    assert case.item(case.story.latest("sda", 0), 0) == ("" if partition else "d")
