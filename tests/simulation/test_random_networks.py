"""Random networks with an NFS root (R15, R16): a root that can be reached is mounted.

Cables, DHCP servers and the NFS server come at any time, or never; an engine may die. Whatever
happens, a link never gets a second address, only one link has one at a time where they share a
request, and the link that the root is reached by keeps its address.
"""

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some

from initpy.core.network.actions import Configure, SwitchLink
from initpy.scenario.model import Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.servers import Nic, Server, Times, machine_address
from initpy.simulation.machine.record import Simulated
from initpy.simulation.machine.run import simulate

BASE = load_scenario(Path(__file__).parents[1] / "scenarios" / "net-nfs-dhcp.toml")
LIMIT = 150.0
ROOT_WAIT = 120
# From the last thing that comes to a mounted root: two pauses of DHCP, turns of links with three
# seconds of ARP each, and the pauses of the mount.
SLACK = 60.0

TIMES = some.sampled_from([0.0, 0.0, 0.0, 3.0, 11.0, 25.0, None])
CARDS = some.lists(some.tuples(TIMES, TIMES), min_size=1, max_size=3)


def world(
    cards: list[tuple[float | None, float | None]],
    behind: int,
    up: float | None,
    versions: tuple[str, ...],
    named: bool,
) -> Scenario:
    """A scenario: of each card when its cable and its DHCP server come."""
    nics = tuple(Nic(f"eth{number}", Times(cable)) for number, (cable, _) in enumerate(cards))
    nic = nics[behind % len(nics)]
    address = machine_address(nic.name)
    path = f"{address}:/srv/root"
    servers = [
        Server(f"leases{number}", "dhcp", (), nics[number].name, machine_address(f"eth{number}"),
               67, Times(lease), root_path="" if named else path)
        for number, (_, lease) in enumerate(cards)
    ]  # fmt: skip
    files = Server("files", "nfs", ("root",), nic.name, address, 2049, Times(up),
                   export="/srv/root", versions=versions)  # fmt: skip
    root = f"root=/dev/nfs nfsroot={path}" if named else "root=dhcp"
    return replace(
        BASE,
        nics=nics,
        servers=(*servers, files),
        cmdline=f"{root} ip=dhcp rw rootdelay={ROOT_WAIT}",
        expect=replace(BASE.expect, within=LIMIT),
    )


def reachable(scenario: Scenario) -> float | None:
    """When the last comes of what the root needs; None if something never does."""
    files = scenario.servers[-1]
    number = int(files.nic.removeprefix("eth"))
    needed = (
        scenario.nics[number].carrier.up, scenario.servers[number].times.up, files.times.up
    )  # fmt: skip
    known = [each for each in needed if each is not None]
    return max(known) if len(known) == len(needed) else None


def check_links(done: Simulated) -> None:
    """Hold what was done with the links against what must never happen."""
    has: dict[str, tuple[str, ...]] = {}
    mounted = False
    for step in done.steps:
        for action in step.actions:
            if isinstance(action, Configure):
                assert len(action.config.addresses) <= 1
                before = has.get(action.link, ())
                if mounted:
                    assert action.config.addresses in ((), before)
                has[action.link] = action.config.addresses
                assert sum(map(bool, has.values())) <= 1, has
            if isinstance(action, SwitchLink) and not action.up:
                assert not has.get(action.link)
        mounted = mounted or "/sysroot" in str(step.event)


@settings(max_examples=60, deadline=None)
@given(CARDS, some.integers(0, 2), TIMES, some.sampled_from([(), ("3",), ("4",)]), some.booleans(),
       some.one_of(some.none(), some.integers(2, 25)))  # fmt: skip
def test_a_root_that_can_be_reached_is_mounted(
    cards: list[tuple[float | None, float | None]],
    behind: int,
    up: float | None,
    versions: tuple[str, ...],
    named: bool,
    dies_after: int | None,
) -> None:
    scenario = world(cards, behind, up, versions, named)
    done = simulate(scenario, crash_after=dies_after)
    check_links(done)
    last = reachable(scenario)
    if last is None:
        assert done.outcome is not Outcome.BOOTED
        return
    assert done.outcome is Outcome.BOOTED, done.console[-2000:]
    assert done.ended <= last + SLACK
    root = f"eth{behind % len(cards)}"
    network = done.world.network
    assert network is not None and network.links[root].addresses
    assert [each.plan.name for each in network.links.values() if each.addresses] == [root]
