"""Invariants of links and sessions: what root stands on is neither given two addresses nor lost."""

import re
from ipaddress import ip_address, ip_interface

from initpy.scenario.model import Outcome
from initpy.simulation.machine.record import Entry
from initpy.simulation.oracle.cables import is_plain, reachable_since
from initpy.simulation.oracle.case import Case, Found


def a_reachable_export_is_mounted(case: Case) -> Found:
    """A root whose server, lease and cable are there long enough is mounted."""
    scenario = case.expected.scenario
    for files in (each for each in scenario.servers if each.name == "files"):
        since = reachable_since(scenario, files) if is_plain(scenario, files) else None
        if since is not None and case.outcome is not Outcome.BOOTED:
            yield case.ended, f"root can be reached from {since:.1f} s on; {case.outcome.value}"


def what_root_stands_on_is_not_taken_down(case: Case) -> Found:
    """Once root is mounted, its links stay up with their addresses, and its sessions stay."""
    needed, mounted = _needed(case), case.mounted
    if mounted is None or not needed:
        return
    having: dict[tuple[str, int], tuple[str, ...]] = {}
    for order, entry in enumerate(case.entries):
        for action in entry.actions:
            link = action.get("link")
            if action["kind"] == "Configure" and link in needed:
                addresses, place = tuple(action["config"][0]), (link, action["version"])
                if order >= mounted[1] and not {*having.get(place, ())} <= {*addresses}:
                    yield entry.time, f"{link}, which root stands on, has lost its address"
                having[place] = addresses
            elif order >= mounted[1] and link in needed:
                down = action["kind"] == "SwitchLink" and not action["up"]
                if down or action["kind"] == "RemoveLink":
                    yield entry.time, f"{link}, which root stands on, was taken down"
    for work in case.story.works:
        if "--logout" in work.words or (work.words[0] == "nbd-client" and "-d" in work.words):
            yield work.start, f"{' '.join(work.words)} ends a session"


def _needed(case: Case) -> set[str]:
    """The links that root is reached by at the end, and those below them."""
    network = case.network
    if network is None:
        return set()
    expected = case.expected
    cone = expected.cone(expected.root) if expected.root else set()
    servers = [each for each in expected.scenario.servers if cone & set(each.serves)]
    needed, left = set[str](), [
        link
        for server in servers
        for link in network.links.values()
        if network.wire(server.nic) in network.wires(link)
        and (
            link.all_addresses_6 or server.address.startswith("fe80:")
            if ":" in server.address
            else link.addresses
        )
    ]  # fmt: skip
    while left:
        link = left.pop()
        needed.add(link.name)
        left += network.below(link)
    return needed


def no_link_has_two_addresses(case: Case) -> Found:
    """A link has addresses of each version of IP from one source; so has a request for any link.

    Several fixed addresses of one version are one source: the command line. Beside a link
    over which a server was reached, another one may have an address in a further server's network.
    """
    if case.forgets:
        return
    words = case.expected.scenario.cmdline.split()
    asked = [each.removeprefix("ip=") for each in words if each.startswith("ip=")]
    shared = any(":" not in each for each in asked)
    fixed = {4: sum(each[:1].isdecimal() for each in asked),
             6: sum(each.startswith("[") for each in asked)}  # fmt: skip
    having: dict[int, dict[str, list[str]]] = {4: {}, 6: {}}
    for entry in case.entries:
        for action in entry.actions:
            if action["kind"] != "Configure":
                continue
            addresses, version = action["config"][0], action["version"]
            of_version = having[version]
            of_version[action["link"]] = addresses
            if any((":" in each) is (version == 4) for each in addresses):
                yield entry.time, f"{action['link']} has an address of another version"
            if len(addresses) > max(1, fixed[version]):
                yield entry.time, f"{action['link']} has several addresses of a version"
            those = [each for each in of_version.values() if each]
            if shared and len(those) > 1 and not _has_each_its_use(case, those, entry):
                yield entry.time, f"{', '.join(of_version)} have addresses"
                return


ADDRESS = re.compile(r"\d+(?:\.\d+){3}")


def _has_each_its_use(case: Case, having: list[list[str]], entry: Entry) -> bool:
    """Whether servers of the command line are in the network of each link, and one was reached.

    One link may be in another network if an engine before this one has reached a server: nothing
    tells over which link, and a session may go through a router.
    """
    words = (each for each in case.expected.scenario.cmdline.split() if not each.startswith("ip="))
    servers = {found for each in words for found in ADDRESS.findall(each)}
    groups = [
        {each for each in servers for own in addresses if _is_in(each, own)} for addresses in having
    ]
    reached = [
        work.engine
        for work in case.story.works
        if work.worked and work.end <= entry.time
        if any(each in word for group in groups for each in group for word in work.words)
    ]
    if all(groups):
        return bool(reached)
    return any(engine < entry.engine for engine in reached) and groups.count(set()) == 1


def _is_in(server: str, address: str) -> bool:
    try:
        return ip_address(server) in ip_interface(address).network
    except ValueError:  # no address, such as the number of a version
        return False
