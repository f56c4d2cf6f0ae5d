"""Judges boots from an exported root: what holds for the links to its server.

- A root whose server, lease and cable are there long enough is mounted.
- Of links that compete, one has an address at a time; no link has two of one family.
- What the root stands on stays up: at the handover its server is reached, if the cable is there.
"""

from collections.abc import Iterator

from initpy.scenario.model import Nic, Scenario, Server, Times
from initpy.simulation.machine.record import Simulated

ENDLESS = float("inf")
# From when all is there until root is mounted: the longest pause of a retry, a DHCP search and
# the mount; more where another link is tried in between.
ENOUGH, ENOUGH_OF_TWO = 30.0, 55.0
DEADLINE = 85.0  # of root, from the start of /init
Span = tuple[float, float]


def judge(simulated: Simulated) -> Iterator[str]:
    """Yield what does not hold, in words."""
    scenario = simulated.scenario
    files = next(each for each in scenario.servers if each.name == "files")
    yield from _never_two_addresses(simulated)
    since = _reachable_since(scenario, files)
    if since is not None and not simulated.handed_over:
        yield f"root can be reached from {since:.1f} s on and is not mounted ({simulated.outcome})"
    if simulated.handed_over:
        yield from _never_taken_down(simulated, files)


def _never_taken_down(simulated: Simulated, files: Server) -> Iterator[str]:
    """The links that root stands on are neither switched off nor removed once it is mounted."""
    network = simulated.world.network
    assert network is not None
    needed, left = set[str](), [
        each for each in network.links.values()
        if network.wire(files.nic) in network.wires(each)
        and (each.address_6 if ":" in files.address else each.address)
    ]  # fmt: skip
    while left:
        link = left.pop()
        needed.add(link.name)
        left += network.below(link)
    mounted = False
    for entry in simulated.entries():
        mounted = mounted or entry.event["kind"] == "Mounted"
        for action in entry.actions if mounted else ():
            down = action["kind"] == "SwitchLink" and not action["up"]
            if (down or action["kind"] == "RemoveLink") and action["link"] in needed:
                yield f"{action['link']}, which root stands on, was taken down"


def _never_two_addresses(simulated: Simulated) -> Iterator[str]:
    """Of links that compete for a request, one has an address at a time."""
    shared = "ip=dhcp" in simulated.scenario.cmdline.split()
    having: dict[str, int] = {}
    for entry in simulated.entries():
        for action in entry.actions:
            if action["kind"] != "Configure":
                continue
            addresses = action["config"][0]
            having[action["link"]] = len(addresses)
            if sum(":" in each for each in addresses) > 1 or len(addresses) > 2:
                yield f"{action['link']} has several addresses of a family at {entry.time:.1f} s"
        if shared and sum(map(bool, having.values())) > 1:
            yield f"{', '.join(having)} have addresses at {entry.time:.1f} s"
            return


def _reachable_since(scenario: Scenario, files: Server) -> float | None:
    """When all that the root needs is there, for long enough; None if that is not sure."""
    cables = [each for each in scenario.nics if each.name == files.nic or each.switch == files.nic]
    spans = _union([span for nic in cables for span in _spans(nic.carrier)])
    if not _monitored(scenario, cables):
        spans = _spans(cables[0].carrier)
    for server in scenario.servers:
        if server.name in ("files", "leases", "gate"):
            spans = _both(spans, _spans(server.times))
    two = any(not each.switch and each.name != files.nic for each in scenario.nics)
    enough = ENOUGH_OF_TWO if two else ENOUGH
    long_enough = [a for a, b in spans if min(b, DEADLINE) - a >= enough]
    return min(long_enough, default=None)


def _monitored(scenario: Scenario, cables: list[Nic]) -> bool:
    """True if a second cable to the same switch serves as well: that of a bond."""
    return len(cables) > 1 and "bond=" in scenario.cmdline


def _spans(times: Times) -> list[Span]:
    if times.up is None:
        return []
    first = (times.up, ENDLESS if times.down is None else times.down)
    return [first] if times.back is None else [first, (times.back, ENDLESS)]


def _both(some: list[Span], others: list[Span]) -> list[Span]:
    found = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return [(a, b) for a, b in found if a < b]


def _union(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for a, b in sorted(spans):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((a, b))
    return found
