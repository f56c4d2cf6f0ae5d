"""What is booted in the comparison: a scenario of the lab, put in the words of each contender."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.lab.peers import Peer
from initpy.scenario.model import Cue, Expectation, Layer, Outcome, Scenario

# A person who sees the prompt and has the passphrase at their fingertips.
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
COURSES = (PLAIN, NESTED)


def scenario_for(
    scenario: Scenario, peer: Peer | None, thinking: float | None = THINKING
) -> Scenario:
    """The scenario with what the contender must be told; None stands for initpy.

    Of the expectations only those are kept that hold for every initramfs: the same
    kind of root has been mounted by the same real init. `thinking` is how long people
    take to answer, in seconds; None: as long as the scenario says.
    """
    prompt = re.compile(peer.prompt) if peer else _PROMPT
    told = _parameters(peer, scenario.layers) if peer else ""
    people = (
        replace(each, cue=Cue(when=prompt, after=each.cue.after if thinking is None else thinking))
        if each.cue.when
        else each
        for each in scenario.people
    )
    kept = tuple(fact for fact in scenario.expect.facts if fact[0] == "root.fstype")
    return replace(
        scenario,
        cmdline=" ".join(word for word in (scenario.cmdline, told) if word),
        files=(*scenario.files, *_files(peer, scenario.layers)),
        people=tuple(people),
        expect=Expectation(Outcome.BOOTED, _PATIENCE, facts=kept),
    )


def can_boot(peer: Peer | None, scenario: Scenario) -> bool:
    """Whether a contender has what the layers take; None stands for initpy."""
    return peer is None or peer.layers or not _stacked(scenario.layers)


def _stacked(layers: Iterable[Layer]) -> bool:
    return any(layer.kind not in _SIMPLE for layer in layers)


def _parameters(peer: Peer, layers: Iterable[Layer]) -> str:
    return peer.parameters if _stacked(layers) else ""


def _files(peer: Peer | None, layers: Iterable[Layer]) -> tuple[tuple[str, str], ...]:
    if peer is None or not peer.crypttab:
        return ()
    volumes = [layer for layer in layers if layer.kind.startswith("luks")]
    lines = [f"{layer.name} UUID={layer.uuid} none luks\n" for layer in volumes]
    return ((peer.crypttab, "".join(lines)),) if lines else ()
