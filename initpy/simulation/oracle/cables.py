"""When the servers of a scenario can be reached: their cables, leases and themselves are there."""

from initpy.scenario.model import Scenario
from initpy.scenario.servers import Nic, Server, Times

ENDLESS = float("inf")
# From when all is there until root is mounted: the longest pause of a retry, a DHCP search and
# the mount; more where another link is tried in between.
ENOUGH, ENOUGH_OF_TWO = 30.0, 55.0
DEADLINE = 85.0  # of root, from the start of /init
# Servers without which a card has no address.
OF_LEASES = ("leases", "gate", "leases-eth0", "leases-eth1")
Span = tuple[float, float]


def reachable_since(scenario: Scenario, server: Server) -> float | None:
    """When all that a server needs is there, for long enough; None if that is not sure."""
    spans = reachable(scenario, server)
    two = any(not each.switch and each.name != server.nic for each in scenario.nics)
    enough = ENOUGH_OF_TWO if two else ENOUGH
    long_enough = [a for a, b in spans if min(b, DEADLINE) - a >= enough]
    return min(long_enough, default=None)


def is_plain(scenario: Scenario, server: Server) -> bool:
    """Whether the command line names the server and has the first card get an address.

    False if that is not clear: no user would write a shrunk world's command line.
    """
    words = scenario.cmdline.split()
    nic = next(each for each in scenario.nics if each.name == server.nic)
    fixed = any(word.startswith("ip=") and word.endswith(":none") for word in words)
    near = {server.nic} | {each.switch for each in scenario.nics if each.name == server.nic}
    near |= {each.name for each in scenario.nics if each.switch and each.switch in near}
    leases = (each for each in scenario.servers if each.name in OF_LEASES)
    given = fixed or any(each.nic in near for each in leases)
    told = any(each.root_path for each in scenario.servers)
    if server.address not in scenario.cmdline and not told:
        return False
    return given and bool(nic.vlan) == any(word.startswith("vlan=") for word in words)


def reachable(scenario: Scenario, server: Server) -> list[Span]:
    """When the cable, the address and the server itself are there."""
    cables = [
        each for each in scenario.nics if each.name == server.nic or each.switch == server.nic
    ]
    spans = _union([span for nic in cables for span in _spans(nic.carrier)])
    if not _monitored(scenario, cables):
        spans = _spans(cables[0].carrier)
    for each in scenario.servers:
        if each is server or (each.name in OF_LEASES and each.nic == server.nic):
            spans = _both(spans, _spans(each.times))
    return spans


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
