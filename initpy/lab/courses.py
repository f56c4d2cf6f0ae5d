"""The courses of the comparison: scenarios of the lab, adapted to each contender."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.lab.peers import Peer
from initpy.scenario.acts import Cue
from initpy.scenario.model import Expectation, Layer, Outcome, Scenario

# Seconds until the user, who knows the passphrase, has typed it.
THINKING = 1.0
_PROMPT = re.compile("Passphrase for")
_PATIENCE = 150.0
_SIMPLE = ("ext2", "ext3", "ext4", "xfs", "btrfs")


@dataclass(frozen=True, slots=True)
class Course:
    """One kind of root file system."""

    key: str
    title: str
    file: Path


PLAIN = Course(
    "plain", "plain ext4 by LABEL", PROJECT / "tests" / "scenarios" / "plain-ext4-label.toml"
)
NESTED = Course(
    "nested",
    "ext4 on LVM on LUKS2 on RAID1",
    PROJECT / "tests" / "scenarios" / "lvm-on-luks-on-raid1.toml",
)
NETWORK = Course(
    "nfs-dhcp", "NFS root by DHCP", PROJECT / "tests" / "scenarios" / "net-nfs-dhcp.toml"
)
COURSES = (PLAIN, NESTED, NETWORK)


def scenario_for(
    scenario: Scenario, peer: Peer | None, thinking: float | None = THINKING
) -> Scenario:
    """Return the scenario with the parameters and files of a contender; None stands for initpy.

    It keeps only expectations that hold for every initramfs: the real init runs on a root of the
    expected type. `thinking` is the user's reaction time in seconds; None: the scenario's.
    """
    prompt = re.compile(peer.prompt) if peer else _PROMPT
    people = (
        replace(each, cue=Cue(when=prompt, after=each.cue.after if thinking is None else thinking))
        if each.cue.when
        else each
        for each in scenario.people
    )
    same = "root.source" if scenario.has_server_machine else "root.fstype"
    kept = tuple(fact for fact in scenario.expect.facts if fact[0] == same)
    return replace(
        scenario,
        cmdline=_cmdline(scenario, peer),
        files=(*scenario.files, *_files(peer, scenario.layers)),
        people=tuple(people),
        expect=Expectation(Outcome.BOOTED, _PATIENCE, facts=kept),
    )


def can_boot(peer: Peer | None, scenario: Scenario) -> bool:
    """Return whether a contender supports the scenario's root; None stands for initpy."""
    if peer is None:
        return True
    if scenario.has_server_machine:
        return bool(peer.network)
    return peer.disks and (peer.layers or not _stacked(scenario.layers))


def _stacked(layers: Iterable[Layer]) -> bool:
    return any(layer.kind not in _SIMPLE for layer in layers)


def _cmdline(scenario: Scenario, peer: Peer | None) -> str:
    if peer is None:
        return scenario.cmdline
    if scenario.has_server_machine:
        return peer.network
    more = peer.parameters if _stacked(scenario.layers) else ""
    return " ".join(word for word in (scenario.cmdline, more) if word)


def _files(peer: Peer | None, layers: Iterable[Layer]) -> tuple[tuple[str, str], ...]:
    if peer is None or not peer.crypttab:
        return ()
    volumes = [layer for layer in layers if layer.kind.startswith("luks")]
    lines = [f"{layer.name} UUID={layer.uuid} none luks\n" for layer in volumes]
    return ((peer.crypttab, "".join(lines)),) if lines else ()
